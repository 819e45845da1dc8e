"""What tests of my agents act on."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from rollcall.agents.mine.service import MyAgentsService
from rollcall.backends.sql.database import Database
from rollcall.testing.clock import FrozenClock
from support.owned import Told, app_of, mine_of


@pytest.fixture
def figures() -> Told:
    return Told()


@pytest.fixture
def mine(database: Database, clock: FrozenClock, figures: Told) -> MyAgentsService:
    """On both databases."""
    return mine_of(database, clock, figures)


@pytest.fixture
def small(sqlite: Database, clock: FrozenClock, figures: Told) -> MyAgentsService:
    """On SQLite."""
    return mine_of(sqlite, clock, figures)


@pytest_asyncio.fixture
async def http(small: MyAgentsService, clock: FrozenClock) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app_of(small, clock))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as one:
        yield one
