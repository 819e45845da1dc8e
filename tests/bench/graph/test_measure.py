# SPDX-License-Identifier: Apache-2.0
from collections.abc import Callable
from pathlib import Path

import pytest
from bench.graph.fill import VIEW, fill, id_of
from bench.graph.measure import DEPTHS, Found, NoMemories, page, walked

from rollcall.backends.sql.database import Database, dialect_of
from rollcall.kernel.clock import SystemClock
from rollcall.kernel.ids import RandomIds
from rollcall.memory.graph import KnowledgeGraph
from support.databases import sqlite_at


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return sqlite_at(tmp_path / "rollcall.db")
    make: Callable[[], str] = request.getfixturevalue("fresh_database")
    return make()


async def test_what_is_two_steps_away_is_more_than_what_is_one_step_away(url: str) -> None:
    found = await walked(url, entities=200, asked=5)
    assert set(found) == set(DEPTHS)
    assert all(len(one.seconds) == 5 for one in found.values())
    assert 1 < found[1].reached < found[2].reached


async def test_a_person_that_was_written_has_a_name_and_is_found_by_it(tmp_path: Path) -> None:
    database = Database(dialect_of(sqlite_at(tmp_path / "rollcall.db")))
    await database.open()
    await fill(database, 20, analyze=False)
    graph = KnowledgeGraph(database, NoMemories(), SystemClock(), RandomIds())
    (one,) = (await graph.entities(VIEW, name="person 7")).entities
    assert one.id == id_of(7)
    await database.close()


@pytest.mark.parametrize(("seconds", "word"), [(0.009, "met"), (0.011, "MISSED")])
def test_a_step_may_take_ten_milliseconds(seconds: float, word: str) -> None:
    by_depth = {1: Found([seconds] * 3, 6.0), 2: Found([1.0] * 3, 40.0)}
    text = page({"SQLite": by_depth, "PostgreSQL": "it is not installed"}, 100_000)
    assert f"- {word}: a neighbourhood of depth 1 among 100,000 entities in SQLite" in text
    assert "PostgreSQL: not measured: it is not installed" in text
    assert "- not measured: a neighbourhood of depth 1 among 100,000 entities in Postgre" in text
