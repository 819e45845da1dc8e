# SPDX-License-Identifier: Apache-2.0
"""What the dispatcher makes of the log."""

from __future__ import annotations

import asyncio
from typing import Any

from rollcall.events.dispatcher import Dispatcher
from rollcall.events.envelope import Event
from rollcall.events.subscriptions import DeliverySettings, Handler, Sink
from rollcall.testing.clock import FrozenClock
from rollcall.testing.event_log_contract.case import (
    CREATED,
    DELETED,
    Log,
    LogCase,
    created,
    deleted_after,
    publish,
)


class DeliveryTests(LogCase):
    async def test_the_dispatcher_delivers_each_event_once_to_each_group_and_in_order(
        self, log: Log
    ) -> None:
        handled: list[str] = []
        sent: list[str] = []

        async def handle(event: Event, work: Any) -> None:
            handled.append(event.id)
            work.publish(deleted_after(event))

        async def send(event: Event) -> None:
            sent.append(event.id)

        dispatcher: Dispatcher[Any] = Dispatcher(
            log,
            FrozenClock(),
            [Handler("h", frozenset({CREATED}), handle), Sink("s", frozenset({DELETED}), send)],
            DeliverySettings(batch=3),
        )
        events = [created(str(i), f"s{i % 3}") for i in range(10)]
        await publish(log, *events[:5])
        await dispatcher.start()
        await publish(log, *events[5:])
        await asyncio.wait_for(dispatcher.drained(), 30)
        await dispatcher.stop()

        assert handled == [event.id for event in events]
        assert sent == [deleted_after(event).id for event in events]

        # Whoever goes on from there has nothing left to do.
        log = await self.another(log)
        again: Dispatcher[Any] = Dispatcher(
            log, FrozenClock(), [Handler("h", frozenset({CREATED}), handle)]
        )
        await again.start()
        await asyncio.wait_for(again.drained(), 30)
        await again.stop()
        assert len(handled) == 10

    async def test_what_a_failed_attempt_told_is_not_told(self, log: Log) -> None:
        attempts: list[str] = []

        async def handle(event: Event, work: Any) -> None:
            work.publish(deleted_after(event))
            attempts.append(event.id)
            if len(attempts) == 1:
                raise ValueError("not yet")

        clock = FrozenClock()
        dispatcher: Dispatcher[Any] = Dispatcher(
            log, clock, [Handler("h", frozenset({CREATED}), handle)]
        )
        await publish(log, created())
        await dispatcher.start()
        await asyncio.wait_for(dispatcher.drained(), 30)
        assert await log.end() == 1
        (held,) = await log.held("h")
        assert (held.attempts, held.error) == (1, "ValueError: not yet")

        await clock.advance(1.0)
        await asyncio.wait_for(dispatcher.drained(), 30)
        await dispatcher.stop()
        assert attempts == ["1", "1"]
        assert [entry.event for entry in await log.read(0)] == [created(), deleted_after(created())]
        assert await log.held("h") == []
