# SPDX-License-Identifier: Apache-2.0
"""Records in ZooKeeper, for several registries at once.

Every store keeps a mirror of what the nodes hold, by following the changes. A batch is decided on
the mirror and sent as one `multi()` that names the version of the head node which the mirror is at:
it lands as a whole, or not at all because somebody was quicker, and is decided anew. It names the
epoch too, so that nothing lands in the history of a root that was made anew.

Removing a shared lease that covers more records than can be deleted in one message is done by the
first message all the same: it removes the lease, adds the change, and says so in the head. Between
it and the last one, also when the process ends there, nodes of these records are left over. Nobody
counts them, and whoever writes next deletes them first.
"""

from __future__ import annotations

import asyncio
from collections import ChainMap
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any, Final, TypeVar

from msgspec.structs import replace

from rollcall.backends.records import zookeeper_messages as messages
from rollcall.backends.records import zookeeper_nodes as nodes
from rollcall.backends.records.batch import Batch, Key, Row
from rollcall.backends.records.codec import Codec
from rollcall.backends.records.wakes import Wakes
from rollcall.backends.records.zookeeper_link import LOST, Session, errors, nothing_lost
from rollcall.backends.records.zookeeper_messages import Operation
from rollcall.backends.records.zookeeper_mirror import Mirror
from rollcall.backends.records.zookeeper_renewals import RenewalNodes
from rollcall.backends.records.zookeeper_root import Root
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
from rollcall.registry.models import Table
from rollcall.registry.store import Change, Conflict, Renewal, Snapshot, Traits, Write

T = TypeVar("T")

KEEP_CHANGES: Final = 10_000
"""Fewer than elsewhere: ZooKeeper keeps all nodes in memory."""
SESSION_TIMEOUT: Final = 10.0
POLL: Final = 2.0
"""Seconds after which a follower that nobody woke looks for itself."""
_TRIES: Final = 50
"""How often a batch is decided anew because somebody was quicker."""
_COMPACTED: Final = 1000
"""Nodes of changes that are deleted in one message."""


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
        self._keep = keep_changes
        self._slack = max(1, min(keep_changes // 10, 1000))
        self._paths = nodes.Paths(root)
        self._codec = Codec()
        self._wakes = Wakes()
        self._session = Session(hosts, timeout, self._wakes.wake)
        self._turn = asyncio.Lock()
        self._open = False
        self._mirror = Mirror(self._session, self._paths)
        self._root = Root(self._session, self._paths, clock, ids)
        self._renewals = RenewalNodes(self._session, self._paths)

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
        # To its end, also if whoever asked for it is cancelled.
        return await asyncio.shield(asyncio.ensure_future(self._commit_all(writes, docs)))

    async def settle(self, ops: Sequence[str]) -> dict[str, Change]:
        self._running()
        async with self._turn:
            # A new version of the head: what was sent before and has not landed never will.
            for _ in range(_TRIES):
                await self._current()
                with nothing_lost():
                    if await self._head_moved(self._mirror.head):
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
            head, version = await self._translated(self._mirror.ask(watch=self._session.watch))
            # A head of another history is no reason to wait: reading tells what has become of it.
            ours = (
                head is not None
                and head.epoch == self._mirror.head.epoch
                and version >= self._mirror.version
            )
            if head is not None and ours and head.revision <= after and self._open:
                await asyncio.wait((waiting,), timeout=POLL)
        finally:
            waiting.cancel()

    async def renew(self, renewals: Sequence[Renewal], alive_at: float) -> None:
        self._running()
        async with self._turn:
            await self._current()
            await self._translated(self._renewals.write(self._mirror, renewals, alive_at))

    async def compact(self, before: int) -> None:
        self._running()
        async with self._turn:
            for _ in range(_TRIES):
                await self._current()
                with nothing_lost():
                    while self._mirror.head.compacted < (last := min(before - 1, self._revision)):
                        if not await self._compacted(last):
                            break
                    else:
                        return
        raise StoreUnavailable("others write all the time")

    async def close(self) -> None:
        self._open = False
        self._wakes.wake()
        await self._session.close()

    async def _read(self) -> Snapshot:
        for _ in range(_TRIES):
            await self._root.make()
            fresh = Mirror(self._session, self._paths)
            with suppress(Compacted):
                await fresh.read_all()
                if not self._put_back(fresh) or await self._root.begin_anew(fresh):
                    break
        else:
            raise StoreUnavailable("others write all the time")
        # Only now: what was known before goes on being used where the reading broke off.
        self._mirror = fresh
        alive, _ = await self._session.call("get", self._paths.alive)
        return Snapshot(
            fresh.head.epoch,
            fresh.head.revision,
            self._clock.now(),
            float(alive),
            fresh.documents(),
        )

    def _put_back(self, fresh: Mirror) -> bool:
        """Whether the nodes were put back to what they were at an earlier time."""
        same = fresh.head.epoch == self._mirror.head.epoch
        return same and fresh.version < self._mirror.version

    @property
    def _revision(self) -> int:
        return self._mirror.head.revision

    # Writing

    async def _commit_all(
        self, writes: Sequence[Write], docs: Sequence[str | None]
    ) -> list[Change | Conflict]:
        """Commit in as many messages as it takes, and let nobody come in between."""
        room = messages.around(self._paths)
        costs = [messages.most(*one, self._paths) for one in zip(writes, docs, strict=True)]
        outcomes: list[Change | Conflict] = []
        async with self._turn:
            for part in messages.parts(costs, room):
                try:
                    outcomes += await self._commit(writes[part], docs[part])
                except StoreUnavailable as error:
                    if not outcomes:
                        raise
                    raise OutcomeUnknown(f"only a part was written: {error}") from error
        return outcomes

    async def _commit(
        self, writes: Sequence[Write], docs: Sequence[str | None]
    ) -> list[Change | Conflict]:
        for attempt in range(_TRIES):
            if attempt or self._mirror.version < 0:
                await self._current()
            with nothing_lost():
                await self._sweep()
            mirror = self._mirror
            guards = await self._translated(self._renewals.guards(mirror, writes))
            rows = ChainMap[Key, Row | None]({}, mirror.rows)
            batch = Batch(mirror.head.revision, self._clock.now(), mirror.done, rows)
            outcomes = [batch.apply(*one) for one in zip(writes, docs, strict=True)]
            if not batch.changes:
                # Refused on what the mirror says, which must then be what the nodes say.
                with nothing_lost():
                    if await self._moved([("check", self._paths.head, mirror.version)]):
                        return outcomes
                continue
            head, operations = self._operations(batch, guards)
            if await self._moved(operations):
                mirror.landed(batch, head)
                self._wakes.wake()
                await self._tidy()
                return outcomes
        raise StoreUnavailable("others write all the time; nothing was written")

    def _operations(
        self, batch: Batch, guards: Sequence[Operation]
    ) -> tuple[nodes.Head, list[Operation]]:
        """The head that the batch leads to, and all that has to be done."""
        mirror, paths = self._mirror, self._paths
        written = {(one.table, one.namespace, one.id) for one, _ in batch.changes}
        head = replace(mirror.head, revision=batch.revision)
        log = nodes.changes_to(batch.changes, batch.rows)
        operations: list[Operation] = [
            *guards,
            ("create", paths.change(mirror.head.revision + 1), log),
        ]
        covered: list[Operation] = []
        for key in batch.touched:
            row, there = batch.rows[key], mirror.rows.get(key)
            path = paths.doc(key)
            if row is not None:
                word = "create" if there is None else "set_data"
                operations.append((word, path, nodes.document_to(row)))
            elif there is not None:
                (operations if key in written else covered).append(("delete", path))
        whole = [self._set_head(head), *operations, *covered]
        if messages.fits([*whole, self._epoch_stands()]):
            return head, whole
        removed = tuple(
            nodes.Removed(one.namespace, one.id, one.revision)
            for one, _ in batch.changes
            if one.table is Table.LEASE and one.doc is None
        )
        head = replace(head, removed=removed)
        return head, [self._set_head(head), *operations]

    async def _sweep(self) -> None:
        """Delete what a removed lease has left, in as many messages as it takes."""
        for _ in range(_TRIES):
            mirror = self._mirror
            if not mirror.head.removed:
                return
            left = await self._translated(mirror.leftovers())
            deletes: list[Operation] = [("delete", path) for path in left]
            *more, last = messages.pieces(deletes, messages.around(self._paths))
            for piece in more:
                if not await self._moved([("check", self._paths.head, mirror.version), *piece]):
                    break
            else:
                if await self._head_moved(replace(mirror.head, removed=()), last):
                    return
            await self._current()
        raise StoreUnavailable("others write all the time")

    async def _tidy(self) -> None:
        """Sweep, and compact what is more than is to be kept; if it fails, the next batch does."""
        # What has landed is acknowledged, whatever comes after it.
        with suppress(Unavailable, Closed):
            await self._sweep()
            last = self._revision - self._keep
            if last - self._mirror.head.compacted >= self._slack:
                await self._compacted(last)

    async def _compacted(self, last: int) -> bool:
        """Forget changes up to `last`, or as many as go into a message."""
        deletes: list[Operation] = []
        for kept in self._mirror.kept:
            if kept.last > last:
                break
            if len(deletes) == _COMPACTED:
                last = kept.first - 1
                break
            deletes.append(("delete", self._paths.change(kept.first)))
        return await self._head_moved(replace(self._mirror.head, compacted=last), deletes)

    async def _head_moved(self, head: nodes.Head, more: Sequence[Operation] = ()) -> bool:
        """Write a head, and do more with it; False: somebody was quicker."""
        landed = await self._moved([self._set_head(head), *more])
        if landed:
            self._mirror.moved(head)
        return landed

    async def _moved(self, operations: Sequence[Operation]) -> bool:
        """Send operations that name the head's version; False: somebody was quicker."""
        return await self._session.landed([self._epoch_stands(), *operations])

    def _set_head(self, head: nodes.Head) -> Operation:
        return ("set_data", self._paths.head, nodes.encoded(head), self._mirror.version)

    def _epoch_stands(self) -> Operation:
        return ("check", self._paths.epoch(self._mirror.head.epoch), -1)

    # Odds and ends

    def _encoded(self, write: Write) -> str | None:
        field = f"{write.table}.{write.id}"
        if "\0" in write.op:
            raise InvalidInput(field, "must not hold a NUL character")
        try:
            json = None if write.doc is None else self._codec.encode(write.doc).decode()
        except (TypeError, ValueError) as error:
            raise InvalidInput(field, f"is no JSON: {error}") from error
        most = messages.most(write, json, self._paths)
        if most > messages.MESSAGE - messages.around(self._paths):
            raise InvalidInput(field, f"is too long for ZooKeeper ({most:,} bytes in a message)")
        return json

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
