# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from rollcall.backends.eventlog.sql import SqlEventLog
from rollcall.backends.sql.database import Database, dialect_of
from rollcall.testing.event_log_contract import EventLogContract
from rollcall.testing.event_log_contract.case import Log
from support.databases import sqlite_at


class TestSqliteEventLog(EventLogContract):
    @pytest_asyncio.fixture(autouse=True)
    async def databases(self, tmp_path: Path) -> AsyncIterator[None]:
        self.url = sqlite_at(tmp_path / "rollcall.db")
        self.database = Database(dialect_of(self.url))
        await self.database.open()
        yield
        await self.database.close()

    async def make_log(self) -> Log:
        return SqlEventLog(self.database)

    async def another(self, log: Log) -> Log:
        await self.database.close()
        self.database = Database(dialect_of(self.url))
        await self.database.open()
        return SqlEventLog(self.database)
