# SPDX-License-Identifier: Apache-2.0
"""Copies the outbox of a database to Kafka: in order per key, at least once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Iterable, Iterator, Sequence
from typing import Any, Final

from aiokafka.errors import KafkaError, MessageSizeTooLargeError  # pyright: ignore[reportMissingTypeStubs]

from rollcall.backends.eventlog.kafka_client import KafkaSettings, ensure_topics, new_producer
from rollcall.backends.eventlog.kafka_sealing import Sealing
from rollcall.backends.eventlog.kafka_waiting import first_of
from rollcall.backends.eventlog.kafka_wire import HEADERS, key_of
from rollcall.backends.eventlog.sql import SqlEventLog
from rollcall.events.envelope import Event, Key
from rollcall.events.errors import Overtaken
from rollcall.events.log import Entry, Held
from rollcall.kernel.clock import Clock
from rollcall.kernel.errors import Unavailable
from rollcall.policies.retry import RetryPolicy

GROUP: Final = "kafka"
"""The group of the event log whose position is how far was forwarded."""
BATCH: Final = 500
_POLL: Final = 5.0
"""Seconds after which it looks for what other processes wrote, where nobody wakes it."""
_OUTAGE: Final = RetryPolicy(initial_delay=0.1)

_log = logging.getLogger("rollcall.events")


def waves(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    """Cut `entries` so that no wave has events of one key in two topics. Pure.

    Within a topic a producer keeps the order; between topics nothing does but waiting.
    """
    wave: list[Entry] = []
    topics: dict[Key, str] = {}
    for entry in entries:
        event = entry.event
        if topics.setdefault(event.key, event.type) != event.type:
            yield wave
            wave, topics = [], {event.key: event.type}
        wave.append(entry)
    if wave:
        yield wave


class Forwarder:
    """Forwards for as long as it runs.

    Where several processes share a database one of them forwards; the others notice that the
    position moves without them, and stand by. Two that forward at once double events, which
    readers pass over, but never reorder them. An event that is too large for the brokers is kept
    among the held events of `GROUP`.

    Args:
        kafka: Where to.
        log: The outbox, and the position.
        sealing: Seals what is personal.
        clock: Times how often is tried again, and dates messages.
    """

    def __init__(
        self, kafka: KafkaSettings, log: SqlEventLog, sealing: Sealing, clock: Clock
    ) -> None:
        self._kafka = kafka
        self._log = log
        self._sealing = sealing
        self._clock = clock
        self._position = -1
        self._dated = 0
        self._topics: set[str] = set()
        self._moved = asyncio.Event()
        self._stopping = asyncio.Event()

    @property
    def position(self) -> int:
        """Up to where everything was forwarded, as far as this process knows; -1: unknown."""
        return self._position

    async def lag(self) -> int:
        """How many events wait to be forwarded.

        Raises:
            Unavailable: The database does not answer.
        """
        return max(0, await self._log.end() - await self._log.join(GROUP))

    async def caught_up(self) -> None:
        """Return once everything is forwarded that was published before this was called."""
        end = await self._log.end()
        while self._position < end:
            self._moved.clear()
            await self._moved.wait()

    def stop(self) -> None:
        """Have `run` end after what is being sent. Cancelled it may leave a connection behind."""
        self._stopping.set()

    async def run(self) -> None:
        """Forward until stopped."""
        failures = 0
        while not self._stopping.is_set():
            try:
                await self._forward()
            except Overtaken:
                failures = 0
                await self._stand_by()
            except Exception as error:
                failures += 1
                expected = isinstance(error, (KafkaError, Unavailable))
                if failures == 1 or not expected:
                    trace = None if expected else error
                    _log.warning("events wait to be sent to Kafka: %s", error, exc_info=trace)
                await self._pause(_OUTAGE.delay(failures))

    async def _forward(self) -> None:
        """Forward until something fails; each time with a producer of its own."""
        self._place(await self._log.join(GROUP))
        # A producer that has given a message up may leave a gap in what it numbers.
        producer = new_producer(self._kafka)
        try:
            await producer.start()
            while not self._stopping.is_set():
                entries = await self._log.read(self._position, BATCH)
                if entries:
                    await self._advance(entries[-1].position, await self._send(producer, entries))
                else:
                    await self._rest()
        finally:
            await producer.stop()

    async def _send(self, producer: Any, entries: Sequence[Entry]) -> list[Held]:
        """Return when the brokers have all, but for those that they will never take."""
        new = {entry.event.type for entry in entries} - self._topics
        if new:
            await ensure_topics(self._kafka, new)
            self._topics |= new
        values = await self._sealing.values(entries)
        refused: list[Held] = []
        for wave in waves(entries):
            # Readers put the topics together by these times.
            self._dated = max(self._dated + 1, int(self._clock.now() * 1000))
            sent = [
                await self._begin(producer, entry.event, values[entry.position]) for entry in wave
            ]
            for entry, outcome in zip(
                wave, await asyncio.gather(*sent, return_exceptions=True), strict=True
            ):
                if isinstance(outcome, MessageSizeTooLargeError):
                    refused.append(self._refused(entry))
                elif isinstance(outcome, BaseException):
                    raise outcome
        return refused

    async def _begin(self, producer: Any, event: Event, value: bytes) -> Awaitable[object]:
        """Hand an event to the producer, which sends those of one topic in this order."""
        topic = self._kafka.topic(event.type)
        try:
            return await producer.send(
                *(topic, value, key_of(event.key)),
                timestamp_ms=self._dated,
                headers=list(HEADERS),
            )
        except MessageSizeTooLargeError as error:
            too_large: asyncio.Future[object] = asyncio.get_running_loop().create_future()
            too_large.set_exception(error)
            return too_large

    def _refused(self, entry: Entry) -> Held:
        event = entry.event
        _log.error("event %s (%s) is too large for Kafka: it is put aside", event.id, event.type)
        error, now = "it is too large for Kafka", self._clock.now()
        return Held(GROUP, entry.position, event, 1, None, now, error)

    async def _advance(self, last: int, refused: Sequence[Held]) -> None:
        async with self._log.begin() as work:
            await self._log.advance(work, GROUP, self._position, last)
            for held in refused:
                await self._log.hold(work, held)
        self._place(last)

    async def _stand_by(self) -> None:
        """Return when nobody else has forwarded anything for a while, though there is something."""
        while not self._stopping.is_set():
            before = await self._log.join(GROUP)
            self._place(before)
            await self._pause(_POLL)
            if await self._log.join(GROUP) == before and await self._log.end() > before:
                return

    async def _rest(self) -> None:
        await first_of(self._log.wait(self._position), self._pause(_POLL))

    async def _pause(self, seconds: float) -> None:
        """Return after `seconds`, or when stopped."""
        await first_of(self._clock.sleep(seconds), self._stopping.wait())

    def _place(self, position: int) -> None:
        self._position = position
        self._moved.set()
