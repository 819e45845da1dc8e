"""Many agents at once, on SQLite and on PostgreSQL: each by itself, and nothing lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest

from rollcall.agents.errors import AgentNotFound, MoveRefused
from rollcall.agents.lifecycle import MOVES, may_move
from rollcall.agents.mine.models import TARGETS, Operation, Outcome
from rollcall.agents.mine.repository import SqlListings
from rollcall.agents.mine.service import MOST_AT_ONCE, MyAgentsService
from rollcall.agents.models import By, Status, StatusMove
from rollcall.agents.ports import AgentWork
from rollcall.agents.repository import SqlAgentStore
from rollcall.backends.sql.database import Database
from rollcall.kernel.errors import InvalidInput, StoreUnavailable
from rollcall.testing.clock import FrozenClock
from support.definitions import told
from support.owned import Told, make, mine_of

WHY = By(author="anna", reason="spring cleaning", correlation_id="request-1")
AT_ONCE = 32


def brief(outcomes: list[Outcome]) -> list[tuple[str, str | None, bool, str | None]]:
    return [
        (one.agent_id, one.status, one.unchanged, one.error and type(one.error).__name__)
        for one in outcomes
    ]


async def history(mine: MyAgentsService, agent_id: str) -> list[StatusMove]:
    return list(reversed(await mine.agents.moves(agent_id, limit=200)))


async def test_the_neighbours_of_one_that_fails_stand(
    mine: MyAgentsService, database: Database
) -> None:
    await make(mine, "a", "c")
    await make(mine, "b", status=Status.DRAFT)
    await make(mine, "d")
    await mine.agents.move("d", Status.PAUSED)

    done = await mine.bulk(["d", "b", "a", "never", "c"], Operation.PAUSE, WHY)

    assert brief(done) == [
        ("d", "paused", True, None),
        ("b", "draft", False, "MoveRefused"),
        ("a", "paused", False, None),
        ("never", None, False, "AgentNotFound"),
        ("c", "paused", False, None),
    ]
    refused = done[1].error
    assert isinstance(refused, MoveRefused)
    assert refused.allowed == ("active", "archived")
    last = (await history(mine, "a"))[-1]
    assert (last.author, last.reason) == ("anna", "spring cleaning")
    events = [one for one in await told(database) if one.correlation_id == "request-1"]
    assert [one.subject for one in events] == ["a", "c"]
    assert len(await history(mine, "d")) == 2


@pytest.mark.parametrize("operation", Operation)
async def test_a_dry_run_says_what_would_be_and_does_nothing(
    operation: Operation, mine: MyAgentsService, database: Database
) -> None:
    for status in Status:
        await make(mine, status.value, status=Status.DRAFT)
        for step in (Status.ACTIVE, status) if status is not Status.DRAFT else ():
            await mine.agents.move(status.value, step)
    await make(mine, "gone")
    await mine.agents.delete("gone")
    ids = [*(one.value for one in Status), "gone", "never"]
    before = await told(database)

    foreseen = await mine.bulk(ids, operation, WHY, dry_run=True)
    assert await told(database) == before
    done = await mine.bulk(ids, operation, WHY)
    assert brief(done) == brief(foreseen)
    target = TARGETS.get(operation)
    if target is not None:
        for status, outcome in zip(Status, done, strict=False):
            may = status is target or may_move(status, target)
            assert (outcome.error is None) is may
            assert outcome.unchanged is (status is target)
        assert {type(one.error) for one in done[-2:]} == {AgentNotFound}


async def test_who_was_interrupted_asks_again_for_all_of_it(mine: MyAgentsService) -> None:
    await make(mine, "a", "b", "c")
    await mine.bulk(["a", "b"], Operation.ARCHIVE, WHY)
    again = await mine.bulk(["a", "b", "c"], Operation.ARCHIVE, WHY)
    assert brief(again) == [
        ("a", "archived", True, None),
        ("b", "archived", True, None),
        ("c", "archived", False, None),
    ]
    assert [len(await history(mine, one)) for one in "abc"] == [2, 2, 2]

    assert brief(await mine.bulk(["a"], Operation.DELETE, WHY)) == [("a", None, False, None)]
    done = await mine.bulk(["a", "b", "never"], Operation.DELETE, WHY)
    assert brief(done) == [
        ("a", None, True, None),
        ("b", None, False, None),
        ("never", None, False, "AgentNotFound"),
    ]


@pytest.mark.parametrize(
    ("ids", "field"),
    [
        ([], "agent_ids"),
        ([f"a{number}" for number in range(MOST_AT_ONCE + 1)], "agent_ids"),
        (["a", "b", "a"], "agent_ids.2"),
        (["a", "b\0"], "agent_ids.1"),
        (["..", "b"], "agent_ids.0"),
    ],
)
async def test_ids_that_cannot_be_meant_are_refused_before_anything_is_done(
    ids: list[str], field: str, small: MyAgentsService
) -> None:
    await make(small, "a", "b")
    for dry_run in (True, False):
        with pytest.raises(InvalidInput) as refused:
            await small.bulk(ids, Operation.PAUSE, WHY, dry_run=dry_run)
        assert refused.value.field == field
    assert (await small.agents.get("a")).status is Status.ACTIVE


async def test_agents_of_others_are_not_there(mine: MyAgentsService) -> None:
    await make(mine, "theirs", by=By(namespace="acme"))
    for operation in Operation:
        done = await mine.bulk(["theirs"], operation, WHY)
        assert brief(done) == [("theirs", None, False, "AgentNotFound")]
    assert (await mine.agents.get("theirs", namespace="acme")).status is Status.ACTIVE


async def test_of_32_at_once_no_move_and_no_row_of_history_is_lost(
    mine: MyAgentsService, database: Database
) -> None:
    ids = [f"a{number}" for number in range(4)]
    await make(mine, *ids)
    operations = [Operation.PAUSE, Operation.ENABLE, Operation.DISABLE, Operation.ENABLE]

    results = await asyncio.gather(
        *(
            mine.bulk(
                ids if number % 2 else ids[::-1],
                operations[number % 4],
                By(author=f"caller {number}", reason=f"why {number}"),
            )
            for number in range(AT_ONCE)
        )
    )

    events = [one for one in await told(database) if one.type == "agent.updated"]
    for place, one in enumerate(ids):
        mine_done = [
            (number, outcome)
            for number, done in enumerate(results)
            for outcome in done
            if outcome.agent_id == one
        ]
        assert len(mine_done) == AT_ONCE
        moved = {
            f"caller {number}"
            for number, outcome in mine_done
            if outcome.error is None and not outcome.unchanged
        }
        rows = await history(mine, one)
        # Each move that somebody was told of is a row, and each row somebody was told of.
        assert sorted(row.author for row in rows[1:]) == sorted(moved), place
        for before, after in pairwise(rows):
            assert after.old is before.new
            assert after.new in MOVES[before.new]
        found = await mine.agents.get(one)
        assert (found.status, found.revision) == (rows[-1].new, len(rows))
        assert [row.revision for row in rows] == list(range(1, len(rows) + 1))
        assert sum(event.subject == one for event in events) == len(moved)


class Breaking(SqlAgentStore):
    """A store that stops answering after some units of work."""

    def __init__(self, database: Database, good: int) -> None:
        super().__init__(database)
        self.good = good

    @asynccontextmanager
    async def _begin(self) -> AsyncGenerator[AgentWork]:
        if not self.good:
            raise StoreUnavailable("it is gone")
        self.good -= 1
        async with super()._begin() as work:
            yield work


async def test_when_the_database_goes_what_was_done_stands_and_the_rest_is_told(
    sqlite: Database, clock: FrozenClock
) -> None:
    mine = mine_of(sqlite, clock)
    await make(mine, "a", "b", "c", "d")
    store = Breaking(sqlite, 2)
    broken = MyAgentsService(mine.agents, store, SqlListings(sqlite), Told(), clock)

    done = await broken.bulk(["d", "c", "b", "a"], Operation.PAUSE, WHY)
    assert brief(done) == [
        ("d", None, False, "StoreUnavailable"),
        ("c", None, False, "StoreUnavailable"),
        ("b", "paused", False, None),
        ("a", "paused", False, None),
    ]
    store.good = 4
    again = await broken.bulk(["d", "c", "b", "a"], Operation.PAUSE, WHY)
    assert [one.unchanged for one in again] == [False, False, True, True]
    assert all(one.error is None for one in again)
