# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio

from rollcall.backends.eventlog.inmemory import InMemoryEventLog
from rollcall.events.delivery import GroupStatus, NumberedLog
from rollcall.events.dispatcher import Dispatcher
from rollcall.events.envelope import Event
from rollcall.events.subscriptions import DeliverySettings, Handler, Subscription
from rollcall.policies.retry import RetryPolicy
from rollcall.testing.clock import FrozenClock
from rollcall.testing.event_log_contract.case import CREATED, created, publish

Outcome = Callable[[Event], Awaitable[None]]


class World:
    """A log, a clock that stands still, and dispatchers over them with one group `g`."""

    def __init__(self) -> None:
        self.clock = FrozenClock()
        self.log: NumberedLog[Any] = InMemoryEventLog()
        self.seen: list[str] = []
        self.broken: set[str] = set()
        """The ids of events that fail."""
        self.dispatchers: list[Dispatcher[Any]] = []
        self.settings = DeliverySettings(
            retry=RetryPolicy(max_retries=2, initial_delay=1.0), handler_timeout=10.0
        )

    async def handle(self, event: Event, work: Any) -> None:
        await self.send(event)

    async def send(self, event: Event) -> None:
        self.seen.append(event.id)
        if event.id in self.broken:
            raise ValueError(f"{event.id} is broken")

    async def start(self, *subscriptions: Subscription[Any]) -> Dispatcher[Any]:
        some = subscriptions or (Handler("g", frozenset({CREATED}), self.handle),)
        dispatcher = Dispatcher(self.log, self.clock, some, self.settings)
        self.dispatchers.append(dispatcher)
        await dispatcher.start()
        return dispatcher

    async def publish(self, *ids: str) -> None:
        """Events named `<subject><number>`: `a1`, `a2`, `b1` ..."""
        await publish(self.log, *(created(id, id[0]) for id in ids))

    async def drained(self) -> None:
        for dispatcher in self.dispatchers:
            await asyncio.wait_for(dispatcher.drained(), 20)

    async def later(self, seconds: float) -> None:
        await self.clock.advance(seconds)
        await self.drained()

    async def status(self) -> GroupStatus:
        (status,) = await self.dispatchers[0].status()
        return status


@pytest.fixture(scope="session")
def new_world() -> type[World]:
    return World


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    for dispatcher in world.dispatchers:
        await asyncio.wait_for(dispatcher.stop(0), 20)
