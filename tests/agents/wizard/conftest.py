"""A wizard over a database of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from rollcall.backends.sql.database import Database
from rollcall.testing.clock import FrozenClock
from support.trades import House


@pytest.fixture
def house(sqlite: Database, clock: FrozenClock) -> House:
    return House(sqlite, clock)


@pytest_asyncio.fixture
async def http(house: House) -> AsyncIterator[httpx.AsyncClient]:
    """Of an application that everybody on this machine may use."""
    transport = httpx.ASGITransport(house.app())
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as one:
        yield one
