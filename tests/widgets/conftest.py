"""A house of widgets whose clock stands still."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from rollcall.backends.sql.database import Database, dialect_of
from rollcall.testing.clock import FrozenClock
from support.databases import sqlite_at
from support.widgets import WIDGET, House, Page


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """SQLite, or PostgreSQL where a module asks for both."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return sqlite_at(tmp_path / "x.db")
    return str(request.getfixturevalue("fresh_database")())


@pytest_asyncio.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(dialect_of(database_url))
    await database.open()
    yield database
    await database.close()


@pytest_asyncio.fixture
async def house(database: Database, clock: FrozenClock) -> AsyncIterator[House]:
    """With the agent `clerk`, who is active."""
    one = House(database, clock)
    await one.hire()
    yield one
    await one.close()


@pytest_asyncio.fixture
async def client(house: House) -> AsyncIterator[httpx.AsyncClient]:
    async with house.client() as one:
        yield one


@pytest_asyncio.fixture
async def widget(client: httpx.AsyncClient) -> dict[str, Any]:
    """A widget of the clerk's, for the pages of `PAGE`."""
    answer = await client.post("/api/widgets", json=WIDGET)
    assert answer.status_code == 201, answer.text
    return answer.json()


@pytest_asyncio.fixture
async def page(client: httpx.AsyncClient, widget: dict[str, Any]) -> Page:
    """A page with the widget, and a visitor on it."""
    one = Page(client, widget["public_key"])
    assert (await one.meet()).status_code == 201
    return one
