"""The life of agents against a small model of it, whatever is done in whatever order."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from rollcall.agents.changes import change_of
from rollcall.agents.errors import AgentNotFound, MoveRefused, VersionNotFound
from rollcall.agents.mine.models import Operation
from rollcall.agents.models import By, Priority, Status, Wanted
from rollcall.backends.sql.database import Database, dialect_of
from rollcall.kernel.caller import READ, Caller
from rollcall.testing.clock import FrozenClock
from support.databases import sqlite_at
from support.definitions import told
from support.owned import make, mine_of

T = TypeVar("T")
_namespaces = itertools.count()

IDS = ("a", "b", "c")
AGENTS = st.sampled_from(IDS)
# Written down once more, by hand: as contracts have it.
MAY = {
    "draft": {"active", "archived"},
    "active": {"paused", "disabled", "archived"},
    "paused": {"active", "disabled", "archived"},
    "disabled": {"active", "archived"},
    "archived": set[str](),
}
BECOMES = {"enable": "active", "disable": "disabled", "pause": "paused", "archive": "archived"}


class Kept:
    """What the model knows of one agent."""

    def __init__(self) -> None:
        self.alive = self.ever = False
        self.status = "draft"
        self.history: list[tuple[str | None, str, str]] = []
        self.versions: list[tuple[str, str]] = []
        """The priority, and why."""

    @property
    def priority(self) -> str:
        return self.versions[-1][0]

    def move(self, status: str, reason: str) -> str:
        """What comes of it: `moved`, `unchanged` or `refused`."""
        if status == self.status:
            return "unchanged"
        if status not in MAY[self.status]:
            return "refused"
        self.history.append((self.status, status, reason))
        self.status = status
        return "moved"


class Lives(RuleBasedStateMachine):
    database: Database
    runner: asyncio.Runner

    def __init__(self) -> None:
        super().__init__()
        self.namespace = f"n{next(_namespaces)}"
        self.caller = Caller("anna", self.namespace, frozenset({READ}))
        self.mine = mine_of(self.database, FrozenClock())
        self.kept = {one: Kept() for one in IDS}
        self.events = 0

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def by(self, reason: str) -> By:
        return By(namespace=self.namespace, author="anna", reason=reason)

    @rule(agent=AGENTS, begins=st.sampled_from(["draft", "active"]))
    def create(self, agent: str, begins: str) -> None:
        one = self.kept[agent]
        if one.alive:
            return
        self.run(make(self.mine, agent, by=self.by("made"), status=Status(begins)))
        one.alive = one.ever = True
        one.status = begins
        one.history.append((None, begins, "made"))
        one.versions.append(("medium", "made"))
        self.events += 1

    @rule(agent=AGENTS, status=st.sampled_from(Status))
    def move(self, agent: str, status: Status) -> None:
        one = self.kept[agent]
        work = self.mine.agents.move(agent, status, self.by("one"))
        outcome = one.move(status.value, "one") if one.alive else "gone"
        if outcome == "gone":
            with pytest.raises(AgentNotFound):
                self.run(work)
        elif outcome == "refused":
            with pytest.raises(MoveRefused) as refused:
                self.run(work)
            assert set(refused.value.allowed) == MAY[one.status]
        else:
            assert self.run(work).status is status
        self.events += outcome == "moved"

    @rule(
        ids=st.lists(AGENTS, min_size=1, unique=True),
        operation=st.sampled_from(Operation),
        dry_run=st.booleans(),
    )
    def bulk(self, ids: list[str], operation: Operation, dry_run: bool) -> None:
        done = self.run(self.mine.bulk(ids, operation, self.by("many"), dry_run=dry_run))
        assert [one.agent_id for one in done] == ids
        for outcome in done:
            one = self.kept[outcome.agent_id]
            if operation is Operation.DELETE:
                assert (outcome.error is None) is one.ever
                assert outcome.unchanged is (one.ever and not one.alive)
                if one.alive and not dry_run:
                    one.alive = False
                    self.events += 1
            elif not one.alive:
                assert isinstance(outcome.error, AgentNotFound)
            elif dry_run:
                target = BECOMES[operation.value]
                may = target == one.status or target in MAY[one.status]
                assert (outcome.error is None) is may
                assert outcome.status == (target if may else one.status)
            else:
                became = one.move(BECOMES[operation.value], "many")
                assert (outcome.error is not None) is (became == "refused")
                assert outcome.unchanged is (became == "unchanged")
                assert outcome.status == one.status
                self.events += became == "moved"

    @rule(agent=AGENTS, priority=st.sampled_from(Priority))
    def matter(self, agent: str, priority: Priority) -> None:
        one = self.kept[agent]
        change = change_of({"priority": priority.value})
        work = self.mine.agents.update(agent, change, self.by("matters"))
        if not one.alive:
            with pytest.raises(AgentNotFound):
                self.run(work)
            return
        self.run(work)
        self.said(one, priority.value, "matters")

    @rule(agent=AGENTS, reason=st.sampled_from(["before", "after"]))
    def back_up(self, agent: str, reason: str) -> None:
        one = self.kept[agent]
        work = self.mine.back_up(agent, self.by(reason))
        if not one.alive:
            with pytest.raises(AgentNotFound):
                self.run(work)
            return
        version, new = self.run(work)
        assert new is (one.versions[-1][1] != reason)
        if new:
            one.versions.append((one.priority, reason))
            self.events += 1
        assert version.number == len(one.versions)

    @rule(agent=AGENTS, number=st.integers(1, 4))
    def restore(self, agent: str, number: int) -> None:
        one = self.kept[agent]
        work = self.mine.agents.revert(agent, number, self.by("back"))
        if not one.alive or number > len(one.versions):
            with pytest.raises(VersionNotFound if one.alive else AgentNotFound):
                self.run(work)
            return
        assert self.run(work).status == one.status
        self.said(one, one.versions[number - 1][0], "back")

    def said(self, one: Kept, priority: str, reason: str) -> None:
        if priority != one.priority:
            one.versions.append((priority, reason))
            self.events += 1

    @invariant()
    def both_agree(self) -> None:
        alive = {agent: one for agent, one in self.kept.items() if one.alive}
        page = self.run(self.mine.find(self.caller, Wanted(), limit=9, offset=0, after=None)).page
        assert page.total == len(alive)
        shown = {one.definition.id: one for one in page.rows}
        assert shown.keys() == alive.keys()
        for agent, one in alive.items():
            row = shown[agent]
            assert row.definition.status == one.status
            assert row.definition.content.priority == one.priority
            moves = self.run(self.mine.agents.moves(agent, namespace=self.namespace, limit=200))
            assert [(each.old, each.new, each.reason) for each in moves[::-1]] == one.history
            assert row.move == moves[0]
            versions, _ = self.run(
                self.mine.agents.versions(agent, namespace=self.namespace, limit=200)
            )
            found = [(each.content.priority.value, each.reason) for each in versions[::-1]]
            assert found == one.versions
        wanted = Wanted(priority=Priority.CRITICAL)
        some = self.run(self.mine.find(self.caller, wanted, limit=9, offset=0, after=None))
        assert {one.definition.id for one in some.page.rows} == {
            agent for agent, one in alive.items() if one.priority == "critical"
        }
        dashboard = self.run(self.mine.dashboard(self.caller))
        assert dashboard.total == len(alive)
        for status in Status:
            count = sum(one.status == status for one in alive.values())
            assert dashboard.by_status[status] == count

    def teardown(self) -> None:
        events = self.run(told(self.database))
        assert sum(one.namespace == self.namespace for one in events) == self.events


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[type[Lives]]:
    with asyncio.Runner() as runner:
        database = Database(dialect_of(sqlite_at(tmp_path / "x.db")))
        runner.run(database.open())

        class OnSqlite(Lives):
            pass

        OnSqlite.database, OnSqlite.runner = database, runner
        yield OnSqlite
        runner.run(database.close())


def test_whatever_is_done_the_service_and_its_model_agree(machine: type[Lives]) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=10,
            stateful_step_count=15,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
