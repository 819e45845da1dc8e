# SPDX-License-Identifier: Apache-2.0
"""Records in memory: for tests, and for registries that live as long as their process."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Final

from rollcall.backends.records.terms import term
from rollcall.backends.records.wakes import Wakes
from rollcall.kernel.clock import Clock
from rollcall.kernel.errors import Compacted
from rollcall.kernel.ids import IdSource
from rollcall.registry.models import Doc, Hold, Record, Table
from rollcall.registry.store import Change, Conflict, Renewal, Snapshot, Stored, Traits, Write

KEEP_CHANGES: Final = 100_000

# An attribute of an enumeration costs more than a global, and every write asks for these.
_RECORD: Final = Table.RECORD
_LEASE: Final = Table.LEASE
_HOLD: Final = Table.HOLD

_NOTHING: Final = Hold("", "", 0.0, 0.0, "", 0, 0)
"""Stands in slots that are free."""


class _Shelf:
    """The documents of one table and namespace, each in a numbered slot.

    Arrays keep what is not a document: a million records take some 100 MB here as arrays, and
    half as much again as dictionaries of numbers.
    """

    __slots__ = ("_free", "_members", "_place", "docs", "renewed", "revisions", "slots")

    def __init__(self) -> None:
        self.slots: dict[str, int] = {}
        self.docs: list[Doc] = []
        self.revisions = array("Q")
        self.renewed = array("d")
        self._place = array("I")
        """Slot -> where it stands among the members of its shared lease."""
        self._members: dict[str, array[int]] = {}
        """Shared lease -> the slots of the records that it covers."""
        self._free: list[int] = []

    def put(self, key: str, slot: int | None, doc: Doc, revision: int, at: float) -> None:
        """Keep `doc` in `slot`, or in a new one where `key` has none yet."""
        lease = doc.lease if type(doc) is Record else None
        if slot is None:
            if self._free:
                slot = self._free.pop()
                self.docs[slot] = doc
                self.revisions[slot] = revision
                self.renewed[slot] = at
            else:
                slot = len(self.docs)
                self.docs.append(doc)
                self.revisions.append(revision)
                self.renewed.append(at)
                self._place.append(0)
            self.slots[key] = slot
        else:
            before = self.docs[slot]
            if term(before) != term(doc):
                self.renewed[slot] = at
            self.docs[slot] = doc
            self.revisions[slot] = revision
            if type(before) is Record and type(before.lease) is str:
                if before.lease == lease:
                    return
                self._leave(before.lease, slot)
        if type(lease) is str:
            members = self._members.get(lease)
            if members is None:
                members = self._members[lease] = array("I")
            self._place[slot] = len(members)
            members.append(slot)

    def remove(self, key: str) -> None:
        slot = self.slots.pop(key)
        doc = self.docs[slot]
        self.docs[slot] = _NOTHING
        self._free.append(slot)
        if type(doc) is Record and type(doc.lease) is str:
            self._leave(doc.lease, slot)

    def remove_members(self, lease: str) -> None:
        for slot in self._members.pop(lease, ()):
            doc = self.docs[slot]
            del self.slots[doc.id]
            self.docs[slot] = _NOTHING
            self._free.append(slot)

    def _leave(self, lease: str, slot: int) -> None:
        members = self._members[lease]
        last = members.pop()
        if last != slot:
            place = self._place[slot]
            members[place] = last
            self._place[last] = place
        elif not members:
            del self._members[lease]


class InMemoryStore:
    """A record store that lives as long as this object.

    Several services of one process may share one: each opens it, and sees what the others write.
    Closing it wakes those who wait and lets go of nothing, since the others may go on.

    Args:
        clock: Stamps the changes.
        ids: Draws the store's epoch.
        keep_changes: How many changes the log keeps at least; a tenth more at most.
    """

    traits = Traits(durable=False, shared=False, immediate=True)

    def __init__(self, clock: Clock, ids: IdSource, keep_changes: int = KEEP_CHANGES) -> None:
        self._clock = clock
        self._epoch = ids.hex(16)
        self._keep = keep_changes
        self._revision = 0
        self._alive_at = clock.now()
        self._shelves: dict[Table, dict[str, _Shelf]] = {_LEASE: {}, _RECORD: {}, _HOLD: {}}
        self._log: list[Change] = []
        self._ops: dict[str, Change] = {}
        self._compacted = 0
        self._compact_at = keep_changes + max(1, keep_changes // 10)
        self._wakes = Wakes()

    async def open(self) -> Snapshot:
        return Snapshot(
            epoch=self._epoch,
            revision=self._revision,
            now=self._clock.now(),
            alive_at=self._alive_at,
            docs=[
                Stored(shelf.docs[slot], shelf.revisions[slot], self._renewed_at(shelf, slot))
                for shelves in self._shelves.values()
                for shelf in shelves.values()
                for slot in shelf.slots.values()
            ],
        )

    async def commit(self, writes: Sequence[Write]) -> list[Change | Conflict]:
        at = self._clock.now()
        before = self._revision
        outcomes = [self._apply(write, at) for write in writes]
        if self._revision != before:
            if self._revision - self._compacted >= self._compact_at:
                self._forget(self._revision - self._keep)
            self._wakes.wake()
        return outcomes

    async def settle(self, ops: Sequence[str]) -> dict[str, Change]:
        return {op: self._ops[op] for op in ops if op in self._ops}

    async def changes(self, after: int, limit: int = 1000) -> list[Change]:
        first = after - self._compacted
        if first < 0:
            raise Compacted(after, self._compacted + 1)
        return self._log[first : first + limit]

    async def wait(self, after: int) -> None:
        if self._revision <= after:
            await self._wakes.wait()

    async def renew(self, renewals: Sequence[Renewal], alive_at: float) -> None:
        self._alive_at = max(self._alive_at, alive_at)
        for renewal in renewals:
            shelf = self._shelves[renewal.table].get(renewal.namespace)
            slot = None if shelf is None else shelf.slots.get(renewal.id)
            if shelf is not None and slot is not None and term(shelf.docs[slot])[0] is not None:
                shelf.renewed[slot] = max(shelf.renewed[slot], renewal.at)

    async def compact(self, before: int) -> None:
        self._forget(min(before - 1, self._revision))

    async def close(self) -> None:
        self._wakes.wake()

    def _apply(self, write: Write, at: float) -> Change | Conflict:
        op = write.op
        done = self._ops.get(op)
        if done is not None:
            return done
        table, namespace, key, doc = write.table, write.namespace, write.id, write.doc
        shelves = self._shelves[table]
        shelf = shelves.get(namespace)
        if shelf is None:
            shelf = shelves[namespace] = _Shelf()
        slot = shelf.slots.get(key)
        current = 0 if slot is None else shelf.revisions[slot]
        expect = write.expect
        if (expect is not None and expect != current) or (doc is None and slot is None):
            return Conflict(op, current)
        if (
            type(doc) is Record
            and type(doc.lease) is str
            and not self._covers(namespace, doc.lease)
        ):
            return Conflict(op, current)
        since = write.unless_renewed_since
        if slot is not None and since is not None and self._renewed_at(shelf, slot) > since:
            return Conflict(op, current, renewed=True)
        self._revision = revision = self._revision + 1
        if doc is not None:
            shelf.put(key, slot, doc, revision, at)
        else:
            shelf.remove(key)
            if table is _LEASE and namespace in self._shelves[_RECORD]:
                self._shelves[_RECORD][namespace].remove_members(key)
        change = Change(revision, at, op, write.cause, table, namespace, key, doc)
        self._log.append(change)
        self._ops[op] = change
        return change

    def _covers(self, namespace: str, lease: str) -> bool:
        """Whether there is such a shared lease."""
        leases = self._shelves[_LEASE].get(namespace)
        return leases is not None and lease in leases.slots

    def _renewed_at(self, shelf: _Shelf, slot: int) -> float:
        """The last renewal of the lease that covers the document in `slot`."""
        doc = shelf.docs[slot]
        if isinstance(doc, Record) and isinstance(doc.lease, str):
            leases = self._shelves[_LEASE].get(doc.namespace)
            lease = None if leases is None else leases.slots.get(doc.lease)
            if leases is not None and lease is not None:
                return leases.renewed[lease]
        return shelf.renewed[slot]

    def _forget(self, last: int) -> None:
        """Drop the changes up to and with revision `last`."""
        count = last - self._compacted
        if count > 0:
            for change in self._log[:count]:
                del self._ops[change.op]
            del self._log[:count]
            self._compacted = last
