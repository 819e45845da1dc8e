# SPDX-License-Identifier: Apache-2.0
"""The port of record stores: documents with revisions, and the log of how they came to be.

A store is a map from (table, namespace, id) to a document and the revision of its last write, plus
a log of changes. Revisions are contiguous: the first write of a store is 1, each write that
succeeds takes the next number, and no number is ever skipped or used twice. The store's *epoch* is
drawn when it is created; revisions of different epochs say nothing about each other.

Corner cases, stated once for every backend (`rollcall.testing.store_contract` checks them):

- A batch is atomic as to crashes: after one, either all its successful writes are there or none.
- Each write of a batch has its own outcome. A conflict leaves its neighbours alone.
- Writes of a batch apply in order: each sees what those before it did, also to its own document.
- A write whose operation id is in the log already is not done again: its outcome is the change that
  it made then, even if the document has changed since.
- Removing a shared lease removes the records that it covers, in the same change.
- A record under a shared lease that does not exist is a conflict.
- A write that grants a lease (a new document, another epoch, another shared lease over a record)
  counts as a renewal; any other leaves the last renewal as it was.
- Removing a document that is not there is a conflict, unless its operation id is in the log.
- `commit` and `settle` raise `StoreUnavailable` where nothing was written, and `commit` raises
  `OutcomeUnknown` where that cannot be said.
- Calls on a store that is closed, or was never opened, may raise `Closed`.
- Renewals are soft: no revision, no change; those of leases that are gone are passed over; one
  never moves a lease's last renewal back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from rollcall.registry.models import Doc, Record, Table


class Write(msgspec.Struct, frozen=True, gc=False):
    """One write that is asked for.

    Args:
        op: The operation id: names one logical act, the same at every retry.
        cause: Why, in a word that events repeat ("register", "heartbeat missed").
        table: Where.
        namespace: Whose.
        id: Which.
        doc: What to keep there; None removes what is there.
        expect: The revision that the document must have; 0: it must not exist; None: no matter.
        unless_renewed_since: Seconds since the epoch: conflict if the store knows of a later
            renewal of this lease. Guards an expiry against renewals that came in elsewhere.
    """

    op: str
    cause: str
    table: Table
    namespace: str
    id: str
    doc: Doc | None
    expect: int | None = None
    unless_renewed_since: float | None = None


class Change(msgspec.Struct, frozen=True, gc=False):
    """One write that was committed.

    Args:
        revision: Its number.
        at: When, in seconds since the epoch by the writer's clock.
        op: The operation id of the write.
        cause: Its cause.
        table: Where.
        namespace: Whose.
        id: Which.
        doc: What is there now; None: it was removed.
    """

    revision: int
    at: float
    op: str
    cause: str
    table: Table
    namespace: str
    id: str
    doc: Doc | None


class Conflict(msgspec.Struct, frozen=True, gc=False):
    """A write that was not done, since the document is not as expected.

    Args:
        op: The operation id of the write.
        current: The document's revision; 0: it does not exist.
        renewed: Whether it was a renewal that stood in the way.
    """

    op: str
    current: int
    renewed: bool = False


class Renewal(msgspec.Struct, frozen=True, gc=False):
    """The last renewal of a lease.

    Args:
        table: `RECORD` for a record's own lease, `LEASE` for a shared one.
        namespace: Whose.
        id: Which.
        at: Seconds since the epoch.
    """

    table: Table
    namespace: str
    id: str
    at: float


class Stored(msgspec.Struct, frozen=True, gc=False):
    """A document as a snapshot holds it.

    Args:
        doc: The document.
        revision: The revision of its last write.
        renewed_at: The last renewal of its lease that the store knows of, in seconds since the
            epoch; the time of the write that granted the lease where there was none since.
    """

    doc: Doc
    revision: int
    renewed_at: float


class Snapshot(msgspec.Struct, frozen=True):
    """All that a store holds, at one revision.

    Args:
        epoch: The store's epoch.
        revision: The revision at which the documents were read.
        now: The store's time of reading, in seconds since the epoch.
        alive_at: When a replica last said that it is up (`RecordStore.renew`), in store time. Time
            after it nobody could have renewed, so it does not count against any lease.
        docs: Shared leases before the records that they cover.
    """

    epoch: str
    revision: int
    now: float
    alive_at: float
    docs: Sequence[Stored]


class Traits(msgspec.Struct, frozen=True):
    """What a store is, so that nobody has to ask for its class.

    Args:
        durable: What was committed survives the process.
        shared: Others may write to it too, so its feed must be followed.
        immediate: `commit`, `settle` and `changes` never suspend, so they cannot be cancelled
            half-way and need no queue before them.
    """

    durable: bool
    shared: bool
    immediate: bool = False


class RecordStore(Protocol):
    """Keeps documents and the log of their changes. See the module's text for the corner cases."""

    @property
    def traits(self) -> Traits: ...

    async def open(self) -> Snapshot:
        """Make ready, and read everything. May be called again, to read everything anew.

        Raises:
            StoreInUse: Another process holds it.
            IncompatibleStore: Its format is not one of ours.
            StoreUnavailable: It does not answer.
        """
        ...

    async def commit(self, writes: Sequence[Write]) -> list[Change | Conflict]:
        """Do the writes in one transaction; one outcome for each, in their order."""
        ...

    async def settle(self, ops: Sequence[str]) -> dict[str, Change]:
        """Which of these operations were committed, after an unknown outcome.

        Answers only when no earlier attempt can land any more: what is absent then never happened.
        Operations are remembered as long as the change log keeps them.
        """
        ...

    async def changes(self, after: int, limit: int = 1000) -> list[Change]:
        """The changes with revisions above `after`, in order, at most `limit`.

        Raises:
            Compacted: Some of them are no longer kept.
        """
        ...

    async def wait(self, after: int) -> None:
        """Return when there may be a change above `after`. It only wakes: read to know."""
        ...

    async def renew(self, renewals: Sequence[Renewal], alive_at: float) -> None:
        """Note renewals, and that a replica was up at `alive_at` (seconds since the epoch)."""
        ...

    async def compact(self, before: int) -> None:
        """Forget changes with revisions below `before`. The documents stay."""
        ...

    async def close(self) -> None:
        """Let go of everything. Closing twice is allowed."""
        ...


def lease_of(record: Record) -> tuple[Table, str] | None:
    """The table and id under which renewals of the lease that covers `record` are noted."""
    if record.lease is None:
        return None
    if isinstance(record.lease, str):
        return Table.LEASE, record.lease
    return Table.RECORD, record.id
