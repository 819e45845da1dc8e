# SPDX-License-Identifier: Apache-2.0
"""The ports between the dispatcher and a log that delivers to consumer groups.

What every such log promises, however its positions are made
(`rollcall.testing.event_log_contract.DeliveryContract` checks it):

- What is published in a unit of work is delivered to every group that wants its type, once the
  unit of work was committed, and never otherwise.
- A group is given the events of one key in the order in which they were published, and each event
  again until it is settled: handled, given up by an operator, or parked.
- What a `Handler` writes in its unit of work is there once, however often the event was told; a
  `Batch` is given several in one, in their order, and one by one where that failed.
- An event that fails blocks its own key alone. A message that is no event blocks nothing.
- A new group begins before the oldest event that is kept.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from rollcall.events.log import Delivery, Held, Transactions, WorkT
from rollcall.events.subscriptions import DeliverySettings, Subscription
from rollcall.kernel.clock import Clock


class GroupStatus(msgspec.Struct, frozen=True):
    """How one consumer group is doing.

    Args:
        group: Which.
        position: Where it stands in the log; where that has partitions, the sum over those that
            this process reads.
        lag: How many events of the log it has not looked at.
        retrying: How many failed and will be tried again.
        waiting: How many wait behind another of their key that is held.
        parked: How many wait for an operator.
        paused: Whether an operator has paused it, in this process.
        delivered: How many it has handled since this process began.
        failures: How many attempts have failed since this process began.
    """

    group: str
    position: int
    lag: int
    retrying: int
    waiting: int
    parked: int
    paused: bool
    delivered: int
    failures: int


class GroupConsumer(Protocol):
    """Delivers to one consumer group in this process."""

    @property
    def paused(self) -> bool:
        """Whether nothing more is delivered after the event in hand, until `resume`."""
        ...

    def pause(self) -> None: ...

    def resume(self) -> None: ...

    async def run(self) -> None:
        """Deliver until stopped."""
        ...

    def stop(self) -> None:
        """Have `run` end after the event in hand."""
        ...

    async def idle(self) -> bool:
        """Whether there is nothing to do now; where there may be, return after the next look."""
        ...

    async def status(self) -> GroupStatus: ...

    async def replay(self, position: int) -> None:
        """Try a parked event again, at once and with all its attempts.

        Raises:
            NotParked: It is not parked.
        """
        ...

    async def skip(self, position: int) -> None:
        """Give a parked event up; those behind it go on.

        Raises:
            NotParked: It is not parked.
        """
        ...


class DeliveringLog(Transactions[WorkT], Protocol[WorkT]):
    """All that the dispatcher needs of a log."""

    def consumer(
        self, subscription: Subscription[WorkT], clock: Clock, settings: DeliverySettings
    ) -> GroupConsumer:
        """What delivers to a group; begins when it is run."""
        ...

    async def end(self) -> int:
        """How many events were published where this process publishes them."""
        ...

    async def held(self, group: str) -> list[Held]:
        """What the group holds, in the order in which it came to hold it."""
        ...


class NumberedLog(Delivery[WorkT], DeliveringLog[WorkT], Protocol[WorkT]):
    """A log that delivers, and whose events stand in one order with numbers."""
