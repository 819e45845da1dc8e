"""A graph on each database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from rollcall.backends.sql.database import Database, dialect_of
from rollcall.kernel.ids import RandomIds
from rollcall.memory.graph import KnowledgeGraph
from rollcall.testing.clock import FrozenClock
from support.databases import sqlite_at
from support.graphs import DictMemories


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def memories() -> DictMemories:
    return DictMemories()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return sqlite_at(tmp_path / "graph.db")
    return str(request.getfixturevalue("fresh_database")())


@pytest_asyncio.fixture
async def database(url: str) -> AsyncIterator[Database]:
    database = Database(dialect_of(url))
    await database.open()
    yield database
    await database.close()


@pytest.fixture
def graph(database: Database, memories: DictMemories, clock: FrozenClock) -> KnowledgeGraph:
    return KnowledgeGraph(database, memories, clock, RandomIds())
