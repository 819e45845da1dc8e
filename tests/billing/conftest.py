"""What tests of billing act on: the services over both databases, and HTTP over one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from rollcall.backends.sql.database import Database, dialect_of
from rollcall.billing.service import BillingService
from rollcall.testing.clock import FrozenClock
from support.billing import MIDDAY, app_of, service_of


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(MIDDAY.timestamp())


@pytest_asyncio.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/x.db"
    else:
        url = request.getfixturevalue("fresh_database")()
    database = Database(dialect_of(url))
    await database.open()
    yield database
    await database.close()


@pytest_asyncio.fixture
async def sqlite(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(dialect_of(f"sqlite:///{tmp_path}/y.db"))
    await database.open()
    yield database
    await database.close()


@pytest.fixture
def billing(database: Database, clock: FrozenClock) -> BillingService:
    return service_of(database, clock)


@pytest.fixture
def small(sqlite: Database, clock: FrozenClock) -> BillingService:
    """Billing over SQLite alone."""
    return service_of(sqlite, clock)


@pytest_asyncio.fixture
async def client(
    sqlite: Database, clock: FrozenClock, small: BillingService
) -> AsyncIterator[httpx.AsyncClient]:
    """Of an application that everybody on this machine may use."""
    transport = httpx.ASGITransport(app_of(sqlite, clock, small))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as one:
        yield one
