"""What a list of agents shows, and what it costs, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from rollcall.agents.changes import change_of
from rollcall.agents.mine.models import Performance
from rollcall.agents.mine.service import MyAgentsService
from rollcall.agents.models import By, Priority, Status, Wanted
from rollcall.backends.sql.database import Database
from rollcall.kernel.errors import InvalidInput
from rollcall.testing.clock import FrozenClock
from support.databases import sqlite_at
from support.owned import ANNA, NUMBERS, Told, make, mine_of
from support.statements import KeptPostgres, KeptSqlite, keeping

ALL = Wanted()


@pytest_asyncio.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
async def kept(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[tuple[Database, KeptSqlite | KeptPostgres]]:
    if request.param == "sqlite":
        url = sqlite_at(tmp_path / "x.db")
    else:
        url = request.getfixturevalue("fresh_database")()
    dialect = keeping(url)
    database = Database(dialect)
    await database.open()
    yield database, dialect
    await database.close()


async def ids(mine: MyAgentsService, wanted: Wanted = ALL, limit: int = 50) -> list[str]:
    shown = await mine.find(ANNA, wanted, limit=limit, offset=0, after=None)
    assert shown.page.total >= len(shown.page.rows)
    return sorted(one.definition.id for one in shown.page.rows)


async def test_a_list_costs_as_many_statements_and_questions_however_long_it_is(
    kept: tuple[Database, KeptSqlite | KeptPostgres], clock: FrozenClock, figures: Told
) -> None:
    database, dialect = kept
    mine = mine_of(database, clock, figures)
    costs: list[tuple[int, int]] = []
    for upto in (1, 50, 200):
        there = len(await ids(mine, limit=200))
        await make(mine, *(f"a{number:03}" for number in range(there, upto)))
        dialect.executed.clear()
        figures.asked.clear()
        shown = await mine.find(ANNA, ALL, limit=200, offset=0, after=None)
        assert (len(shown.page.rows), shown.page.total) == (upto, upto)
        costs.append((len(dialect.executed), figures.asked.total()))
        dialect.executed.clear()
        await mine.dashboard(ANNA)
        costs.append((len(dialect.executed), figures.asked.total() - 1))
    # How many agents there are, those of the page, and their last moves; and the same of a
    # dashboard: its counts, what changed last, and the moves of that.
    assert {count for count, _ in costs} == {3}
    assert {asked for _, asked in costs} == {1}


async def test_agents_are_found_by_status_industry_priority_and_words(
    mine: MyAgentsService,
) -> None:
    await make(mine, "a", industry="retail", priority="high")
    await make(mine, "b", industry="retail", description="Sells ÄPFEL")
    await make(mine, "c", industry="legal", priority="high", status=Status.DRAFT)
    await make(mine, "elsewhere", by=By(namespace="acme"))
    await mine.agents.delete((await mine.agents.get("b")).id)
    await make(mine, "b", industry="retail", description="Sells ÄPFEL")

    assert await ids(mine) == ["a", "b", "c"]
    assert await ids(mine, Wanted(status=Status.ACTIVE)) == ["a", "b"]
    assert await ids(mine, Wanted(priority=Priority.HIGH)) == ["a", "c"]
    assert await ids(mine, Wanted(industry="retail", priority=Priority.HIGH)) == ["a"]
    assert await ids(mine, Wanted(q="äpfel")) == ["b"]
    await mine.agents.delete("a")
    assert await ids(mine, Wanted(priority=Priority.HIGH)) == ["c"]


async def test_a_priority_that_changes_is_found_at_once(mine: MyAgentsService) -> None:
    await make(mine, "a")
    assert await ids(mine, Wanted(priority=Priority.MEDIUM)) == ["a"]
    await mine.agents.update("a", change_of({"priority": "critical"}))
    assert await ids(mine, Wanted(priority=Priority.MEDIUM)) == []
    assert await ids(mine, Wanted(priority=Priority.CRITICAL)) == ["a"]
    await mine.agents.revert("a", 1)
    assert await ids(mine, Wanted(priority=Priority.MEDIUM)) == ["a"]


async def test_each_agent_is_shown_with_its_own_last_move(
    mine: MyAgentsService, clock: FrozenClock
) -> None:
    await make(mine, "a", "b")
    await clock.advance(60)
    await mine.agents.move("a", Status.PAUSED, By(author="anna", reason="holidays"))
    await mine.agents.move("a", Status.DISABLED, By(author="ben", reason="broken"))

    shown = await mine.find(ANNA, ALL, limit=9, offset=0, after=None)
    moves = {one.definition.id: one.move for one in shown.page.rows}
    assert (moves["a"].old, moves["a"].new) == (Status.PAUSED, Status.DISABLED)
    assert (moves["a"].author, moves["a"].reason) == ("ben", "broken")
    assert moves["a"].at.timestamp() == clock.now()
    assert (moves["b"].old, moves["b"].new) == (None, Status.ACTIVE)


async def test_numbers_stand_beside_the_agents_that_they_are_of(
    mine: MyAgentsService, figures: Told
) -> None:
    await make(mine, "a", "b")
    figures.known["a"] = NUMBERS
    shown = await mine.find(ANNA, ALL, limit=9, offset=0, after=None)
    assert shown.performance == {"a": NUMBERS}
    assert shown.lack is None
    assert figures.callers == [ANNA]
    _, known, _ = await mine.get(ANNA, "a")
    _, unknown, lack = await mine.get(ANNA, "b")
    assert (known, unknown, lack) == (NUMBERS, Performance(), None)
    assert unknown.conversations is None


async def test_a_list_without_analytics_is_as_long_and_says_so(
    mine: MyAgentsService, figures: Told
) -> None:
    await make(mine, "a", "b")
    figures.down.add("analytics")
    shown = await mine.find(ANNA, ALL, limit=9, offset=0, after=None)
    assert len(shown.page.rows) == 2
    assert shown.performance is None
    assert shown.lack is not None
    assert (shown.lack.service, shown.lack.problem) == ("analytics", "runs nowhere")


async def test_nobody_is_asked_about_an_empty_list(mine: MyAgentsService, figures: Told) -> None:
    figures.down.add("analytics")
    shown = await mine.find(ANNA, ALL, limit=9, offset=0, after=None)
    assert (shown.page.rows, shown.page.total, shown.lack) == ([], 0, None)
    assert figures.asked.total() == 0


async def test_the_dashboard_counts_what_there_is(
    mine: MyAgentsService, clock: FrozenClock
) -> None:
    await make(mine, "a", "b", industry="retail", priority="high")
    await make(mine, "c", industry="legal", status=Status.DRAFT)
    await make(mine, *(f"d{number}" for number in range(10)))
    await make(mine, "elsewhere", by=By(namespace="acme"))
    await clock.advance(1)
    await mine.agents.move("a", Status.PAUSED)
    await mine.agents.delete("b")

    found = await mine.dashboard(ANNA)
    assert found.total == sum(found.by_status.values()) == sum(found.by_priority.values()) == 12
    assert found.by_status == {
        Status.DRAFT: 1,
        Status.ACTIVE: 10,
        Status.PAUSED: 1,
        Status.DISABLED: 0,
        Status.ARCHIVED: 0,
    }
    assert found.by_priority[Priority.HIGH] == 1
    assert found.by_industry == [(None, 10), ("legal", 1), ("retail", 1)]
    assert len(found.recent) == 10
    assert (found.recent[0].definition.id, found.recent[0].move.new) == ("a", Status.PAUSED)


async def test_a_backup_without_a_reason_is_refused(mine: MyAgentsService) -> None:
    await make(mine, "a")
    with pytest.raises(InvalidInput, match="reason"):
        await mine.back_up("a", By(reason="  "))
    assert (await mine.agents.get("a")).version == 1
