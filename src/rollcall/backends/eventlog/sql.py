# SPDX-License-Identifier: Apache-2.0
"""The outbox of a database as the event log: what is embedded needs no broker."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from rollcall.backends.sql import consumers, outbox
from rollcall.backends.sql.database import Database
from rollcall.backends.sql.unit_of_work import SqlUnitOfWork
from rollcall.events.consumer import Consumer
from rollcall.events.envelope import Event
from rollcall.events.log import Entry, Held
from rollcall.events.subscriptions import DeliverySettings, Subscription
from rollcall.kernel.clock import Clock, utc


class SqlEventLog:
    """An event log, its inbox and its groups, in the database of the services.

    Args:
        database: Opened and closed by whoever made it.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def consumer(
        self, subscription: Subscription[SqlUnitOfWork], clock: Clock, settings: DeliverySettings
    ) -> Consumer[SqlUnitOfWork]:
        return Consumer(self, subscription, clock, settings)

    def begin(self) -> AbstractAsyncContextManager[SqlUnitOfWork]:
        return self._database.begin()

    async def read(self, after: int, limit: int = 100) -> list[Entry]:
        async with self._database.reading() as connection:
            return await outbox.read(connection, after, limit)

    async def end(self) -> int:
        async with self._database.reading() as connection:
            return await outbox.end(connection)

    async def wait(self, after: int) -> None:
        await self._database.appended(after)

    async def compact(self, before: float) -> int:
        async with self._database.begin() as work:
            return await consumers.compact(work.connection, utc(before))

    async def admit(self, work: SqlUnitOfWork, group: str, *events: Event) -> list[Event]:
        return await consumers.admit(work.connection, group, events)

    async def join(self, group: str) -> int:
        async with self._database.reading() as connection:
            position = await consumers.position_of(connection, group)
        if position is not None:
            return position
        async with self._database.begin() as work:
            return await consumers.introduce(work.connection, group)

    async def advance(self, work: SqlUnitOfWork, group: str, before: int, after: int) -> None:
        await consumers.advance(work.connection, group, before, after)

    async def held(self, group: str) -> list[Held]:
        async with self._database.reading() as connection:
            return await consumers.held(connection, group)

    async def hold(self, work: SqlUnitOfWork, held: Held, before: Held | None = None) -> Held:
        await consumers.hold(work.connection, held, before)
        return held

    async def release(self, work: SqlUnitOfWork, held: Held) -> None:
        await consumers.release(work.connection, held)
