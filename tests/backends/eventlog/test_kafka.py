# SPDX-License-Identifier: Apache-2.0
"""The event log on a real Kafka, beside a database on SQLite or PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from rollcall.backends.eventlog.kafka import KafkaEventLog
from rollcall.backends.eventlog.kafka_client import KafkaSettings
from rollcall.backends.sql.database import Database, dialect_of
from rollcall.kernel.clock import SystemClock
from rollcall.testing.event_log_contract import DeliveryContract
from rollcall.testing.event_log_contract.case import Delivering
from support.databases import sqlite_at
from support.servers.kafka import Kafka

pytestmark = pytest.mark.server


class KafkaCase(DeliveryContract):
    url: str

    @pytest_asyncio.fixture(autouse=True)
    async def places(
        self, place: str, kafka: Kafka, fresh_prefix: Callable[[], str]
    ) -> AsyncIterator[None]:
        self.url = place
        self.settings = KafkaSettings(kafka.place, fresh_prefix(), partitions=3)
        self.opened = AsyncExitStack()
        yield
        await self.opened.aclose()

    async def make_log(self) -> Delivering:
        database = Database(dialect_of(self.url))
        await database.open()
        self.opened.push_async_callback(database.close)
        log = KafkaEventLog(self.settings, database, SystemClock())
        return await self.opened.enter_async_context(log)

    async def another(self, log: Delivering) -> Delivering:
        await self.opened.aclose()
        return await self.make_log()


class TestKafkaWithSqlite(KafkaCase):
    @pytest.fixture
    def place(self, tmp_path: Path) -> str:
        return sqlite_at(tmp_path / "rollcall.db")


class TestKafkaWithPostgres(KafkaCase):
    @pytest.fixture
    def place(self, fresh_database: Callable[[], str]) -> str:
        return fresh_database()
