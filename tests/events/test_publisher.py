# SPDX-License-Identifier: Apache-2.0
"""`EventPublisher` and `EventConsumer` of document 3, on a log."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from rollcall.backends.eventlog.inmemory import InMemoryEventLog
from rollcall.events.publisher import EventPublisher
from rollcall.events.subscriber import EventConsumer
from rollcall.events.subscriptions import DeliverySettings
from rollcall.kernel.errors import InvalidInput
from rollcall.policies.retry import RetryPolicy
from rollcall.testing.clock import FrozenClock

TOPIC = "agent.created"
DATA = {"agent_id": "agent_1", "name": "Ada"}


async def test_an_event_id_that_is_given_is_kept_and_told_twice_it_is_one_event() -> None:
    log = InMemoryEventLog()
    publisher = EventPublisher(log, source="/agents", namespace="acme")
    for _ in range(2):
        await publisher.publish(TOPIC, {**DATA, "event_id": "e1", "timestamp": "2026-01-31T12:00Z"})

    (entry,) = await log.read(0)
    event = entry.event
    assert (event.id, event.type, event.subject) == ("e1", TOPIC, "agent_1")
    assert (event.source, event.namespace) == ("/agents", "acme")
    assert (event.time, event.data) == (datetime(2026, 1, 31, 12, tzinfo=UTC), DATA)


async def test_an_event_without_an_id_gets_one_of_its_own_and_the_time() -> None:
    log, clock = InMemoryEventLog(), FrozenClock()
    async with EventPublisher(log, clock=clock) as publisher:
        await publisher.publish(TOPIC, DATA)
        await publisher.publish(TOPIC, DATA)

    first, second = [entry.event for entry in await log.read(0)]
    assert first.id != second.id
    assert first.time.timestamp() == clock.now()


@pytest.mark.parametrize(
    ("topic", "event", "field"),
    [
        ("agent.vanished", DATA, "type"),
        (TOPIC, {"agent_id": "agent_1"}, r"data\.name"),
        (TOPIC, {**DATA, "event_id": 7}, "event_id"),
        (TOPIC, {**DATA, "timestamp": "yesterday"}, "timestamp"),
        (TOPIC, {**DATA, "timestamp": "2026-01-31T12:00"}, "time"),
    ],
)
async def test_what_cannot_be_published_is_refused(
    topic: str, event: dict[str, Any], field: str
) -> None:
    log = InMemoryEventLog()
    with pytest.raises(InvalidInput, match=field):
        await EventPublisher(log).publish(topic, event)
    assert await log.end() == 0


async def test_all_handlers_of_a_topic_are_given_one_dictionary() -> None:
    log = InMemoryEventLog()
    consumer = EventConsumer(log, "g", [TOPIC, "agent.deleted"])
    given: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue()

    async def one(event: dict[str, Any]) -> None:
        await given.put(("one", event))

    async def two(event: dict[str, Any]) -> None:
        await given.put(("two", event))

    consumer.register_handler(TOPIC, one)
    consumer.register_handler(TOPIC, two)
    await consumer.start()
    event = {**DATA, "event_id": "e1", "timestamp": "2026-01-31T12:00:00+01:00"}
    await EventPublisher(log).publish("agent.deleted", {"agent_id": "agent_0"})
    await EventPublisher(log).publish(TOPIC, event)
    found = [await asyncio.wait_for(given.get(), 10) for _ in range(2)]
    await consumer.stop()

    told = {
        **DATA,
        "event_id": "e1",
        "event_type": TOPIC,
        "timestamp": "2026-01-31T11:00:00+00:00",
    }
    assert found == [("one", told), ("two", told)]


async def test_a_handler_that_fails_is_called_again() -> None:
    log, clock = InMemoryEventLog(), FrozenClock()
    settings = DeliverySettings(retry=RetryPolicy(max_retries=2, initial_delay=0.0))
    consumer = EventConsumer(log, "g", [TOPIC], clock=clock, settings=settings)
    calls: list[str] = []
    done = asyncio.Event()

    async def handle(event: dict[str, Any]) -> None:
        calls.append(event["event_id"])
        if len(calls) < 3:
            raise ValueError("not yet")
        done.set()

    consumer.register_handler(TOPIC, handle)
    await EventPublisher(log).publish(TOPIC, {**DATA, "event_id": "e1"})
    await consumer.start()
    await asyncio.wait_for(done.wait(), 10)
    await consumer.stop()
    assert calls == ["e1"] * 3


def test_a_handler_for_a_topic_that_is_not_consumed_is_refused() -> None:
    consumer = EventConsumer(InMemoryEventLog(), "g", [TOPIC])
    with pytest.raises(InvalidInput, match=r"agent\.deleted"):
        consumer.register_handler("agent.deleted", print)  # type: ignore[arg-type]
