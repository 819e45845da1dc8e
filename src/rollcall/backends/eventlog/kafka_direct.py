# SPDX-License-Identifier: Apache-2.0
"""Sending to Kafka and receiving from it without a database beside it."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterable
from typing import Any

from aiokafka import ConsumerRebalanceListener, TopicPartition  # pyright: ignore[reportMissingTypeStubs]
from aiokafka.errors import IllegalStateError, KafkaError  # pyright: ignore[reportMissingTypeStubs]

from rollcall.backends.eventlog.kafka_client import (
    KafkaSettings,
    ensure_topics,
    new_consumer,
    new_producer,
)
from rollcall.backends.eventlog.kafka_waiting import ended, first_of
from rollcall.backends.eventlog.kafka_wire import HEADERS, Message, decoded, key_of, value_of
from rollcall.events.envelope import Event, Key
from rollcall.events.subscriptions import DeliverySettings, Sink
from rollcall.kernel.clock import Clock, within
from rollcall.kernel.errors import InvalidInput, StoreUnavailable

_log = logging.getLogger("rollcall.events")
DEAD = ".dead"
"""Behind the name of a group: the topic of what it could not handle."""
_MANY = 1000
"""Messages in hand, from which on no more are fetched."""
_LEAVING = 10.0
"""Seconds that handlers in hand have when their partitions go to others."""


class KafkaSender:
    """Sends events; connects when it sends first.

    Args:
        kafka: Where to: brokers, or all settings.
    """

    def __init__(self, kafka: str | KafkaSettings) -> None:
        self._kafka = KafkaSettings(kafka) if isinstance(kafka, str) else kafka
        self._starting = asyncio.Lock()
        self._producer: Any = None
        self._topics: set[str] = set()

    async def send(self, event: Event) -> None:
        """Return when the brokers have it.

        Raises:
            StoreUnavailable: They may not.
        """
        await self.put(event.type, key_of(event.key), value_of(event), HEADERS)

    async def put(
        self, topic: str, key: bytes | None, value: bytes, headers: Iterable[tuple[str, bytes]]
    ) -> None:
        """Send a message, return when the brokers have it.

        Raises:
            StoreUnavailable: They may not.
        """
        try:
            producer = await self._started(topic)
            name = self._kafka.topic(topic)
            await producer.send_and_wait(name, value, key, headers=list(headers))
        except KafkaError as error:
            # After this a producer may have a gap in what it numbers.
            await self.close()
            raise StoreUnavailable(f"Kafka has not taken the message: {error}") from error

    async def close(self) -> None:
        """Disconnect, after what is being sent."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()

    async def _started(self, topic: str) -> Any:
        async with self._starting:
            if topic not in self._topics:
                await ensure_topics(self._kafka, [topic])
                self._topics.add(topic)
            if self._producer is None:
                producer = new_producer(self._kafka)
                try:
                    await producer.start()
                except BaseException:
                    await producer.stop()
                    raise
                self._producer = producer
            return self._producer


class KafkaReceiver(ConsumerRebalanceListener):
    """Gives the messages of topics to a sink: those of one key and topic in order, of other keys
    side by side.

    An offset moves when everything before it is done: taken, or sent to the dead letters.

    Args:
        kafka: Where from: brokers, or all settings.
        sink: Its group, its types, and who is given the events.
        clock: Times retries.
        settings: How it delivers.
    """

    def __init__(
        self, kafka: str | KafkaSettings, sink: Sink, clock: Clock, settings: DeliverySettings
    ) -> None:
        self._kafka = KafkaSettings(kafka) if isinstance(kafka, str) else kafka
        self._sink = sink
        self._clock = clock
        self._settings = settings
        self._dead = KafkaSender(self._kafka)
        self._member: Any = None
        self._fetching: asyncio.Task[None] | None = None
        self._queues: dict[Key, deque[tuple[Message, Event]]] = {}
        self._workers: dict[Key, asyncio.Task[None]] = {}
        self._leaving = asyncio.Event()
        self._open: dict[TopicPartition, dict[int, bool]] = {}
        """The offsets in hand, in order, and whether each is done."""

    async def start(self) -> None:
        """Join the group and begin.

        Raises:
            StoreUnavailable: Kafka does not answer.
        """
        await ensure_topics(self._kafka, [*self._sink.types, self._sink.group + DEAD])
        member = new_consumer(self._kafka, self._sink.group)
        topics = [self._kafka.topic(name) for name in sorted(self._sink.types)]
        member.subscribe(topics, listener=self)
        try:
            await member.start()
        except KafkaError as error:
            await member.stop()
            raise StoreUnavailable(f"Kafka does not answer: {error}") from error
        self._member = member
        self._fetching = asyncio.create_task(self._fetch(), name=f"events to {self._sink.group}")

    async def stop(self) -> None:
        """Leave the group after the events in hand; what waits is told to who comes next."""
        fetching, self._fetching = self._fetching, None
        if fetching is not None:
            fetching.cancel()
            await asyncio.gather(fetching, return_exceptions=True)
        await self._drop()
        member, self._member = self._member, None
        if member is not None:
            await member.stop()
        await self._dead.close()

    async def on_partitions_revoked(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, revoked: Iterable[TopicPartition]
    ) -> None:
        """Others get what is in hand."""
        await self._drop()

    async def on_partitions_assigned(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, assigned: Iterable[TopicPartition]
    ) -> None:
        """What comes is ours."""
        self._leaving.clear()

    async def _fetch(self) -> None:
        while True:
            try:
                batch = await self._member.getmany(timeout_ms=200)
            except KafkaError as error:
                _log.warning("group %s cannot read Kafka now: %s", self._sink.group, error)
                await self._clock.sleep(self._settings.outage.delay(1))
                continue
            for place, records in batch.items():
                for one in records:
                    self._receive(place, one)
            await self._commit()
            in_hand = sum(len(some) for some in self._open.values())
            places = self._member.assignment()
            (self._member.pause if in_hand >= _MANY else self._member.resume)(*places)

    def _receive(self, place: TopicPartition, record: Any) -> None:
        name = place.topic.removeprefix(self._kafka.prefix)
        message = Message(name, place.partition, record.offset, record.timestamp, record.value)
        self._open.setdefault(place, {})[record.offset] = False
        event, fault = decoded(message)
        if fault:
            _log.warning("message %d of %s is no event: %s", record.offset, place, fault)
        self._queues.setdefault(event.key, deque()).append((message, event))
        if event.key not in self._workers:
            self._workers[event.key] = asyncio.create_task(self._work(event.key))

    async def _work(self, key: Key) -> None:
        queue = self._queues[key]
        try:
            while queue and not self._leaving.is_set():
                message, event = queue[0]
                if not await self._deliver(message, event):
                    return
                queue.popleft()
                place = TopicPartition(self._kafka.topic(message.type), message.partition)
                self._open[place][message.offset] = True
        finally:
            del self._workers[key], self._queues[key]

    async def _deliver(self, message: Message, event: Event) -> bool:
        """Whether the event was taken, or is among the dead letters; False: we leave before."""
        retry, attempt = self._settings.retry, 0
        while not self._leaving.is_set():
            attempt += 1
            try:
                if event.type != message.type:
                    raise InvalidInput("event", "cannot be read")
                await within(self._clock, self._settings.handler_timeout, self._send(event))
            except Exception as error:
                again = event.type == message.type and retry.should_retry(attempt, error)
                if not again:
                    return await self._bury(message, event, error)
                _log.warning("event %s failed, attempt %d", event.id, attempt, exc_info=error)
                await first_of(self._clock.sleep(retry.delay(attempt)), self._leaving.wait())
            else:
                return True
        return False

    async def _send(self, event: Event) -> None:
        await self._sink.send(event)

    async def _bury(self, message: Message, event: Event, error: Exception) -> bool:
        said = f"{type(error).__name__}: {error}"
        group = self._sink.group
        _log.error("group %s gives event %s up: %s", group, event.id, said, exc_info=error)
        headers = (
            ("topic", message.type.encode()),
            ("partition", str(message.partition).encode()),
            ("offset", str(message.offset).encode()),
            ("error", said.encode("utf-8", "replace")),
        )
        tries = 0
        while not self._leaving.is_set():
            try:
                value = message.value or b""
                await self._dead.put(group + DEAD, key_of(event.key), value, headers)
            except StoreUnavailable:
                tries += 1
                delay = self._settings.outage.delay(tries)
                await first_of(self._clock.sleep(delay), self._leaving.wait())
            else:
                return True
        return False

    async def _commit(self) -> None:
        offsets: dict[TopicPartition, int] = {}
        for place, some in self._open.items():
            while some and some[first := next(iter(some))]:
                del some[first]
                offsets[place] = first + 1
        if offsets:
            try:
                await self._member.commit(offsets)
            except (KafkaError, IllegalStateError) as error:
                _log.debug("group %s cannot move its offsets: %s", self._sink.group, error)

    async def _drop(self) -> None:
        """End what is in hand, and note what is done."""
        self._leaving.set()
        workers = list(self._workers.values())
        try:
            await within(self._clock, _LEAVING, ended(workers))
        except TimeoutError:
            pass
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
        if self._member is not None:
            await self._commit()
        self._open.clear()
