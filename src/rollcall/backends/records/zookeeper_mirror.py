# SPDX-License-Identifier: Apache-2.0
"""What a store knows of the nodes in ZooKeeper: read once, then kept by following the changes."""

from __future__ import annotations

from collections import Counter, deque
from typing import NamedTuple

from rollcall.backends.records import zookeeper_nodes as nodes
from rollcall.backends.records.batch import Batch, Key, Row
from rollcall.backends.records.codec import Codec
from rollcall.backends.records.zookeeper_link import Session, errors
from rollcall.kernel.errors import Compacted
from rollcall.registry.models import Table
from rollcall.registry.store import Change, Stored


class Kept(NamedTuple):
    """A node of changes: the numbers of its first and its last."""

    first: int
    last: int


class Mirror:
    """The documents, the changes that are kept, and the head, as of one version of it.

    Args:
        session: Reads.
        paths: Where the nodes are.

    Attributes:
        head: The head node.
        version: Its version, which only ever grows while the epoch stays the same.
        rows: The documents.
        log: The changes that are kept.
        done: The same by operation id.
        kept: Their nodes.
        weights: Bytes of the message that would remove a shared lease with all it covers, by
            namespace and id.
    """

    def __init__(self, session: Session, paths: nodes.Paths) -> None:
        self._session = session
        self._paths = paths
        self._codec = Codec()
        self.head: nodes.Head = nodes.Head("")
        self.version: int = -1
        self.rows: dict[Key, Row | None] = {}
        self.log: deque[Change] = deque()
        self.done: dict[str, Change] = {}
        self.kept: deque[Kept] = deque()
        self.weights: Counter[tuple[str, str]] = Counter()

    async def read_all(self) -> None:
        """Read all nodes; the mirror must be a fresh one."""
        call, paths = self._session.call, self._paths
        await call("sync", paths.root)
        data, stat = await call("get", paths.head)
        self.head, self.version = nodes.head_from(data), stat.version
        names = [
            name
            for listed in await self._session.each("get_children", paths.buckets(paths.docs))
            for name in listed or ()
        ]
        keys = [nodes.key_of(name) for name in names]
        found = await self._session.each("get", [paths.doc(key) for key in keys])
        for key, one in zip(keys, found, strict=True):
            if one is not None:
                self._put(key, nodes.document_from(one[0], key[0], self._codec))
        batches = sorted(await call("get_children", paths.changes))
        for one in await self._session.each("get", [f"{paths.changes}/{n}" for n in batches]):
            if one is not None:
                self._take_in(one[0])
        # Up to where the head was; what came in meanwhile follows in its order.
        await self.catch_up(synced=True)
        await self._read_renewals()

    def documents(self) -> list[Stored]:
        """All documents, shared leases first."""
        held: dict[Table, list[Stored]] = {Table.LEASE: [], Table.RECORD: [], Table.HOLD: []}
        for key, row in self.rows.items():
            if row is None or row.doc is None:
                continue
            renewed_at = row.renewed_at
            if row.lease is not None:
                shared = self.rows.get((Table.LEASE, key[1], row.lease))
                renewed_at = renewed_at if shared is None else shared.renewed_at
            held[key[0]].append(Stored(row.doc, row.revision, renewed_at))
        return [stored for docs in held.values() for stored in docs]

    async def catch_up(self, *, synced: bool = False) -> None:
        """Have the mirror be at the head.

        Args:
            synced: Whether to ask the leader, and not a server that may be behind.
        """
        call, paths = self._session.call, self._paths
        if synced:
            await call("sync", paths.root)
        while True:
            data, stat = await call("get", paths.head)
            head = nodes.head_from(data)
            if self.version >= 0 and head.epoch != self.head.epoch:
                # Somebody has made the root anew: what the mirror holds is of another store.
                raise Compacted(self._next - 1, head.compacted + 1)
            if stat.version < self.version:
                # A server that is behind the one that was asked before.
                await call("sync", paths.root)
                continue
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
        self.head, self.version = head, stat.version
        self._drop_forgotten()

    @property
    def _next(self) -> int:
        """The number of the first change that the mirror does not have."""
        return self.log[-1].revision + 1 if self.log else self.head.compacted + 1

    def _take_in(self, batch: bytes) -> None:
        changes = nodes.changes_from(batch, self._codec)
        for change, row in changes:
            key = (change.table, change.namespace, change.id)
            there = self.rows.get(key)
            # While everything is read, a document may be newer than the change.
            if there is None or there.revision < change.revision:
                if row is None:
                    self._pop(key)
                else:
                    self._put(key, row)
            if row is None and change.table is Table.LEASE:
                # Also where the lease has been granted anew since: what it covered then is gone.
                self._uncover(key, change.revision)
            self._note(change)
        self.kept.append(Kept(changes[0][0].revision, changes[-1][0].revision))

    def _note(self, change: Change) -> None:
        self.log.append(change)
        self.done[change.op] = change

    def _uncover(self, lease: Key, revision: int) -> None:
        for member, row in list(self.rows.items()):
            covered = row is not None and row.lease == lease[2] and row.revision < revision
            if covered and member[0] is Table.RECORD and member[1] == lease[1]:
                self._pop(member)

    def _put(self, key: Key, row: Row) -> None:
        self._pop(key)
        self.rows[key] = row
        if row.lease is not None:
            self.weights[key[1], row.lease] += self._paths.weight(key)

    def _pop(self, key: Key) -> None:
        old = self.rows.pop(key, None)
        if old is not None and old.lease is not None:
            lease = key[1], old.lease
            self.weights[lease] -= self._paths.weight(key)
            if not self.weights[lease]:
                del self.weights[lease]

    def _drop_forgotten(self) -> None:
        while self.log and self.log[0].revision <= self.head.compacted:
            self.done.pop(self.log.popleft().op, None)
        while self.kept and self.kept[0].last <= self.head.compacted:
            self.kept.popleft()

    def landed(self, batch: Batch) -> None:
        """Take in a batch of our own."""
        self.kept.append(Kept(self.head.revision + 1, batch.revision))
        self.head = nodes.Head(self.head.epoch, batch.revision, self.head.compacted)
        self.version += 1
        for key in batch.touched:
            row = batch.rows[key]
            if row is None:
                self._pop(key)
            else:
                self._put(key, row)
        for change, _ in batch.changes:
            self._note(change)

    def compacted(self, last: int) -> None:
        """Take in a compaction of our own, which forgot the changes up to `last`."""
        self.head = nodes.Head(self.head.epoch, self.head.revision, last)
        self.version += 1
        self._drop_forgotten()

    async def _read_renewals(self) -> None:
        buckets = self._paths.buckets(self._paths.renewals)
        for one in await self._session.each("get", buckets):
            if one is not None:
                self.merge(nodes.renewals_from(one[0]))

    def merge(self, renewals: nodes.Renewals) -> None:
        """Take in renewals."""
        for name, (begun, at) in renewals.items():
            row = self.rows.get(nodes.key_of(name))
            # Of an earlier term of the lease it says nothing.
            if row is not None and row.begun == begun:
                row.renewed_at = max(row.renewed_at, at)
