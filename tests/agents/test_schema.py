"""Generated requests against what definitions say of themselves: no 500, nothing undescribed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from starlette.types import ASGIApp

from rollcall.agents import AgentService, CapabilityService
from rollcall.agents.changes import change_of
from rollcall.agents.repository import SqlAgentStore
from rollcall.backends.sql.database import Database, dialect_of
from rollcall.kernel.ids import RandomIds
from rollcall.testing.clock import FrozenClock
from support.databases import sqlite_at
from support.definitions import app_of
from support.generated import asked_of_all
from support.hosting import hosted


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    @asynccontextmanager
    async def opened() -> AsyncIterator[ASGIApp]:
        database = Database(dialect_of(sqlite_at(tmp_path / "x.db")))
        await database.open()
        store, clock = SqlAgentStore(database), FrozenClock()
        agents = AgentService(store, clock, RandomIds())
        # What the simplest ids that are generated name.
        await agents.create(change_of({"name": "n"}), agent_id="0")
        await CapabilityService(store, clock, RandomIds()).create("n", capability_id="0")
        yield app_of(database, clock)
        await database.close()

    with hosted(opened) as url:
        yield url


@pytest.mark.timeout(300)
def test_no_generated_request_finds_a_fault(server: str, subtests: pytest.Subtests) -> None:
    asked = asked_of_all(server, subtests)
    assert len(asked) >= 17
