"""What tests of the books act on: a shop over both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from rollcall.backends.sql.database import Database, dialect_of
from support.books import Shop


@pytest_asyncio.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
async def empty(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Shop]:
    """A shop that has no prices yet."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/x.db"
    else:
        url = request.getfixturevalue("fresh_database")()
    database = Database(dialect_of(url))
    await database.open()
    yield Shop(database)
    await database.close()


@pytest_asyncio.fixture
async def shop(empty: Shop) -> Shop:
    await empty.open()
    return empty


@pytest_asyncio.fixture
async def small(tmp_path: Path) -> AsyncIterator[Shop]:
    """A shop over SQLite, for what does not depend on the database."""
    database = Database(dialect_of(f"sqlite:///{tmp_path}/y.db"))
    await database.open()
    shop = Shop(database)
    await shop.open()
    yield shop
    await database.close()


@pytest_asyncio.fixture
async def client(small: Shop) -> AsyncIterator[httpx.AsyncClient]:
    async with small.client() as client:
        yield client
