"""Generated requests against what my agents say of themselves: no 500, nothing undescribed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from starlette.types import ASGIApp

from rollcall.backends.sql.database import Database, dialect_of
from rollcall.testing.clock import FrozenClock
from support.databases import sqlite_at
from support.generated import asked_of_all
from support.hosting import hosted
from support.owned import DETAIL, NUMBERS, Told, app_of, make, mine_of


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    @asynccontextmanager
    async def opened() -> AsyncIterator[ASGIApp]:
        database = Database(dialect_of(sqlite_at(tmp_path / "x.db")))
        await database.open()
        clock, figures = FrozenClock(), Told()
        figures.known["0"], figures.details["0"] = NUMBERS, DETAIL
        mine = mine_of(database, clock, figures)
        # What the simplest ids that are generated name.
        await make(mine, "0", "00", industry="retail")
        yield app_of(mine, clock)
        await database.close()

    with hosted(opened) as url:
        yield url


@pytest.mark.timeout(300)
def test_no_generated_request_finds_a_fault(server: str, subtests: pytest.Subtests) -> None:
    asked = asked_of_all(server, subtests)
    assert len(asked) >= 17
