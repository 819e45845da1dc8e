# SPDX-License-Identifier: Apache-2.0
"""Delivers Kafka to one consumer group: a member of it, and a `Consumer` for each partition."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from aiokafka import ConsumerRebalanceListener, TopicPartition  # pyright: ignore[reportMissingTypeStubs]
from aiokafka.errors import IllegalStateError, KafkaError  # pyright: ignore[reportMissingTypeStubs]

from rollcall.backends.eventlog import kafka_tables
from rollcall.backends.eventlog.kafka_client import (
    KafkaSettings,
    ensure_topics,
    new_consumer,
    new_observer,
)
from rollcall.backends.eventlog.kafka_forwarder import Forwarder
from rollcall.backends.eventlog.kafka_lane import Lane
from rollcall.backends.eventlog.kafka_sealing import Sealing
from rollcall.backends.eventlog.kafka_waiting import ended, first_of
from rollcall.backends.eventlog.kafka_wire import Message
from rollcall.backends.sql.database import Database
from rollcall.backends.sql.unit_of_work import SqlUnitOfWork
from rollcall.events.backlog import Backlog
from rollcall.events.consumer import Consumer
from rollcall.events.delivery import GroupStatus
from rollcall.events.errors import NotParked, Overtaken
from rollcall.events.log import Held
from rollcall.events.subscriptions import DeliverySettings, Subscription
from rollcall.kernel.clock import Clock, within
from rollcall.kernel.errors import StoreUnavailable

_log = logging.getLogger("rollcall.events")
_LEAVING = 10.0
"""Seconds that handlers in hand have when a partition goes to another member."""
_ASKING = 2.0
"""Seconds that Kafka has to say how much there is."""


class _Reader:
    """A lane with what delivers it."""

    def __init__(self, lane: Lane, consumer: Consumer[SqlUnitOfWork]) -> None:
        self.lane = lane
        self.consumer = consumer
        self.task = asyncio.create_task(
            consumer.run(), name=f"events to {consumer.subscription.group}, {lane.partition}"
        )


class KafkaGroup(ConsumerRebalanceListener):
    """One group, as far as this process delivers to it.

    Offsets move behind what was settled, and only after that was committed in SQL. What is told
    again, after a crash or while a partition moves to another member, is known by the inbox.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        database: Database,
        sealing: Sealing,
        forwarder: Forwarder,
        subscription: Subscription[SqlUnitOfWork],
        clock: Clock,
        settings: DeliverySettings,
    ) -> None:
        self._kafka = kafka
        self._database = database
        self._sealing = sealing
        self._forwarder = forwarder
        self._subscription = subscription
        self._clock = clock
        self._settings = settings
        self._member: Any = None
        self._observer: Any = None
        self._readers: dict[int, _Reader] = {}
        self._delivered = self._failures = 0
        self._paused = False
        self._stopping = asyncio.Event()
        self._ready = asyncio.Event()
        self._settled = asyncio.Event()

    @property
    def paused(self) -> bool:
        """Whether nothing more is delivered until `resume`."""
        return self._paused

    def pause(self) -> None:
        """Deliver nothing more after the events in hand."""
        self._paused = True
        for reader in self._readers.values():
            reader.consumer.pause()

    def resume(self) -> None:
        """Deliver again."""
        self._paused = False
        for reader in self._readers.values():
            reader.consumer.resume()

    def stop(self) -> None:
        """Have `run` end after the events in hand."""
        self._stopping.set()
        for reader in self._readers.values():
            reader.consumer.stop()

    async def run(self) -> None:
        """Deliver until stopped; while Kafka does not answer, try again."""
        outages = 0
        while not self._stopping.is_set():
            try:
                await self._session()
            except Exception as error:
                outages += 1
                expected = isinstance(error, (KafkaError, StoreUnavailable))
                if outages == 1 or not expected:
                    trace = None if expected else error
                    _log.warning(
                        "group %s cannot read Kafka now: %s", self._group, error, exc_info=trace
                    )
                delay = self._clock.sleep(self._settings.outage.delay(outages))
                await first_of(delay, self._stopping.wait())
            else:
                outages = 0
        self._ready.set()

    async def idle(self) -> bool:
        """Whether everything that this process published was sent, and its partitions are done."""
        if self._paused or self._stopping.is_set():
            return True
        await self._ready.wait()
        await self._forwarder.caught_up()
        idle = [await one.consumer.idle() for one in list(self._readers.values())]
        return all(idle)

    async def status(self) -> GroupStatus:
        """How the group is doing; lag and position of the partitions that are read here."""
        async with self._database.reading() as connection:
            rows = await kafka_tables.held(connection, self._group)
        held = Backlog(one for one, _ in rows)
        lanes = [reader.lane for reader in self._readers.values()]
        consumers = [reader.consumer for reader in self._readers.values()]
        position = sum(sum(lane.next.values()) for lane in lanes)
        lag = sum(lane.waiting for lane in lanes)
        try:
            lag += await within(self._clock, _ASKING, self._behind())
        except (TimeoutError, StoreUnavailable):
            _log.debug("group %s cannot say how much Kafka has for it", self._group)
        return GroupStatus(
            *(self._group, position, lag, held.retrying, held.waiting, held.parked, self._paused),
            self._delivered + sum(one.delivered for one in consumers),
            self._failures + sum(one.failures for one in consumers),
        )

    async def replay(self, position: int) -> None:
        """Try a parked event again, in whichever process reads its partition."""
        parked = await self._parked(position)
        again = msgspec.structs.replace(parked, attempts=0, retry_at=0.0)
        try:
            async with self._database.begin() as work:
                await kafka_tables.replace(work.connection, again, parked)
        except Overtaken:
            raise NotParked(self._group, position) from None
        self._refresh()

    async def skip(self, position: int) -> None:
        """Give a parked event up."""
        parked = await self._parked(position)
        try:
            async with self._database.begin() as work:
                await kafka_tables.release(work.connection, parked)
                now = self._clock.now()
                await kafka_tables.take(work.connection, self._group, [parked.event], now)
        except Overtaken:
            raise NotParked(self._group, position) from None
        self._refresh()

    async def on_partitions_revoked(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, revoked: Iterable[TopicPartition]
    ) -> None:
        """Others may get them: end what is in hand, and say how far we came."""
        self._ready.clear()
        await self._end_readers()

    async def on_partitions_assigned(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, assigned: Iterable[TopicPartition]
    ) -> None:
        """Begin to deliver what is ours now."""
        types: dict[int, list[str]] = {}
        for place in assigned:
            name = place.topic.removeprefix(self._kafka.prefix)
            types.setdefault(place.partition, []).append(name)
        for partition, names in types.items():
            lane = Lane(
                *(self._group, partition, names, self._database, self._sealing),
                *(self._clock, self._places, self._settled.set),
            )
            consumer = Consumer(lane, self._subscription, self._clock, self._settings)
            consumer.paused = self._paused
            self._readers[partition] = _Reader(lane, consumer)
        self._ready.set()

    @property
    def _group(self) -> str:
        return self._subscription.group

    async def _session(self) -> None:
        topics = [self._kafka.topic(name) for name in sorted(self._subscription.types)]
        await ensure_topics(self._kafka, self._subscription.types)
        self._observer = observer = new_observer(self._kafka)
        self._member = member = new_consumer(self._kafka, self._group)
        member.subscribe(topics, listener=self)
        try:
            await observer.start()
            await member.start()
            await first_of(
                *(self._fetch(member), self._commit_now_and_then()),
                *(self._look_again(), self._stopping.wait()),
            )
        finally:
            self._ready.clear()
            await self._end_readers()
            self._member = self._observer = None
            await member.stop()
            await observer.stop()

    async def _fetch(self, member: Any) -> None:
        while True:
            for place, records in (await member.getmany(timeout_ms=200)).items():
                reader = self._readers.get(place.partition)
                if reader is None:
                    continue
                name = place.topic.removeprefix(self._kafka.prefix)
                reader.lane.receive(
                    Message(name, one.partition, one.offset, one.timestamp, one.value)
                    for one in records
                )
            self._throttle(member)

    def _throttle(self, member: Any) -> None:
        """Fetch nothing that lanes have enough of."""
        for place in member.assignment():
            reader = self._readers.get(place.partition)
            name = place.topic.removeprefix(self._kafka.prefix)
            enough = reader is not None and reader.lane.has_enough(name)
            if enough != (place in member.paused()):
                (member.pause if enough else member.resume)(place)

    async def _commit_now_and_then(self) -> None:
        while True:
            await self._settled.wait()
            self._settled.clear()
            await self._commit()

    async def _commit(self) -> None:
        offsets = {
            TopicPartition(self._kafka.topic(name), partition): offset
            for partition, reader in self._readers.items()
            for name, offset in reader.lane.next.items()
        }
        if offsets and self._member is not None:
            try:
                await self._member.commit(offsets)
            except (KafkaError, IllegalStateError) as error:
                # What is told again for that is passed over.
                _log.debug("group %s cannot move its offsets now: %s", self._group, error)

    async def _look_again(self) -> None:
        """Operators and other processes may have changed what is held."""
        while True:
            await self._clock.sleep(self._settings.poll)
            self._refresh()

    def _refresh(self) -> None:
        for reader in self._readers.values():
            reader.consumer.refresh()

    async def _end_readers(self) -> None:
        readers = list(self._readers.values())
        if not readers:
            return
        for reader in readers:
            reader.consumer.stop()
        tasks = [reader.task for reader in readers]
        try:
            await within(self._clock, _LEAVING, ended(tasks))
        except TimeoutError:
            pass
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._commit()
            for reader in readers:
                self._delivered += reader.consumer.delivered
                self._failures += reader.consumer.failures
            self._readers.clear()

    async def _places(self, partition: int, types: Iterable[str]) -> Mapping[str, tuple[int, int]]:
        """Where topics end in a partition now, and up to where they were fetched, by type."""
        member, observer = self._member, self._observer
        if member is None or observer is None:
            raise StoreUnavailable("Kafka is not connected")
        places = {name: TopicPartition(self._kafka.topic(name), partition) for name in types}
        try:
            ends = await observer.end_offsets(list(places.values()))
            return {
                name: (ends[place], await member.position(place)) for name, place in places.items()
            }
        except (KafkaError, IllegalStateError) as error:
            raise StoreUnavailable(f"Kafka does not answer: {error}") from error

    async def _behind(self) -> int:
        """How many messages were not fetched yet."""
        found = 0
        for partition, reader in list(self._readers.items()):
            for end, upto in (await self._places(partition, reader.lane.types)).values():
                found += max(0, end - upto)
        return found

    async def _parked(self, position: int) -> Held:
        async with self._database.reading() as connection:
            for one, _ in await kafka_tables.held(connection, self._group):
                if one.position == position and one.parked:
                    return one
        raise NotParked(self._group, position)
