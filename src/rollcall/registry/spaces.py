# SPDX-License-Identifier: Apache-2.0
"""Where documents are in memory: slots for all, and what each namespace holds."""

from __future__ import annotations

from array import array

from rollcall.registry.models import Hold, Lease, Record


class Slots:
    """Documents by slot. A slot is a small integer that stays the document's for its life.

    Attributes:
        docs: Record or shared lease; None: the slot is free.
        revisions: The revision of the document's last write.
        statuses: The code of the effective status, for slots that hold a record.
        births: Rises with each document that comes: slots are used again, births are not.
    """

    def __init__(self) -> None:
        self.docs: list[Record | Lease | None] = []
        self.revisions = array("Q")
        self.statuses = bytearray()
        self.births = array("Q")
        self._born = 0
        self._free: list[int] = []

    def __len__(self) -> int:
        """How many slots are in use."""
        return len(self.docs) - len(self._free)

    def take(self, doc: Record | Lease, revision: int) -> int:
        self._born += 1
        if self._free:
            slot = self._free.pop()
            self.docs[slot] = doc
            self.revisions[slot] = revision
            self.births[slot] = self._born
            return slot
        self.docs.append(doc)
        self.revisions.append(revision)
        self.statuses.append(0)
        self.births.append(self._born)
        return len(self.docs) - 1

    def release(self, slot: int) -> None:
        self.docs[slot] = None
        self.revisions[slot] = 0
        self.statuses[slot] = 0
        self._free.append(slot)

    def record(self, slot: int) -> Record:
        doc = self.docs[slot]
        assert isinstance(doc, Record)
        return doc

    def lease(self, slot: int) -> Lease:
        doc = self.docs[slot]
        assert isinstance(doc, Lease)
        return doc


class Space:
    """One namespace.

    Attributes:
        records: Slot by record id.
        leases: Slot by id of a shared lease.
        runtimes: How many records each runtime has; none has zero.
        hold: Self-preservation at work, or None.
        leased: How many leases self-preservation watches over.
        owners: How many records each owner has; none has zero.
    """

    __slots__ = ("hold", "leased", "leases", "owners", "records", "runtimes")

    def __init__(self) -> None:
        self.records: dict[str, int] = {}
        self.leases: dict[str, int] = {}
        self.runtimes: dict[str, int] = {}
        self.hold: Hold | None = None
        self.leased = 0
        self.owners: dict[str, int] = {}

    @property
    def empty(self) -> bool:
        return not self.records and not self.leases and self.hold is None

    def join(self, runtime: str) -> None:
        self.runtimes[runtime] = self.runtimes.get(runtime, 0) + 1

    def leave(self, runtime: str) -> bool:
        """Whether that was its last record."""
        return _one_less(self.runtimes, runtime)

    def own(self, owner: str) -> None:
        self.owners[owner] = self.owners.get(owner, 0) + 1

    def disown(self, owner: str) -> None:
        _one_less(self.owners, owner)


def _one_less(counts: dict[str, int], name: str) -> bool:
    """Whether that was the last one."""
    left = counts[name] - 1
    if left:
        counts[name] = left
        return False
    del counts[name]
    return True
