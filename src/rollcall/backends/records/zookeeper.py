# SPDX-License-Identifier: Apache-2.0
"""Records in ZooKeeper, for several registries at once.

Every store keeps a mirror of what the nodes hold, by following the changes. A batch is decided on
the mirror and sent as one `multi()` that names the version of the head node which the mirror is at:
it lands as a whole, or not at all because somebody was quicker, and is decided anew.
"""

from __future__ import annotations

import asyncio
from collections import ChainMap
from collections.abc import Coroutine, Iterable, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any, Final, TypeVar

from rollcall.backends.records import zookeeper_nodes as nodes
from rollcall.backends.records.batch import Batch, Key, Row
from rollcall.backends.records.codec import Codec
from rollcall.backends.records.wakes import Wakes
from rollcall.backends.records.zookeeper_link import LOST, Session, errors
from rollcall.backends.records.zookeeper_mirror import Mirror
from rollcall.kernel.clock import Clock
from rollcall.kernel.errors import (
    Closed,
    Compacted,
    InvalidInput,
    OutcomeUnknown,
    StoreUnavailable,
    Unavailable,
)
from rollcall.kernel.ids import IdSource
from rollcall.registry.models import Record, Table
from rollcall.registry.store import Change, Conflict, Renewal, Snapshot, Traits, Write

T = TypeVar("T")

KEEP_CHANGES: Final = 10_000
"""Fewer than elsewhere: their nodes are listed in one message."""
SESSION_TIMEOUT: Final = 10.0
POLL: Final = 2.0
"""Seconds after which a follower that nobody woke looks for itself."""
_TRIES: Final = 50
"""How often a batch is decided anew because somebody was quicker."""


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
        self._mirror = Mirror(self._session, self._paths)

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
        while len(outcomes) < len(writes):
            start = len(outcomes)
            end = nodes.fitting(docs, start)
            work = self._commit(writes[start:end], docs[start:end])
            try:
                outcomes += await asyncio.shield(asyncio.ensure_future(work))
            except StoreUnavailable as error:
                if not outcomes:
                    raise
                raise OutcomeUnknown(f"only a part of the batch was written: {error}") from error
        return outcomes

    async def settle(self, ops: Sequence[str]) -> dict[str, Change]:
        self._running()
        async with self._turn:
            # A new version of the head: what was sent before and has not landed never will.
            for _ in range(_TRIES):
                await self._current()
                if await self._moved(
                    [("set_data", self._paths.head, self._said(), self._mirror.version)]
                ):
                    self._mirror.version += 1
                    return {op: done for op in ops if (done := self._mirror.done.get(op))}
        raise StoreUnavailable("others write all the time")

    async def changes(self, after: int, limit: int = 1000) -> list[Change]:
        self._running()
        async with self._turn:
            await self._translated(self._mirror.catch_up())
            if after < self._mirror.head.compacted:
                raise Compacted(after, self._mirror.head.compacted + 1)
            if after >= self._mirror.head.revision:
                return []
            first = self._mirror.log[0].revision
            skip = max(0, after + 1 - first)
            return list(islice(self._mirror.log, skip, skip + limit))

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
            await self._current()
            await self._translated(self._renew(renewals, alive_at))

    async def compact(self, before: int) -> None:
        self._running()
        async with self._turn:
            for _ in range(_TRIES):
                await self._current()
                last = min(before - 1, self._mirror.head.revision)
                if last <= self._mirror.head.compacted or await self._moved(self._compaction(last)):
                    return

    async def close(self) -> None:
        self._open = False
        self._wakes.wake()
        await self._session.close()

    async def _read(self) -> Snapshot:
        await self._make_root()
        # Apart, so that one that was read by half is never used.
        mirror = Mirror(self._session, self._paths)
        await mirror.read_all()
        self._mirror = mirror
        alive, _ = await self._session.call("get", self._paths.alive)
        return Snapshot(
            mirror.head.epoch,
            mirror.head.revision,
            self._clock.now(),
            float(alive),
            mirror.documents(),
        )

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

    async def _watched(self) -> nodes.Head:
        data, _ = await self._session.call("get", self._paths.head, watch=self._session.watch)
        return nodes.head_from(data)

    # Writing

    async def _commit(
        self, writes: Sequence[Write], docs: Sequence[str | None]
    ) -> list[Change | Conflict]:
        """Decide and write as many of the writes as fit into one message; their outcomes."""
        async with self._turn:
            for attempt in range(_TRIES):
                if attempt or self._mirror.version < 0:
                    await self._current()
                guards = await self._translated(self._guards(writes))
                mirror = self._mirror
                rows = ChainMap[Key, Row | None]({}, mirror.rows)
                batch = Batch(
                    self._mirror.head.revision, self._clock.now(), self._mirror.done, rows
                )
                outcomes = [batch.apply(*one) for one in zip(writes, docs, strict=True)]
                operations = [*guards, *self._operations(batch)]
                if not batch.changes:
                    # Refused on what the mirror says, which must then be what the nodes say.
                    if await self._moved([("check", self._paths.head, self._mirror.version)]):
                        return outcomes
                elif len(writes) > 1 and nodes.size(operations) > nodes.BATCH:
                    half = len(writes) // 2
                    writes, docs = writes[:half], docs[:half]
                elif await self._moved(operations):
                    self._mirror.landed(batch)
                    self._wakes.wake()
                    await self._forget_some()
                    return outcomes
        raise StoreUnavailable("others write all the time; nothing was written")

    def _operations(self, batch: Batch) -> list[tuple[Any, ...]]:
        paths, first = self._paths, self._mirror.head.revision + 1
        head = nodes.Head(self._mirror.head.epoch, batch.revision, self._mirror.head.compacted)
        operations: list[tuple[Any, ...]] = [
            ("set_data", paths.head, nodes.encoded(head), self._mirror.version),
            ("create", paths.change(first), nodes.changes_to(batch.changes, batch.rows)),
        ]
        for key in batch.touched:
            row, there = batch.rows[key], self._mirror.rows.get(key)
            path = paths.doc(key)
            if row is None:
                operations += [("delete", path)] if there is not None else []
            elif there is None:
                operations.append(("create", path, nodes.document_to(row)))
            else:
                operations.append(("set_data", path, nodes.document_to(row)))
        return operations

    async def _forget_some(self) -> None:
        """Compact what is more than is to be kept; if that fails, the next batch does it."""
        last = self._mirror.head.revision - self._keep
        if last - self._mirror.head.compacted >= self._slack:
            with suppress(Unavailable):
                if await self._moved(self._compaction(last)):
                    self._mirror.compacted(last)

    def _compaction(self, last: int) -> list[tuple[Any, ...]]:
        head = nodes.Head(self._mirror.head.epoch, self._mirror.head.revision, last)
        gone = [kept for kept in self._mirror.kept if kept.last <= last]
        return [
            ("set_data", self._paths.head, nodes.encoded(head), self._mirror.version),
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
        return nodes.encoded(self._mirror.head)

    # Renewals

    async def _renew(self, renewals: Iterable[Renewal], alive_at: float) -> None:
        call = self._session.call
        alive, _ = await call("get", self._paths.alive)
        if alive_at > float(alive):
            await call("set", self._paths.alive, repr(alive_at).encode())
        by_bucket: dict[str, list[tuple[Key, int, float]]] = {}
        for one in renewals:
            key = (one.table, one.namespace, one.id)
            row = self._mirror.rows.get(key)
            if row is not None and row.epoch is not None and one.at > row.renewed_at:
                by_bucket.setdefault(self._paths.renewal(key), []).append((key, row.begun, one.at))
        await asyncio.gather(*(self._write_renewals(*one) for one in by_bucket.items()))

    async def _write_renewals(self, path: str, news: Sequence[tuple[Key, int, float]]) -> None:
        for _ in range(_TRIES):
            data, stat = await self._session.call("get", path)
            kept = {
                name: one
                for name, one in nodes.renewals_from(data).items()
                if (row := self._mirror.rows.get(nodes.key_of(name))) is not None
                and row.begun == one[0]
            }
            for key, begun, at in news:
                name = nodes.name_of(key)
                kept[name] = (begun, max(at, kept.get(name, (begun, at))[1]))
            try:
                await self._session.call("set", path, nodes.encoded(kept), stat.version)
            except errors.BadVersionError:
                continue
            self._mirror.merge(kept)
            return
        raise StoreUnavailable("others write renewals all the time")

    async def _guards(self, writes: Sequence[Write]) -> list[tuple[Any, ...]]:
        """Take in renewals that expiries ask about, and have the batch fail if there are more."""
        asked: set[str] = set()
        for write in writes:
            if write.unless_renewed_since is not None:
                key = (write.table, write.namespace, write.id)
                row = self._mirror.rows.get(key)
                if row is not None and row.lease is not None:
                    key = (Table.LEASE, write.namespace, row.lease)
                asked.add(self._paths.renewal(key))
        guards: list[tuple[Any, ...]] = []
        for path in sorted(asked):
            data, stat = await self._session.call("get", path)
            self._mirror.merge(nodes.renewals_from(data))
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
        if json is not None:
            # Inside of what is kept it is a string, twice: in the log and in its own node.
            size = len(nodes.encoded(json))
            if 2 * size > nodes.MESSAGE - 10_000:
                raise InvalidInput(field, f"is too long for ZooKeeper ({size:,} bytes)")
            self._check_covered(write)
        return json

    def _check_covered(self, write: Write) -> None:
        doc = write.doc
        if not isinstance(doc, Record) or not isinstance(doc.lease, str):
            return
        there = self._mirror.rows.get((write.table, write.namespace, write.id))
        if there is not None and there.lease == doc.lease:
            return
        if self._mirror.weights[write.namespace, doc.lease] > nodes.COVERED:
            raise InvalidInput(
                f"{write.table}.{write.id}.lease",
                f"{doc.lease!r} covers as many records as ZooKeeper can remove in one message:"
                " register under leases of their own, or under several runtimes",
            )

    def _running(self) -> None:
        if not self._open:
            raise Closed("the store in ZooKeeper is not open")

    async def _current(self) -> None:
        """Have the mirror be at the head, as the leader knows it."""
        try:
            await self._translated(self._mirror.catch_up(synced=True))
        except Compacted as error:
            # Who follows the changes is told the same, and has everything read anew.
            raise StoreUnavailable(f"this registry has fallen behind: {error}") from error

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
