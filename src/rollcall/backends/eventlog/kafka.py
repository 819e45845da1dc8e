# SPDX-License-Identifier: Apache-2.0
"""Kafka as the event log: written through the outbox, read by consumer groups."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Final, Self

from rollcall.backends.eventlog import kafka_tables
from rollcall.backends.eventlog.kafka_client import KafkaSettings, check_installed
from rollcall.backends.eventlog.kafka_sealing import Sealing
from rollcall.backends.eventlog.kafka_waiting import ended
from rollcall.backends.eventlog.sql import SqlEventLog
from rollcall.backends.sql.database import Database
from rollcall.backends.sql.redaction import Blanks
from rollcall.backends.sql.unit_of_work import SqlUnitOfWork
from rollcall.events.delivery import GroupConsumer
from rollcall.events.log import Held
from rollcall.events.subscriptions import DeliverySettings, Subscription
from rollcall.kernel.clock import Clock, within

_LEAVING: Final = 10.0
"""Seconds that the brokers have at the end to take what is being sent."""
NOTHING: Final[Blanks] = {}


class KafkaEventLog:
    """An event log that several services with databases of their own share.

    Units of work write the outbox of the database; while this is entered, what stands there is
    forwarded to the topic of its type. Groups are groups of Kafka; what they have taken and what
    they hold is in the database, so that a handler's writes are there once.

    The processes of one group must share one database. A topic's number of partitions must not
    change while it has events.

    Args:
        kafka: Where Kafka is.
        database: Opened and closed by whoever made it.
        clock: Times how often is tried again.
        blanks: What is personal in which events: sealed in Kafka, under a key of the subject.

    Raises:
        MissingExtra: The driver is not installed.
    """

    def __init__(
        self, kafka: KafkaSettings, database: Database, clock: Clock, blanks: Blanks = NOTHING
    ) -> None:
        check_installed()
        from rollcall.backends.eventlog.kafka_forwarder import Forwarder

        self.outbox = SqlEventLog(database)
        self._sealing = Sealing(database, blanks)
        self.forwarder = Forwarder(kafka, self.outbox, self._sealing, clock)
        self._kafka = kafka
        self._database = database
        self._clock = clock
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self.forwarder.run(), name="events to Kafka")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        task, self._task = self._task, None
        if task is None:
            return
        self.forwarder.stop()
        try:
            await within(self._clock, _LEAVING, ended([task]))
        except TimeoutError:
            pass
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def begin(self) -> AbstractAsyncContextManager[SqlUnitOfWork]:
        return self._database.begin()

    def consumer(
        self, subscription: Subscription[SqlUnitOfWork], clock: Clock, settings: DeliverySettings
    ) -> GroupConsumer:
        from rollcall.backends.eventlog.kafka_group import KafkaGroup

        return KafkaGroup(
            *(self._kafka, self._database, self._sealing, self.forwarder),
            *(subscription, clock, settings),
        )

    async def end(self) -> int:
        return await self.outbox.end()

    async def held(self, group: str) -> list[Held]:
        return await self._sealing.held(group)

    async def compact(self, before: float) -> int:
        """Forget events of the outbox that were forwarded, and which were taken, before then.

        Kafka forgets by its own settings. An event that it tells again after its being taken was
        forgotten is a new one, so `before` should be longer ago than what the topics keep.

        Args:
            before: Seconds since the epoch.
        """
        forgotten = await self.outbox.compact(before)
        async with self._database.begin() as work:
            await kafka_tables.forget(work.connection, before)
        return forgotten
