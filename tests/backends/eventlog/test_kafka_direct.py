# SPDX-License-Identifier: Apache-2.0
"""`EventPublisher` and `EventConsumer` of document 3 on a real Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio

from rollcall.backends.eventlog.kafka_client import KafkaSettings, new_consumer
from rollcall.backends.eventlog.kafka_direct import DEAD, KafkaSender
from rollcall.events.publisher import EventPublisher
from rollcall.events.subscriber import EventConsumer
from rollcall.events.subscriptions import DeliverySettings
from rollcall.kernel.errors import StoreUnavailable
from rollcall.policies.retry import RetryPolicy
from support.servers.kafka import Kafka
from support.servers.ports import free_ports

pytestmark = pytest.mark.server

TOPIC = "agent.updated"
SETTINGS = DeliverySettings(retry=RetryPolicy(max_retries=2, initial_delay=0.01))


class World:
    """Publishes to agents of its own, and has consumers of one group."""

    def __init__(self, kafka: Kafka, group: str) -> None:
        self.servers = kafka.place
        self.group = group
        self.publisher = EventPublisher(kafka.place)
        self.handled: list[str] = []
        self.broken: set[str] = set()
        self.more = asyncio.Condition()
        self.consumers: list[EventConsumer] = []

    async def publish(self, *ids: str) -> None:
        """Events of this test alone: other tests share the topic."""
        for id in ids:
            data = {"agent_id": f"{self.group}{id[0]}", "changes": [], "event_id": self.group + id}
            await self.publisher.publish(TOPIC, data)

    async def handle(self, event: dict[str, Any]) -> None:
        if not event["event_id"].startswith(self.group):
            return
        async with self.more:
            self.handled.append(event["event_id"].removeprefix(self.group))
            self.more.notify_all()
        if self.handled[-1] in self.broken:
            raise ValueError("it is broken")

    async def consume(self) -> EventConsumer:
        consumer = EventConsumer(self.servers, self.group, [TOPIC], settings=SETTINGS)
        consumer.register_handler(TOPIC, self.handle)
        self.consumers.append(consumer)
        await consumer.start()
        return consumer

    async def until(self, done: Callable[[], bool]) -> None:
        async with self.more:
            await asyncio.wait_for(self.more.wait_for(done), 60)

    async def dead_letters(self, count: int) -> list[Any]:
        member = new_consumer(KafkaSettings(self.servers), f"{self.group}-reader")
        member.subscribe([self.group + DEAD])
        await member.start()
        try:
            return [await asyncio.wait_for(member.getone(), 60) for _ in range(count)]
        finally:
            await member.stop()


@pytest_asyncio.fixture
async def world(kafka: Kafka, fresh_prefix: Callable[[], str]) -> AsyncIterator[World]:
    world = World(kafka, fresh_prefix())
    yield world
    for consumer in world.consumers:
        await consumer.stop()
    await world.publisher.close()


async def test_events_are_handled_in_order_of_their_key_and_once_by_a_group(world: World) -> None:
    await world.publish("a1", "b1", "a2")
    first = await world.consume()
    await world.until(lambda: len(world.handled) == 3)
    await first.stop()

    # Who comes next goes on behind it.
    await world.publish("a3", "b2")
    await world.consume()
    await world.until(lambda: len(world.handled) == 5)
    assert [id for id in world.handled if id[0] == "a"] == ["a1", "a2", "a3"]
    assert [id for id in world.handled if id[0] == "b"] == ["b1", "b2"]


async def test_what_fails_too_often_goes_to_the_dead_letters_and_its_key_goes_on(
    world: World,
) -> None:
    world.broken = {"a1"}
    await world.publish("a1", "a2")
    await world.consume()
    await world.until(lambda: "a2" in world.handled)

    assert world.handled == ["a1", "a1", "a1", "a2"]
    (letter,) = await world.dead_letters(1)
    headers = dict(letter.headers)
    assert headers["topic"] == TOPIC.encode()
    assert headers["error"] == b"ValueError: it is broken"
    assert (world.group + "a1").encode() in letter.value


async def test_a_message_that_is_no_event_goes_to_the_dead_letters_at_once(world: World) -> None:
    sender = KafkaSender(world.servers)
    await sender.put(TOPIC, b"key", world.group.encode(), ())
    await sender.close()
    await world.publish("a1")
    await world.consume()
    await world.until(lambda: world.handled == ["a1"])

    (letter,) = await world.dead_letters(1)
    assert letter.value == world.group.encode()
    assert dict(letter.headers)["error"] == b"InvalidInput: event: cannot be read"


async def test_an_event_that_is_not_handled_yet_is_told_to_who_comes_next(world: World) -> None:
    begun, never = asyncio.Event(), asyncio.Event()
    first = EventConsumer(
        world.servers, world.group, [TOPIC], settings=DeliverySettings(handler_timeout=0.2)
    )

    async def hang(event: dict[str, Any]) -> None:
        if event["event_id"].startswith(world.group):
            begun.set()
            await never.wait()

    first.register_handler(TOPIC, hang)
    await world.publish("a1")
    await first.start()
    await asyncio.wait_for(begun.wait(), 60)
    await first.stop()

    await world.consume()
    await world.until(lambda: world.handled == ["a1"])


async def test_where_no_broker_answers_it_says_so() -> None:
    (port,) = free_ports(1)
    publisher = EventPublisher(f"127.0.0.1:{port}")
    with pytest.raises(StoreUnavailable):
        await publisher.publish(TOPIC, {"agent_id": "a", "changes": []})
    await publisher.close()
    consumer = EventConsumer(f"127.0.0.1:{port}", "g", [TOPIC])
    with pytest.raises(StoreUnavailable):
        await consumer.start()
    await consumer.stop()
