# SPDX-License-Identifier: Apache-2.0
"""The ports of the event log: units of work, reading by position, consumer groups, the inbox.

The log numbers events from 1 on, contiguously, in the order in which they were committed. A
consumer group has a *position*: every event up to and with it is settled for the group, that is,
handled, or of no interest to it, or *held*. Held events are those that failed and those that wait
behind one of the same key.

Corner cases, stated once for every backend (`rollcall.testing.event_log_contract` checks them):

- What is written in a unit of work, its events and the group's progress with it, is there as a
  whole once `begin` was left without an error, and not at all otherwise.
- An event whose identity is in the log already is passed over; it takes no position.
- No event appears at a position that a reader has passed: positions become visible in order.
- `advance` and `hold`/`release` of a held event are compare-and-set: where another process was
  quicker they raise `Overtaken`, and the unit of work must be given up.
- `begin` raises `StoreUnavailable` where nothing was written, and `OutcomeUnknown` where that
  cannot be said.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Final, NamedTuple, Protocol, TypeVar

import msgspec

from rollcall.events.envelope import Event


class UnitOfWork(Protocol):
    """One transaction: what is written in it and the events of it, or nothing."""

    def publish(self, *events: Event) -> None:
        """Append events to the log when the unit of work is committed.

        Raises:
            InvalidInput: An event is none of the catalogue, or its data is not as it says there.
        """
        ...


WorkT = TypeVar("WorkT", bound=UnitOfWork)
WorkT_co = TypeVar("WorkT_co", bound=UnitOfWork, covariant=True)
WorkT_contra = TypeVar("WorkT_contra", bound=UnitOfWork, contravariant=True)


class Transactions(Protocol[WorkT_co]):
    """Where units of work begin. What the services of features are given."""

    def begin(self) -> AbstractAsyncContextManager[WorkT_co]:
        """A unit of work: committed when the block ends, rolled back when it raises.

        Not to be held open over anything slow: where there is one writer, the others wait.

        Raises:
            NestedWork: The caller is inside a unit of work already.
        """
        ...


class Entry(NamedTuple):
    """An event at its place in the log.

    Args:
        position: Its place.
        event: Itself, or, where there is a fault, what stands in for it.
        fault: Why what stands there is no event; it is parked at once.
    """

    position: int
    event: Event
    fault: str = ""


UNREADABLE: Final = "unreadable"
"""The type of what stands in for a message that is no event. None of any catalogue."""


class Held(msgspec.Struct, frozen=True):
    """An event that a group has passed without handling it.

    Args:
        group: Whose.
        position: Where it stands in the log; where that has partitions, a number of its own.
        event: Itself.
        attempts: How often it failed; 0: never tried, since an earlier one of its key is held.
        retry_at: From when it may be tried (again), in seconds since the epoch; None: it is parked
            until an operator replays or skips it.
        failed_at: When it failed last, in seconds since the epoch; 0: never.
        error: What went wrong last, for people.
    """

    group: str
    position: int
    event: Event
    attempts: int = 0
    retry_at: float | None = 0.0
    failed_at: float = 0.0
    error: str = ""

    @property
    def parked(self) -> bool:
        return self.retry_at is None


class EventLog(Protocol):
    """The log as its readers see it."""

    async def read(self, after: int, limit: int = 100) -> list[Entry]:
        """The events behind position `after`, in order, at most `limit`.

        Raises:
            Compacted: Not all of them are kept any more.
        """
        ...

    async def end(self) -> int:
        """The position of the last event; 0: there is none."""
        ...

    async def wait(self, after: int) -> None:
        """Return once this process knows of an event behind `after`.

        It may return for nothing, and what other processes append may wake nobody here, or only
        later; who waits looks now and then.
        """
        ...

    async def compact(self, before: float) -> int:
        """Forget the oldest events, up to the first that happened at `before` or later, or that a
        group has not passed yet; with them, that they were handled. How many.

        What groups hold stays with them. An event that is told again after it was forgotten is a
        new one, so `before` should be long ago.

        Args:
            before: Seconds since the epoch.
        """
        ...


class Inbox(Protocol[WorkT_contra]):
    """Which events a group has handled, written with what handling them changed."""

    async def admit(self, work: WorkT_contra, group: str, *events: Event) -> list[Event]:
        """Note in `work` that the group handles these events.

        Returns:
            Those that it has not handled before, each once, in their order.
        """
        ...


class Groups(Protocol[WorkT_contra]):
    """How far each consumer group has come."""

    async def join(self, group: str) -> int:
        """The group's position. A new group begins before the oldest event that is kept."""
        ...

    async def advance(self, work: WorkT_contra, group: str, before: int, after: int) -> None:
        """Move the group from position `before` to `after`.

        Raises:
            Overtaken: It is not at `before` any more.
        """
        ...

    async def held(self, group: str) -> list[Held]:
        """What the group holds, by position."""
        ...

    async def hold(self, work: WorkT_contra, held: Held, before: Held | None = None) -> Held | None:
        """Keep `held`, in place of `before` if given.

        Returns:
            What is kept: its position may be another one. None: the group has handled the event, or
            holds it, already.

        Raises:
            Overtaken: What is kept at this position is not `before`.
        """
        ...

    async def release(self, work: WorkT_contra, held: Held) -> None:
        """Keep `held` no longer.

        Raises:
            Overtaken: It is not kept any more, or was tried by another process meanwhile.
        """
        ...


class Delivery(Transactions[WorkT], EventLog, Inbox[WorkT], Groups[WorkT], Protocol[WorkT]):
    """All that a `Consumer` needs of a backend."""
