# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from rollcall.backends.sql.database import Database, dialect_of
from rollcall.backends.sql.unit_of_work import SqlUnitOfWork
from rollcall.memory.service import MemoryService
from rollcall.testing.clock import FrozenClock
from support.databases import sqlite_at
from support.memories import Notes, SubjectEncoder, memories_in


@pytest.fixture
def url(tmp_path: Path) -> str:
    return sqlite_at(tmp_path / "rollcall.db")


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest_asyncio.fixture
async def database(url: str) -> AsyncIterator[Database]:
    database = Database(dialect_of(url))
    await database.open()
    yield database
    await database.close()


@pytest.fixture
def memories(
    database: Database, url: str, clock: FrozenClock, notes: Notes
) -> MemoryService[SqlUnitOfWork]:
    return memories_in(database, url, clock, SubjectEncoder(), notes)
