# SPDX-License-Identifier: Apache-2.0
"""The ways that an event can go from who publishes it to who handles it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final

from bench.events.flow import Arrivals

from rollcall.backends.eventlog.kafka import KafkaEventLog
from rollcall.backends.eventlog.kafka_client import (
    KafkaSettings,
    ensure_topics,
    new_consumer,
    new_producer,
)
from rollcall.backends.eventlog.kafka_wire import HEADERS, key_of, value_of
from rollcall.backends.eventlog.sql import SqlEventLog
from rollcall.backends.sql.database import Database, dialect_of
from rollcall.backends.sql.unit_of_work import SqlUnitOfWork
from rollcall.events.delivery import DeliveringLog
from rollcall.events.dispatcher import Dispatcher
from rollcall.events.envelope import Event
from rollcall.events.publisher import EventPublisher
from rollcall.events.subscriber import EventConsumer
from rollcall.events.subscriptions import Handler
from rollcall.kernel.clock import SystemClock

TYPE: Final = "agent.created"
GROUP: Final = "bench"
Send = Callable[[str, str], Awaitable[None]]


class Watched(Database):
    """A database that says which units of work were committed."""

    def __init__(self, url: str, arrivals: Arrivals) -> None:
        super().__init__(dialect_of(url))
        self._arrivals = arrivals
        self._handled: dict[SqlUnitOfWork, list[str]] = {}

    async def handle(self, event: Event, work: SqlUnitOfWork) -> None:
        """Handle an event, which writes nothing but that and how far the group came."""
        self._handled.setdefault(work, []).append(event.id)

    @asynccontextmanager
    async def begin(self) -> AsyncGenerator[SqlUnitOfWork]:
        async with super().begin() as work:
            try:
                yield work
            except BaseException:
                self._handled.pop(work, None)
                raise
        for event_id in self._handled.pop(work, ()):
            self._arrivals.arrived(event_id)


@asynccontextmanager
async def database(arrivals: Arrivals, url: str) -> AsyncGenerator[Send]:
    """Units of work in a database, each with one event; the dispatcher on its outbox."""
    async with _opened(arrivals, url) as opened, _dispatched(SqlEventLog(opened), opened) as send:
        yield send


@asynccontextmanager
async def outbox(
    arrivals: Arrivals, url: str, brokers: str, prefix: str = ""
) -> AsyncGenerator[Send]:
    """The same, where the outbox is forwarded to Kafka and the dispatcher reads there."""
    settings = KafkaSettings(brokers, f"{prefix}{url.partition(':')[0]}.")
    async with (
        _opened(arrivals, url) as opened,
        KafkaEventLog(settings, opened, SystemClock()) as log,
        _dispatched(log, opened) as send,
    ):
        yield send


@asynccontextmanager
async def direct(arrivals: Arrivals, brokers: str) -> AsyncGenerator[Send]:
    """`EventPublisher` and `EventConsumer` on Kafka, without a database."""
    consumer = EventConsumer(brokers, GROUP, [TYPE])

    async def handle(event: dict[str, Any]) -> None:
        arrivals.arrived(event["event_id"])

    consumer.register_handler(TYPE, handle)
    await consumer.start()
    try:
        async with EventPublisher(brokers) as publisher:

            async def send(event_id: str, key: str) -> None:
                await publisher.publish(TYPE, {"event_id": event_id, **_data(key)})

            yield send
    finally:
        await consumer.stop()


@asynccontextmanager
async def alone(arrivals: Arrivals, brokers: str, prefix: str = "") -> AsyncGenerator[Send]:
    """aiokafka's producer and consumer as we set them, with bytes that we would send.

    An offset moves behind what was fetched once that was handled.
    """
    settings = KafkaSettings(brokers, f"{prefix}alone.")
    topic = settings.topic(TYPE)
    await ensure_topics(settings, [TYPE])
    async with AsyncExitStack() as stack:
        producer, consumer = new_producer(settings), new_consumer(settings, GROUP)
        consumer.subscribe([topic])
        for one in (producer, consumer):
            await one.start()
            stack.push_async_callback(one.stop)

        async def consume() -> None:
            while True:
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    for record in records:
                        arrivals.arrived(dict(record.headers)["id"].decode())
                await consumer.commit()

        async def send(event_id: str, key: str) -> None:
            made = event(event_id, key)
            headers = [*HEADERS, ("id", event_id.encode())]
            await producer.send_and_wait(topic, value_of(made), key_of(made.key), headers=headers)

        consuming = asyncio.create_task(consume())
        try:
            yield send
        finally:
            consuming.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await consuming


@asynccontextmanager
async def _opened(arrivals: Arrivals, url: str) -> AsyncGenerator[Watched]:
    opened = Watched(url, arrivals)
    await opened.open()
    try:
        yield opened
    finally:
        await opened.close()


@asynccontextmanager
async def _dispatched(log: DeliveringLog[SqlUnitOfWork], opened: Watched) -> AsyncGenerator[Send]:
    subscription = Handler(GROUP, frozenset({TYPE}), opened.handle)
    dispatcher = Dispatcher(log, SystemClock(), [subscription])
    await dispatcher.start()

    async def send(event_id: str, key: str) -> None:
        async with log.begin() as work:
            work.publish(event(event_id, key))

    try:
        yield send
    finally:
        await dispatcher.stop()


def event(event_id: str, key: str) -> Event:
    """An event that the catalogue has."""
    return Event(
        id=event_id,
        type=TYPE,
        source="/bench",
        subject=key,
        time=datetime.now(UTC),
        data=_data(key),
        namespace="default",
    )


def _data(key: str) -> dict[str, str]:
    return {"agent_id": key, "name": "An agent that was made to be measured"}
