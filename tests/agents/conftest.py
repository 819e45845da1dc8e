"""What tests of definitions act on: the services over both databases, and HTTP over one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from rollcall.agents import AgentService, CapabilityService
from rollcall.agents.repository import SqlAgentStore
from rollcall.backends.sql.database import Database, dialect_of
from rollcall.kernel.ids import RandomIds
from rollcall.testing.clock import FrozenClock
from support.databases import sqlite_at
from support.definitions import app_of


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest_asyncio.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    if request.param == "sqlite":
        url = sqlite_at(tmp_path / "x.db")
    else:
        url = request.getfixturevalue("fresh_database")()
    database = Database(dialect_of(url))
    await database.open()
    yield database
    await database.close()


@pytest_asyncio.fixture
async def sqlite(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(dialect_of(sqlite_at(tmp_path / "y.db")))
    await database.open()
    yield database
    await database.close()


@pytest.fixture
def agents(database: Database, clock: FrozenClock) -> AgentService:
    return AgentService(SqlAgentStore(database), clock, RandomIds())


@pytest.fixture
def capabilities(database: Database, clock: FrozenClock) -> CapabilityService:
    return CapabilityService(SqlAgentStore(database), clock, RandomIds())


@pytest_asyncio.fixture
async def client(sqlite: Database, clock: FrozenClock) -> AsyncIterator[httpx.AsyncClient]:
    """Of an application that everybody on this machine may use."""
    transport = httpx.ASGITransport(app_of(sqlite, clock))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as one:
        yield one
