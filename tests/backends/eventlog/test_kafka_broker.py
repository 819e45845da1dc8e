# SPDX-License-Identifier: Apache-2.0
"""Delivery while the broker goes, members come and go, and messages are no events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from rollcall.app.relay import RegistryRelay
from rollcall.backends.eventlog.kafka import KafkaEventLog
from rollcall.backends.eventlog.kafka_client import KafkaSettings, ensure_topics, new_producer
from rollcall.backends.eventlog.kafka_forwarder import GROUP
from rollcall.backends.eventlog.kafka_wire import key_of, value_of
from rollcall.backends.records.inmemory import InMemoryStore
from rollcall.backends.sql.database import Database, dialect_of
from rollcall.events.catalogue import CATALOGUE
from rollcall.events.dispatcher import Dispatcher
from rollcall.events.envelope import Event
from rollcall.events.errors import NotParked
from rollcall.events.log import UNREADABLE
from rollcall.events.subscriptions import DeliverySettings, Handler, Sink
from rollcall.kernel.clock import SystemClock
from rollcall.kernel.ids import RandomIds
from rollcall.policies.retry import RetryPolicy
from rollcall.registry.service import RegistryService
from rollcall.testing.event_log_contract.case import CREATED, created, publish
from rollcall.testing.store_contract.case import OWN, record
from support.databases import sqlite_at
from support.servers.kafka import Kafka

pytestmark = pytest.mark.server

SUBJECTS = "abcdefghijkl"
QUICK = DeliverySettings(outage=RetryPolicy(initial_delay=0.1, max_delay=0.5), poll=0.5)


class Place:
    """A database, Kafka, and whoever delivers from it."""

    def __init__(self, kafka: KafkaSettings, database: Database) -> None:
        self.kafka = kafka
        self.database = database
        self.log = KafkaEventLog(kafka, database, SystemClock())
        self.handled: dict[str, list[str]] = {}
        """By who handled them."""
        self.order: list[str] = []
        self.more = asyncio.Condition()
        self.count = 0

    async def member(self, name: str) -> Dispatcher[Any]:
        async def handle(event: Event, work: Any) -> None:
            self.handled.setdefault(name, []).append(event.id)
            self.order.append(event.id)
            async with self.more:
                self.more.notify_all()

        subscription = Handler("g", frozenset({CREATED}), handle)
        dispatcher = Dispatcher(self.log, SystemClock(), [subscription], QUICK)
        await dispatcher.start()
        return dispatcher

    async def tell(self, rounds: int) -> None:
        for _ in range(rounds):
            self.count += 1
            await publish(
                self.log, *(created(f"{subject}{self.count}", subject) for subject in SUBJECTS)
            )

    async def until(self, done: Callable[[], bool]) -> None:
        async with self.more:
            await asyncio.wait_for(self.more.wait_for(done), 60)

    def assert_all_are_handled_once_and_in_order(self) -> None:
        for subject in SUBJECTS:
            own = [id for id in self.order if id.startswith(subject)]
            assert own == [f"{subject}{number}" for number in range(1, self.count + 1)]


@pytest_asyncio.fixture
async def place(
    tmp_path: Path, kafka: Kafka, fresh_prefix: Callable[[], str]
) -> AsyncIterator[Place]:
    async with AsyncExitStack() as stack:
        database = Database(dialect_of(sqlite_at(tmp_path / "rollcall.db")))
        await database.open()
        stack.push_async_callback(database.close)
        place = Place(KafkaSettings(kafka.place, fresh_prefix()), database)
        await stack.enter_async_context(place.log)
        yield place


@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_a_broker_that_goes_and_comes_back_loses_and_reorders_nothing(
    place: Place, kafka: Kafka, end: str
) -> None:
    dispatcher = await place.member("one")
    await place.tell(5)
    await place.until(lambda: len(place.order) > 20)
    telling = asyncio.create_task(place.tell(20))
    await asyncio.to_thread(getattr(kafka, end))
    try:
        # The services do not notice.
        await telling
        await place.tell(5)
    finally:
        await asyncio.to_thread(kafka.start)
    await place.tell(5)
    await asyncio.wait_for(dispatcher.drained(), 90)
    (status,) = await dispatcher.status()
    await dispatcher.stop()

    place.assert_all_are_handled_once_and_in_order()
    assert (status.lag, status.parked) == (0, 0)
    assert await place.log.forwarder.lag() == 0


async def test_members_of_a_group_share_its_partitions_and_take_over_from_each_other(
    place: Place,
) -> None:
    one = await place.member("one")
    await place.tell(3)
    await place.until(lambda: len(place.order) > 10)
    two = await place.member("two")
    stop = asyncio.Event()

    async def keep_telling() -> None:
        while not stop.is_set():
            await place.tell(1)

    telling = asyncio.create_task(keep_telling())
    await place.until(lambda: "two" in place.handled)
    before = len(place.handled["one"])
    await place.until(lambda: len(place.handled["one"]) > before + 5)
    await one.stop()
    stop.set()
    await telling
    # Not `drained`: until the other's partitions are here, there is nothing to do for them.
    await place.until(lambda: len(place.order) == len(SUBJECTS) * place.count)
    await asyncio.wait_for(two.drained(), 60)
    (status,) = await two.status()
    await two.stop()

    place.assert_all_are_handled_once_and_in_order()
    assert status.lag == 0


async def test_messages_that_are_no_events_are_parked_and_block_nothing(place: Place) -> None:
    await ensure_topics(place.kafka, [CREATED])
    good = created("good", "a")
    producer = new_producer(place.kafka)
    await producer.start()
    for value in (b"no JSON", value_of(good)[:-1], None, b'{"specversion": "1.0"}', b"\xff"):
        await producer.send_and_wait(place.kafka.topic(CREATED), value, key_of(good.key))
    await producer.send_and_wait(place.kafka.topic(CREATED), value_of(good), key_of(good.key))
    await producer.stop()

    dispatcher = await place.member("one")
    await asyncio.wait_for(dispatcher.drained(), 60)
    await place.until(lambda: place.order == ["good"])

    parked = await dispatcher.parked("g")
    assert [one.event.type for one in parked] == [UNREADABLE] * 5
    assert parked[0].event.data == {"base64": "bm8gSlNPTg==", "bytes": 7}
    assert all("is no CloudEvents 1.0 event" in one.error for one in parked)
    (status,) = await dispatcher.status()
    assert (status.parked, status.retrying, status.waiting, status.lag) == (5, 0, 0, 0)

    # Replayed it is no event still; given up it is gone.
    await dispatcher.replay("g", parked[0].position)
    await asyncio.wait_for(dispatcher.drained(), 60)
    assert len(await dispatcher.parked("g")) == 5
    for one in parked:
        await dispatcher.skip("g", one.position)
    assert await dispatcher.parked("g") == []
    with pytest.raises(NotParked):
        await dispatcher.skip("g", parked[0].position)
    await dispatcher.stop()


async def test_what_a_group_handled_when_it_read_the_outbox_is_not_handled_again(
    place: Place,
) -> None:
    async def handle(event: Event, work: Any) -> None:
        place.order.append(event.id)

    subscription = Handler("g", frozenset({CREATED}), handle)
    await publish(place.log, created("a1", "a"), created("b1", "b"))
    for log in (place.log.outbox, place.log):
        dispatcher: Dispatcher[Any] = Dispatcher(log, SystemClock(), [subscription], QUICK)
        await dispatcher.start()
        await asyncio.wait_for(dispatcher.drained(), 60)
        await dispatcher.stop()
        await publish(place.log, created("a2", "a"))

    assert sorted(place.order) == ["a1", "a2", "b1"]


async def test_an_event_that_is_too_large_is_put_aside_and_the_others_go_on(place: Place) -> None:
    large = created("a1", "a")
    large.data["name"] = "x" * 2_000_000
    await publish(place.log, large, created("a2", "a"), created("b1", "b"))
    dispatcher = await place.member("one")
    await asyncio.wait_for(dispatcher.drained(), 60)
    await dispatcher.stop()

    assert sorted(place.order) == ["a2", "b1"]
    (aside,) = await place.log.outbox.held(GROUP)
    assert (aside.event, aside.parked) == (large, True)
    assert await place.log.forwarder.lag() == 0


async def test_changes_of_the_registry_reach_kafka_and_heartbeats_do_not(place: Place) -> None:
    told: list[str] = []

    async def send(event: Event) -> None:
        told.append(event.type)

    clock = SystemClock()
    registry = RegistryService(InMemoryStore(clock, RandomIds()))
    await registry.start()
    types = frozenset(one.name for one in CATALOGUE if one.owner == "registry")
    dispatcher: Dispatcher[Any] = Dispatcher(place.log, clock, [Sink("s", types, send)], QUICK)
    await dispatcher.start()
    await registry.register(record("a", OWN))
    await registry.renew("default", "a")
    await registry.deregister("default", "a")
    await RegistryRelay(registry, place.database, clock).flush()
    await asyncio.wait_for(dispatcher.drained(), 60)
    await dispatcher.stop()
    await registry.stop()

    assert told == ["registry.registered", "registry.deregistered"]


async def test_what_is_parked_can_be_replayed_from_a_process_that_does_not_read_it(
    place: Place,
) -> None:
    broken = True

    async def handle(event: Event, work: Any) -> None:
        place.order.append(event.id)
        if broken:
            raise ValueError("it is broken")

    never = DeliverySettings(retry=RetryPolicy(max_retries=0), poll=0.2)
    subscription = Handler("g", frozenset({CREATED}), handle)
    reading = Dispatcher(place.log, SystemClock(), [subscription], never)
    await publish(place.log, created("a1", "a"))
    await reading.start()
    await asyncio.wait_for(reading.drained(), 60)
    operating = Dispatcher(place.log, SystemClock(), [subscription], never)
    broken = False

    (parked,) = await operating.parked("g")
    await operating.replay("g", parked.position)

    while await place.log.held("g"):
        await asyncio.wait_for(reading.drained(), 60)
    await reading.stop()
    assert place.order == ["a1", "a1"]
