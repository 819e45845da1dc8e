# SPDX-License-Identifier: Apache-2.0
"""Runs the consumers of a process, and lets an operator see and steer them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Generic

import msgspec

from rollcall.events.catalogue import CATALOGUE, Catalogue
from rollcall.events.consumer import Consumer
from rollcall.events.errors import GroupNotFound
from rollcall.events.log import Delivery, Held, WorkT
from rollcall.events.subscriptions import DeliverySettings, Subscription
from rollcall.kernel.clock import Clock, within
from rollcall.kernel.errors import InvalidInput


class GroupStatus(msgspec.Struct, frozen=True):
    """How one consumer group is doing.

    Args:
        group: Which.
        position: Where it stands in the log.
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


class Dispatcher(Generic[WorkT]):
    """Delivers the event log to the subscriptions of a process.

    At least once, in order per key; one task for each group, so that a slow one slows no other.

    Args:
        log: The log, with inbox and groups.
        clock: Times retries and time-outs.
        subscriptions: One for each group.
        settings: How it delivers.
        catalogue: What may be subscribed to.

    Raises:
        InvalidInput: Two subscriptions have one group, or one names a type that the catalogue does
            not have.
    """

    def __init__(
        self,
        log: Delivery[WorkT],
        clock: Clock,
        subscriptions: Iterable[Subscription[WorkT]],
        settings: DeliverySettings | None = None,
        catalogue: Catalogue = CATALOGUE,
    ) -> None:
        self._log = log
        self._clock = clock
        self._consumers: dict[str, Consumer[WorkT]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        settings = settings or DeliverySettings()
        for subscription in subscriptions:
            group = subscription.group
            if group in self._consumers:
                raise InvalidInput("subscriptions", f"has group {group!r} twice")
            for name in subscription.types:
                catalogue.type(name)
            self._consumers[group] = Consumer(log, subscription, clock, settings)

    async def start(self) -> None:
        """Begin to deliver."""
        self._tasks = [
            asyncio.create_task(consumer.run(), name=f"events to {group}")
            for group, consumer in self._consumers.items()
        ]

    async def stop(self, timeout: float = 10.0) -> None:
        """End after the events in hand; what has not ended `timeout` seconds later is rolled back.

        A dispatcher that was stopped is not started again.
        """
        tasks, self._tasks = self._tasks, []
        for consumer in self._consumers.values():
            consumer.stop()
        if not tasks:
            return
        try:
            await within(self._clock, timeout, _ended(tasks))
        except TimeoutError:
            pass
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def drained(self) -> None:
        """Return once no group has anything to do now.

        Groups that are paused, and events that are parked or not due yet, are left out.
        """
        while True:
            end = await self._log.end()
            idle = [await consumer.idle() for consumer in self._consumers.values()]
            # One group may have told another something after that was looked at.
            if all(idle) and end == await self._log.end():
                return

    async def status(self) -> list[GroupStatus]:
        """Every group of this process, by name."""
        end = await self._log.end()
        return [
            GroupStatus(
                group,
                consumer.position,
                max(0, end - consumer.position),
                consumer.backlog.retrying,
                consumer.backlog.waiting,
                consumer.backlog.parked,
                consumer.paused,
                consumer.delivered,
                consumer.failures,
            )
            for group, consumer in sorted(self._consumers.items())
        ]

    async def parked(self, group: str) -> list[Held]:
        """What waits for an operator, by position.

        Raises:
            GroupNotFound: There is no such group here.
        """
        self._consumer(group)
        return [held for held in await self._log.held(group) if held.parked]

    async def replay(self, group: str, position: int) -> None:
        """Try a parked event again, at once and with all its attempts.

        Raises:
            GroupNotFound: There is no such group here.
            NotParked: The group has no parked event there.
        """
        await self._consumer(group).replay(position)

    async def skip(self, group: str, position: int) -> None:
        """Give a parked event up: it counts as handled, and those behind it go on.

        Raises:
            GroupNotFound: There is no such group here.
            NotParked: The group has no parked event there.
        """
        await self._consumer(group).skip(position)

    def pause(self, group: str) -> None:
        """Deliver nothing more to the group after the event in hand, until `resume`.

        Raises:
            GroupNotFound: There is no such group here.
        """
        self._consumer(group).paused = True

    def resume(self, group: str) -> None:
        """Deliver to the group again.

        Raises:
            GroupNotFound: There is no such group here.
        """
        consumer = self._consumer(group)
        consumer.paused = False
        consumer.nudge()

    def _consumer(self, group: str) -> Consumer[WorkT]:
        try:
            return self._consumers[group]
        except KeyError:
            raise GroupNotFound(group) from None


async def _ended(tasks: list[asyncio.Task[None]]) -> None:
    await asyncio.wait(tasks)
