# SPDX-License-Identifier: Apache-2.0
"""Runs the consumers of a process, and lets an operator see and steer them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Generic

from rollcall.events.catalogue import CATALOGUE, Catalogue
from rollcall.events.delivery import DeliveringLog, GroupConsumer, GroupStatus
from rollcall.events.errors import GroupNotFound
from rollcall.events.log import Held, WorkT
from rollcall.events.subscriptions import DeliverySettings, Subscription
from rollcall.kernel.clock import Clock, within
from rollcall.kernel.errors import InvalidInput


class Dispatcher(Generic[WorkT]):
    """Delivers the event log to the subscriptions of a process.

    At least once, in order per key; one task for each group, so that a slow one slows no other.

    Args:
        log: The log, which delivers to groups.
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
        log: DeliveringLog[WorkT],
        clock: Clock,
        subscriptions: Iterable[Subscription[WorkT]],
        settings: DeliverySettings | None = None,
        catalogue: Catalogue = CATALOGUE,
    ) -> None:
        self._log = log
        self._clock = clock
        self._consumers: dict[str, GroupConsumer] = {}
        self._tasks: list[asyncio.Task[None]] = []
        settings = settings or DeliverySettings()
        for subscription in subscriptions:
            group = subscription.group
            if group in self._consumers:
                raise InvalidInput("subscriptions", f"has group {group!r} twice")
            for name in subscription.types:
                catalogue.type(name)
            self._consumers[group] = log.consumer(subscription, clock, settings)

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

        Groups that are paused, and events that are parked or not due yet, are left out, and so are
        partitions that other processes read.
        """
        while True:
            end = await self._log.end()
            idle = [await consumer.idle() for consumer in self._consumers.values()]
            # One group may have told another something after that was looked at.
            if all(idle) and end == await self._log.end():
                return

    async def status(self) -> list[GroupStatus]:
        """Every group of this process, by name."""
        return [await consumer.status() for _, consumer in sorted(self._consumers.items())]

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
        self._consumer(group).pause()

    def resume(self, group: str) -> None:
        """Deliver to the group again.

        Raises:
            GroupNotFound: There is no such group here.
        """
        self._consumer(group).resume()

    def _consumer(self, group: str) -> GroupConsumer:
        try:
            return self._consumers[group]
        except KeyError:
            raise GroupNotFound(group) from None


async def _ended(tasks: list[asyncio.Task[None]]) -> None:
    await asyncio.wait(tasks)
