# SPDX-License-Identifier: Apache-2.0
"""Records in ZooKeeper, for several registries at once.

Every store keeps a mirror of what the nodes hold, by following the changes. A batch is decided on
the mirror and sent as one `multi()` that names the version of the head node which the mirror is at:
it lands as a whole, or not at all because somebody was quicker, and is decided anew.
"""

from __future__ import annotations

import asyncio
from collections import ChainMap, deque
from collections.abc import Coroutine, Iterable, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple, TypeVar

from rollcall.backends.records import zookeeper_nodes as nodes
from rollcall.backends.records.batch import Batch, Key, Row
from rollcall.backends.records.codec import Codec
from rollcall.backends.records.wakes import Wakes
from rollcall.backends.records.zookeeper_link import LOST, Session, errors
from rollcall.kernel.clock import Clock
from rollcall.kernel.errors import (
    Closed,
    Compacted,
    InvalidInput,
    StoreUnavailable,
    Unavailable,
)
from rollcall.kernel.ids import IdSource
from rollcall.registry.models import Table
from rollcall.registry.store import Change, Conflict, Renewal, Snapshot, Stored, Traits, Write

T = TypeVar("T")

KEEP_CHANGES: Final = 10_000
"""Fewer than elsewhere: their nodes are listed in one message."""
SESSION_TIMEOUT: Final = 10.0
POLL: Final = 2.0
"""Seconds after which a follower that nobody woke looks for itself."""
_TRIES: Final = 50
"""How often a batch is decided anew because somebody was quicker."""


class _Kept(NamedTuple):
    """A node of changes: the numbers of its first and its last."""

    first: int
    last: int


class ZookeeperStore:
    """A record store in ZooKeeper.

    A batch that does not fit into one message of ZooKeeper is written in several, each of which is
    atomic: this alone differs from other stores.

    Args:
        hosts: `host:port,host:port`.
        root: The path under which everything is.
        clock: Stamps the changes.
        ids: Draws the store's epoch when the root is made.
        keep_changes: How many changes the log keeps at least; a tenth, or 1000, more at most.
        timeout: Seconds until the servers give a silent session up.
    """

    traits = Traits(durable=True, shared=True)

    def __init__(
        self,
        hosts: str,
        root: str,
        clock: Clock,
        ids: IdSource,
        keep_changes: int = KEEP_CHANGES,
        *,
        timeout: float = SESSION_TIMEOUT,
    ) -> None:
        self._clock = clock
        self._ids = ids
        self._keep = keep_changes
        self._slack = max(1, min(keep_changes // 10, 1000))
        self._paths = nodes.Paths(root)
        self._codec = Codec()
        self._wakes = Wakes()
        self._session = Session(hosts, timeout, self._wakes.wake)
        self._turn = asyncio.Lock()
        self._open = False
        self._forget_all()

    async def open(self) -> Snapshot:
        """Make the root where there is none, and read everything; again for a fresh reading.

        Raises:
            IncompatibleStore: What is at the root is not ours, or of another version.
            StoreUnavailable: No server answers.
        """
        await self._session.start()
        self._open = True
        async with self._turn:
            return await self._translated(self._read())

    async def commit(self, writes: Sequence[Write]) -> list[Change | Conflict]:
        self._running()
        docs = [self._encoded(write) for write in writes]
        outcomes: list[Change | Conflict] = []
        start = 0
        while start < len(writes):
            end = _fitting(docs, start)
            work = self._commit(writes[start:end], docs[start:end])
            outcomes += await asyncio.shield(asyncio.ensure_future(work))
            start = end
        return outcomes

    async def settle(self, ops: Sequence[str]) -> dict[str, Change]:
        self._running()
        async with self._turn:
            # A new version of the head: what was sent before and has not landed never will.
            for _ in range(_TRIES):
                await self._translated(self._catch_up(synced=True))
                if await self._moved([("set_data", self._paths.head, self._said(), self._version)]):
                    self._version += 1
                    return {op: done for op in ops if (done := self._done.get(op))}
        raise StoreUnavailable("others write all the time")

    async def changes(self, after: int, limit: int = 1000) -> list[Change]:
        self._running()
        async with self._turn:
            await self._translated(self._catch_up())
            if after < self._head.compacted:
                raise Compacted(after, self._head.compacted + 1)
            if after >= self._head.revision:
                return []
            first = self._log[0].revision
            skip = max(0, after + 1 - first)
            return [self._log[place] for place in range(skip, min(skip + limit, len(self._log)))]

    async def wait(self, after: int) -> None:
        self._running()
        waiting = asyncio.ensure_future(self._wakes.wait())
        try:
            head = await self._translated(self._watched())
            if head.revision <= after and self._open:
                await asyncio.wait((waiting,), timeout=POLL)
        finally:
            waiting.cancel()

    async def renew(self, renewals: Sequence[Renewal], alive_at: float) -> None:
        self._running()
        async with self._turn:
            await self._translated(self._catch_up())
            await self._translated(self._renew(renewals, alive_at))

    async def compact(self, before: int) -> None:
        self._running()
        async with self._turn:
            for _ in range(_TRIES):
                await self._translated(self._catch_up(synced=True))
                last = min(before - 1, self._head.revision)
                if last <= self._head.compacted or await self._moved(self._compaction(last)):
                    return

    async def close(self) -> None:
        self._open = False
        self._wakes.wake()
        await self._session.close()

    # The mirror

    def _forget_all(self) -> None:
        self._head = nodes.Head("")
        self._version = -1
        self._rows: dict[Key, Row | None] = {}
        self._log: deque[Change] = deque()
        self._done: dict[str, Change] = {}
        self._kept: deque[_Kept] = deque()

    async def _read(self) -> Snapshot:
        """Read all nodes into a fresh mirror."""
        call, paths = self._session.call, self._paths
        self._forget_all()
        await self._make_root()
        await call("sync", paths.root)
        data, stat = await call("get", paths.head)
        self._head, self._version = nodes.head_from(data), stat.version
        names = [
            name
            for listed in await self._session.each("get_children", paths.buckets(paths.docs))
            for name in listed or ()
        ]
        keys = [nodes.key_of(name) for name in names]
        found = await self._session.each("get", [paths.doc(key) for key in keys])
        for key, one in zip(keys, found, strict=True):
            if one is not None:
                self._rows[key] = nodes.document_from(one[0], key[0], self._codec)
        batches = sorted(await call("get_children", paths.changes))
        for one in await self._session.each("get", [f"{paths.changes}/{n}" for n in batches]):
            if one is not None:
                self._take_in(one[0])
        # Up to where the head was; what came in meanwhile follows in its order.
        await self._catch_up(synced=True)
        await self._read_renewals()
        alive, _ = await call("get", paths.alive)
        docs = self._documents()
        return Snapshot(
            self._head.epoch, self._head.revision, self._clock.now(), float(alive), docs
        )

    def _documents(self) -> list[Stored]:
        held: dict[Table, list[Stored]] = {Table.LEASE: [], Table.RECORD: [], Table.HOLD: []}
        for key, row in self._rows.items():
            if row is None or row.doc is None:
                continue
            renewed_at = row.renewed_at
            if row.lease is not None:
                shared = self._rows.get((Table.LEASE, key[1], row.lease))
                renewed_at = renewed_at if shared is None else shared.renewed_at
            held[key[0]].append(Stored(row.doc, row.revision, renewed_at))
        return [stored for docs in held.values() for stored in docs]

    async def _make_root(self) -> None:
        paths = self._paths
        try:
            await self._session.call("get", paths.head)
            return
        except errors.NoNodeError:
            pass
        for parent in (paths.changes, paths.docs, paths.renewals):
            await self._session.call("ensure_path", parent)
        wanted: list[tuple[Any, ...]] = [
            ("create", path)
            for parent in (paths.docs, paths.renewals)
            for path in paths.buckets(parent)
        ]
        wanted.append(("create", paths.alive, repr(self._clock.now()).encode()))
        wanted.append(("create", paths.head, nodes.encoded(nodes.Head(self._ids.hex(16)))))
        # All of them, or none because somebody else has made them meanwhile.
        await self._moved(wanted)

    async def _catch_up(self, *, synced: bool = False) -> None:
        """Have the mirror be at the head.

        Args:
            synced: Whether to ask the leader, and not a server that may be behind.
        """
        call, paths = self._session.call, self._paths
        if synced:
            await call("sync", paths.root)
        while True:
            data, stat = await call("get", paths.head)
            if stat.version < self._version:
                # A server that is behind the one that was asked before.
                await call("sync", paths.root)
                continue
            head = nodes.head_from(data)
            if self._next > head.revision:
                break
            try:
                batch, _ = await call("get", paths.change(self._next))
            except errors.NoNodeError:
                if head.compacted >= self._next:
                    raise Compacted(self._next - 1, head.compacted + 1) from None
                await call("sync", paths.root)
                continue
            self._take_in(batch)
        self._head, self._version = head, stat.version
        self._drop_forgotten()

    @property
    def _next(self) -> int:
        """The number of the first change that the mirror does not have."""
        return self._log[-1].revision + 1 if self._log else self._head.compacted + 1

    def _take_in(self, batch: bytes) -> None:
        changes = nodes.changes_from(batch, self._codec)
        for change, row in changes:
            key = (change.table, change.namespace, change.id)
            there = self._rows.get(key)
            # While everything is read, a document may be newer than the change.
            if there is None or there.revision < change.revision:
                self._rows[key] = row
                if row is None:
                    self._removed(key, change.revision)
            self._note(change)
        self._kept.append(_Kept(changes[0][0].revision, changes[-1][0].revision))

    def _note(self, change: Change) -> None:
        self._log.append(change)
        self._done[change.op] = change

    def _removed(self, key: Key, revision: int) -> None:
        self._rows.pop(key, None)
        if key[0] is Table.LEASE:
            for member, row in list(self._rows.items()):
                covered = row is not None and row.lease == key[2] and row.revision < revision
                if covered and member[0] is Table.RECORD and member[1] == key[1]:
                    del self._rows[member]

    def _drop_forgotten(self) -> None:
        while self._log and self._log[0].revision <= self._head.compacted:
            self._done.pop(self._log.popleft().op, None)
        while self._kept and self._kept[0].last <= self._head.compacted:
            self._kept.popleft()

    async def _watched(self) -> nodes.Head:
        data, _ = await self._session.call("get", self._paths.head, watch=self._session.watch)
        return nodes.head_from(data)

    # Writing

    async def _commit(
        self, writes: Sequence[Write], docs: Sequence[str | None]
    ) -> list[Change | Conflict]:
        async with self._turn:
            for attempt in range(_TRIES):
                if attempt or self._version < 0:
                    await self._translated(self._catch_up(synced=True))
                guards = await self._translated(self._guards(writes))
                rows = ChainMap[Key, Row | None]({}, self._rows)
                batch = Batch(self._head.revision, self._clock.now(), self._done, rows)
                outcomes = [batch.apply(*one) for one in zip(writes, docs, strict=True)]
                if not batch.changes:
                    # Refused on what the mirror says, which must then be what the nodes say.
                    if await self._moved([("check", self._paths.head, self._version)]):
                        return outcomes
                elif await self._moved([*guards, *self._operations(batch)]):
                    self._landed(batch)
                    await self._forget_some()
                    return outcomes
        raise StoreUnavailable("others write all the time; nothing was written")

    def _operations(self, batch: Batch) -> list[tuple[Any, ...]]:
        paths, first = self._paths, self._head.revision + 1
        head = nodes.Head(self._head.epoch, batch.revision, self._head.compacted)
        operations: list[tuple[Any, ...]] = [
            ("set_data", paths.head, nodes.encoded(head), self._version),
            ("create", paths.change(first), nodes.changes_to(batch.changes, batch.rows)),
        ]
        for key in batch.touched:
            row, there = batch.rows[key], self._rows.get(key)
            path = paths.doc(key)
            if row is None:
                operations += [("delete", path)] if there is not None else []
            elif there is None:
                operations.append(("create", path, nodes.document_to(row)))
            else:
                operations.append(("set_data", path, nodes.document_to(row)))
        return operations

    def _landed(self, batch: Batch) -> None:
        self._kept.append(_Kept(self._head.revision + 1, batch.revision))
        self._head = nodes.Head(self._head.epoch, batch.revision, self._head.compacted)
        self._version += 1
        for key in batch.touched:
            row = batch.rows[key]
            if row is None:
                self._rows.pop(key, None)
            else:
                self._rows[key] = row
        for change, _ in batch.changes:
            self._note(change)
        self._wakes.wake()

    async def _forget_some(self) -> None:
        """Compact what is more than is to be kept; if that fails, the next batch does it."""
        last = self._head.revision - self._keep
        if last - self._head.compacted >= self._slack:
            with suppress(Unavailable):
                if await self._moved(self._compaction(last)):
                    self._head = nodes.Head(self._head.epoch, self._head.revision, last)
                    self._version += 1
                    self._drop_forgotten()

    def _compaction(self, last: int) -> list[tuple[Any, ...]]:
        head = nodes.Head(self._head.epoch, self._head.revision, last)
        gone = [kept for kept in self._kept if kept.last <= last]
        return [
            ("set_data", self._paths.head, nodes.encoded(head), self._version),
            *(("delete", self._paths.change(kept.first)) for kept in gone),
        ]

    async def _moved(self, operations: Sequence[tuple[Any, ...]]) -> bool:
        """Send operations that name the head's version; False: somebody was quicker."""
        results = await self._session.together(operations)
        failed = [one for one in results if isinstance(one, Exception)]
        if not failed:
            return True
        for one in failed:
            if not isinstance(one, (errors.BadVersionError, *_CASCADED)):
                raise StoreUnavailable(f"nothing was written: {one!r}") from one
        return False

    def _said(self) -> bytes:
        return nodes.encoded(self._head)

    # Renewals

    async def _renew(self, renewals: Iterable[Renewal], alive_at: float) -> None:
        call = self._session.call
        alive, _ = await call("get", self._paths.alive)
        if alive_at > float(alive):
            await call("set", self._paths.alive, repr(alive_at).encode())
        by_bucket: dict[str, list[tuple[Key, int, float]]] = {}
        for one in renewals:
            key = (one.table, one.namespace, one.id)
            row = self._rows.get(key)
            if row is not None and row.epoch is not None and one.at > row.renewed_at:
                row.renewed_at = one.at
                by_bucket.setdefault(self._paths.renewal(key), []).append((key, row.begun, one.at))
        await asyncio.gather(*(self._write_renewals(*one) for one in by_bucket.items()))

    async def _write_renewals(self, path: str, news: Sequence[tuple[Key, int, float]]) -> None:
        for _ in range(_TRIES):
            data, stat = await self._session.call("get", path)
            kept = {
                name: one
                for name, one in nodes.renewals_from(data).items()
                if (row := self._rows.get(nodes.key_of(name))) is not None and row.begun == one[0]
            }
            for key, begun, at in news:
                name = nodes.name_of(key)
                kept[name] = (begun, max(at, kept.get(name, (begun, at))[1]))
            try:
                await self._session.call("set", path, nodes.encoded(kept), stat.version)
                return
            except errors.BadVersionError:
                continue

    async def _read_renewals(self) -> None:
        buckets = self._paths.buckets(self._paths.renewals)
        for one in await self._session.each("get", buckets):
            if one is not None:
                self._merge(nodes.renewals_from(one[0]))

    def _merge(self, renewals: nodes.Renewals) -> None:
        for name, (begun, at) in renewals.items():
            row = self._rows.get(nodes.key_of(name))
            # Of an earlier term of the lease it says nothing.
            if row is not None and row.begun == begun:
                row.renewed_at = max(row.renewed_at, at)

    async def _guards(self, writes: Sequence[Write]) -> list[tuple[Any, ...]]:
        """Take in renewals that expiries ask about, and have the batch fail if there are more."""
        asked: set[str] = set()
        for write in writes:
            if write.unless_renewed_since is not None:
                key = (write.table, write.namespace, write.id)
                row = self._rows.get(key)
                if row is not None and row.lease is not None:
                    key = (Table.LEASE, write.namespace, row.lease)
                asked.add(self._paths.renewal(key))
        guards: list[tuple[Any, ...]] = []
        for path in sorted(asked):
            data, stat = await self._session.call("get", path)
            self._merge(nodes.renewals_from(data))
            guards.append(("check", path, stat.version))
        return guards

    # Odds and ends

    def _encoded(self, write: Write) -> str | None:
        field = f"{write.table}.{write.id}"
        if "\0" in write.op:
            raise InvalidInput(field, "must not hold a NUL character")
        try:
            json = None if write.doc is None else self._codec.encode(write.doc).decode()
        except (TypeError, ValueError) as error:
            raise InvalidInput(field, f"is no JSON: {error}") from error
        if json is not None and 2 * len(json) > nodes.MESSAGE:
            raise InvalidInput(field, f"is too long for ZooKeeper ({len(json):,} characters)")
        return json

    def _running(self) -> None:
        if not self._open:
            raise Closed("the store in ZooKeeper is not open")

    async def _translated(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            return await work
        except (errors.KazooException, *LOST) as error:
            raise StoreUnavailable(f"ZooKeeper cannot serve: {error!r}") from error


_CASCADED: Final[tuple[type[Exception], ...]] = (
    errors.RolledBackError,
    errors.RuntimeInconsistency,
    errors.NoNodeError,
    errors.NodeExistsError,
)
"""What the other operations of a `multi()` fail with, and what a stale mirror leads to."""


def _fitting(docs: Sequence[str | None], start: int) -> int:
    """Up to where documents fit into one message, each twice: in the log and as itself."""
    size, end = 0, start
    while end < len(docs):
        size += 2 * len((docs[end] or "").encode()) + 800
        if size > nodes.MESSAGE and end > start:
            break
        end += 1
    return end
