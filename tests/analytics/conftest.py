# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from rollcall.backends.facts import fact_store
from rollcall.backends.sql.database import Database, dialect_of
from rollcall.testing.clock import FrozenClock
from support.analysed import AT, Analysis


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/rollcall.db"


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(AT.timestamp())


@pytest_asyncio.fixture
async def database(url: str) -> AsyncIterator[Database]:
    database = Database(dialect_of(url))
    await database.open()
    yield database
    await database.close()


@pytest_asyncio.fixture
async def analysis(
    database: Database, url: str, tmp_path: Path, clock: FrozenClock
) -> AsyncIterator[Analysis]:
    store = fact_store(database, url, tmp_path / "analytics.duckdb")
    await store.open()
    yield Analysis(store, database, clock)
    await store.close()


@pytest_asyncio.fixture
async def http(analysis: Analysis) -> AsyncIterator[httpx.AsyncClient]:
    async with analysis.client() as client:
        yield client
