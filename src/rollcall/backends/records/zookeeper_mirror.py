# SPDX-License-Identifier: Apache-2.0
"""What a store knows of the nodes in ZooKeeper: read once, then kept by following the changes."""

from __future__ import annotations

from collections import deque
from typing import Any, Final, NamedTuple

from rollcall.backends.records import zookeeper_nodes as nodes
from rollcall.backends.records.batch import Batch, Key, Row
from rollcall.backends.records.codec import Codec
from rollcall.backends.records.zookeeper_link import Session, errors
from rollcall.kernel.errors import Compacted, StoreUnavailable
from rollcall.registry.models import Table
from rollcall.registry.store import Change, Stored

_TRIES: Final = 5
"""How often a server that seems to be behind is told to catch up, and asked again."""


class Kept(NamedTuple):
    """A node of changes: the numbers of its first and its last."""

    first: int
    last: int


class Mirror:
    """The documents, the changes that are kept, and the head, as of one version of it.

    One mirror is of one history: where the root was made anew, or its data were put back to an
    earlier state, it is good for nothing any more and says `Compacted`.

    Args:
        session: Reads.
        paths: Where the nodes are.

    Attributes:
        head: The head node.
        version: Its version, which only ever grows.
        rows: The documents.
        log: The changes that are kept.
        done: The same by operation id.
        kept: Their nodes.
        left: Whose nodes may still be there although a removed lease took them along.
    """

    def __init__(self, session: Session, paths: nodes.Paths) -> None:
        self._session = session
        self._paths = paths
        self._codec = Codec()
        self.head = nodes.Head("")
        self.version = -1
        self.rows: dict[Key, Row | None] = {}
        self.log: deque[Change] = deque()
        self.done: dict[str, Change] = {}
        self.kept: deque[Kept] = deque()
        self.left: set[Key] = set()

    async def read_all(self) -> None:
        """Read all nodes; for a mirror that knows nothing yet.

        Raises:
            Compacted: Others wrote so much meanwhile that it has to be begun anew.
        """
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
                self.rows[key] = nodes.document_from(one[0], key[0], self._codec)
        for gone in self.head.removed:
            self._uncover(gone.namespace, gone.id, gone.revision)
        batches = sorted(await call("get_children", paths.changes))
        for one in await self._session.each("get", [f"{paths.changes}/{n}" for n in batches]):
            if one is not None:
                self._take_in(one[0], self.head.revision)
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
        behind = 0
        while True:
            head, version = await self.ask()
            if head is None or head.epoch != self.head.epoch:
                raise Compacted(self.head.revision, 0 if head is None else head.compacted + 1)
            if version >= self.version:
                if self._next > head.revision:
                    break
                if head.compacted >= self._next:
                    raise Compacted(self._next - 1, head.compacted + 1)
                try:
                    batch, _ = await call("get", paths.change(self._next))
                except errors.NoNodeError:
                    pass
                else:
                    self._take_in(batch)
                    behind = 0
                    continue
            # A server that is behind the one that was asked before, or data that were put back.
            if behind == _TRIES:
                if version < self.version:
                    raise Compacted(self.head.revision, head.compacted + 1)
                raise StoreUnavailable(f"{paths.change(self._next)} is missing")
            behind += 1
            await call("sync", paths.root)
        self.head, self.version = head, version
        if not head.removed:
            self.left.clear()
        self._drop_forgotten()

    async def ask(self, **options: Any) -> tuple[nodes.Head | None, int]:
        """The head and its version as a server has them; None: there is none."""
        try:
            data, stat = await self._session.call("get", self._paths.head, **options)
        except errors.NoNodeError:
            return None, -1
        return nodes.head_from(data), stat.version

    async def leftovers(self) -> list[str]:
        """Paths of nodes that a removed lease has left."""
        paths = self._paths
        buckets = paths.buckets(paths.docs)
        listed = await self._session.each("get_children", buckets)
        return [
            f"{parent}/{name}"
            for parent, names in zip(buckets, listed, strict=True)
            for name in names or ()
            if nodes.key_of(name) in self.left
        ]

    @property
    def _next(self) -> int:
        """The number of the first change that the mirror does not have."""
        return self.log[-1].revision + 1 if self.log else self.head.compacted + 1

    def _take_in(self, batch: bytes, known: int = 0) -> None:
        """Take in a node of changes; the documents were read after change `known`."""
        changes = nodes.changes_from(batch, self._codec)
        for change, row in changes:
            if change.revision > known:
                self._follow(change, row)
            self._note(change)
        self.kept.append(Kept(changes[0][0].revision, changes[-1][0].revision))

    def _follow(self, change: Change, row: Row | None) -> None:
        key = (change.table, change.namespace, change.id)
        there = self.rows.get(key)
        # While everything is read, a document may be newer than the change.
        if there is None or there.revision < change.revision:
            if row is None:
                self.rows.pop(key, None)
            else:
                if there is not None and there.begun == row.begun:
                    row.renewed_at = max(row.renewed_at, there.renewed_at)
                self.rows[key] = row
                self.left.discard(key)
        if row is None and change.table is Table.LEASE:
            self._uncover(change.namespace, change.id, change.revision)

    def _note(self, change: Change) -> None:
        self.log.append(change)
        self.done[change.op] = change

    def _uncover(self, namespace: str, lease: str, revision: int) -> None:
        """Forget what a shared lease covered that was removed at this revision."""
        for key, row in list(self.rows.items()):
            covered = row is not None and row.lease == lease and row.revision < revision
            if covered and key[0] is Table.RECORD and key[1] == namespace:
                del self.rows[key]
                self.left.add(key)

    def _drop_forgotten(self) -> None:
        while self.log and self.log[0].revision <= self.head.compacted:
            change = self.log.popleft()
            # An operation that was forgotten, and done again since, is a later change.
            if self.done.get(change.op) is change:
                del self.done[change.op]
        while self.kept and self.kept[0].last <= self.head.compacted:
            self.kept.popleft()

    def landed(self, batch: Batch, head: nodes.Head) -> None:
        """Take in a batch of our own, which wrote this head."""
        self.kept.append(Kept(self.head.revision + 1, batch.revision))
        self.moved(head)
        for key in batch.touched:
            row = batch.rows[key]
            if row is not None:
                self.rows[key] = row
            elif self.rows.pop(key, None) is not None and head.removed:
                self.left.add(key)
        for change, _ in batch.changes:
            self._note(change)

    def moved(self, head: nodes.Head) -> None:
        """Take in a head of our own."""
        self.head = head
        self.version += 1
        if not head.removed:
            self.left.clear()
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
