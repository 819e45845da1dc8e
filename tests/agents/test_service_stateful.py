"""The services against a small model of them, whatever is done in whatever order."""

from __future__ import annotations

import asyncio
import copy
import itertools
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from rollcall.agents import AgentService, CapabilityService
from rollcall.agents.changes import change_of, shown
from rollcall.agents.errors import (
    AgentExists,
    AgentNotFound,
    CapabilityExists,
    CapabilityInUse,
    CapabilityNotFound,
    MoveRefused,
    NotAttached,
    VersionNotFound,
)
from rollcall.agents.lifecycle import MOVES
from rollcall.agents.models import By, Status, Wanted
from rollcall.agents.repository import SqlAgentStore
from rollcall.backends.sql.database import Database, dialect_of
from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.ids import RandomIds
from rollcall.kernel.record_errors import RevisionMismatch
from rollcall.testing.clock import FrozenClock
from support.databases import sqlite_at
from support.definitions import told

T = TypeVar("T")
_namespaces = itertools.count()

AGENTS = st.sampled_from(["a", "b"])
CAPABILITIES = st.sampled_from(["c", "d"])
TOLD = st.sampled_from([{}, {"n": 1}, {"n": 2}])
WORDS = st.sampled_from(["x", "y", "z"])
SEEN = st.sampled_from([None, "right", "wrong"])


class Kept:
    """What the model knows of one definition."""

    def __init__(self) -> None:
        self.versions: list[dict[str, Any]] = []
        self.revision = 0
        self.status: Status | None = None
        self.alive = False

    @property
    def now(self) -> dict[str, Any]:
        return self.versions[-1]

    def say(self, content: dict[str, Any]) -> bool:
        if self.versions and content == self.now:
            return False
        self.versions.append(content)
        self.revision += 1
        return True


class Definitions(RuleBasedStateMachine):
    database: Database
    runner: asyncio.Runner

    def __init__(self) -> None:
        super().__init__()
        store, clock, ids = SqlAgentStore(self.database), FrozenClock(), RandomIds()
        self.by = By(namespace=f"n{next(_namespaces)}")
        self.agents = AgentService(store, clock, ids)
        self.capabilities = CapabilityService(store, clock, ids)
        self.kept = {"a": Kept(), "b": Kept()}
        self.there: set[str] = set()
        self.events: list[tuple[str, str]] = []

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def fails(self, error: type[Exception], work: Coroutine[Any, Any, object]) -> None:
        with pytest.raises(error):
            self.run(work)

    def accepted(self, one: Kept, seen: str | None) -> frozenset[int] | None:
        return None if seen is None else frozenset({one.revision + (seen == "wrong")})

    def refusal(self, one: Kept, seen: str | None) -> type[Exception] | None:
        if not one.alive:
            return AgentNotFound
        return RevisionMismatch if seen == "wrong" else None

    @rule(agent=AGENTS, word=WORDS)
    def create(self, agent: str, word: str) -> None:
        one = self.kept[agent]
        work = self.agents.create(change_of({"name": word}), self.by, agent_id=agent)
        if one.alive:
            self.fails(AgentExists, work)
            return
        self.run(work)
        one.versions.append({"name": word})
        one.revision += 1
        one.status, one.alive = Status.ACTIVE, True
        self.events.append(("agent.created", agent))

    @rule(agent=AGENTS, word=WORDS, seen=SEEN)
    def update(self, agent: str, word: str, seen: str | None) -> None:
        one = self.kept[agent]
        work = self.agents.update(
            agent, change_of({"description": word}), self.by, self.accepted(one, seen)
        )
        refusal = self.refusal(one, seen)
        if refusal is not None:
            self.fails(refusal, work)
            return
        self.run(work)
        self.said(agent, {**one.now, "description": word})

    @rule(agent=AGENTS, number=st.integers(1, 5), seen=SEEN)
    def revert(self, agent: str, number: int, seen: str | None) -> None:
        one = self.kept[agent]
        work = self.agents.revert(agent, number, self.by, self.accepted(one, seen))
        refusal = self.refusal(one, seen)
        if refusal is None and number > len(one.versions):
            refusal = VersionNotFound
        if refusal is None:
            had = one.versions[number - 1].get("capabilities", {})
            has = one.now.get("capabilities", {})
            new = {name for name in had if name not in has or has[name] != had[name]}
            refusal = None if new <= self.there else InvalidInput
        if refusal is not None:
            self.fails(refusal, work)
            return
        self.run(work)
        self.said(agent, copy.deepcopy(one.versions[number - 1]))

    @rule(agent=AGENTS, seen=SEEN)
    def delete(self, agent: str, seen: str | None) -> None:
        one = self.kept[agent]
        work = self.agents.delete(agent, self.by, self.accepted(one, seen))
        refusal = self.refusal(one, seen)
        if refusal is not None:
            self.fails(refusal, work)
            return
        self.run(work)
        one.alive = False
        one.revision += 1
        self.events.append(("agent.deleted", agent))

    @rule(agent=AGENTS, status=st.sampled_from(Status), seen=SEEN)
    def move(self, agent: str, status: Status, seen: str | None) -> None:
        one = self.kept[agent]
        work = self.agents.move(agent, status, self.by, self.accepted(one, seen))
        refusal = self.refusal(one, seen)
        if refusal is None and one.status is not status and status not in MOVES[one.status]:
            refusal = MoveRefused
        if refusal is not None:
            self.fails(refusal, work)
            return
        self.run(work)
        if one.status is not status:
            one.status = status
            one.revision += 1
            self.events.append(("agent.updated", agent))

    @rule(capability=CAPABILITIES)
    def offer(self, capability: str) -> None:
        work = self.capabilities.create("n", self.by, capability_id=capability)
        if capability in self.there:
            self.fails(CapabilityExists, work)
            return
        self.run(work)
        self.there.add(capability)

    @rule(agent=AGENTS, capability=CAPABILITIES, configuration=TOLD)
    def give(self, agent: str, capability: str, configuration: dict[str, Any]) -> None:
        one = self.kept[agent]
        work = self.capabilities.add_capability_to_agent(agent, capability, configuration, self.by)
        if not one.alive or capability not in self.there:
            self.fails(AgentNotFound if not one.alive else CapabilityNotFound, work)
            return
        self.run(work)
        has = {**one.now.get("capabilities", {}), capability: configuration}
        self.said(agent, {**one.now, "capabilities": has})

    @rule(agent=AGENTS, capability=CAPABILITIES)
    def take(self, agent: str, capability: str) -> None:
        one = self.kept[agent]
        work = self.capabilities.remove_capability_from_agent(agent, capability, self.by)
        if not one.alive or capability not in one.now.get("capabilities", {}):
            self.fails(AgentNotFound if not one.alive else NotAttached, work)
            return
        self.run(work)
        self.said(agent, self.without(one.now, capability))

    @rule(capability=CAPABILITIES, force=st.booleans())
    def withdraw(self, capability: str, force: bool) -> None:
        work = self.capabilities.delete(capability, self.by, force=force)
        users = [name for name, one in self.kept.items() if self.has(one, capability)]
        if capability not in self.there or (users and not force):
            self.fails(
                CapabilityNotFound if capability not in self.there else CapabilityInUse, work
            )
            return
        self.run(work)
        self.there.discard(capability)
        for agent in users:
            self.said(agent, self.without(self.kept[agent].now, capability))

    def said(self, agent: str, content: dict[str, Any]) -> None:
        content = {name: value for name, value in content.items() if value != {}}
        if self.kept[agent].say(content):
            self.events.append(("agent.updated", agent))

    def has(self, one: Kept, capability: str) -> bool:
        return one.alive and capability in one.now.get("capabilities", {})

    def without(self, content: dict[str, Any], capability: str) -> dict[str, Any]:
        has = {name: value for name, value in content["capabilities"].items() if name != capability}
        return {**content, "capabilities": has}

    @invariant()
    def they_agree(self) -> None:
        self.run(self.compare())

    async def compare(self) -> None:
        namespace = self.by.namespace
        page, _ = await self.agents.find(Wanted(), namespace=namespace, limit=9)
        found = {one.id: one for one in page}
        assert found.keys() == {name for name, one in self.kept.items() if one.alive}
        for agent, one in found.items():
            kept = self.kept[agent]
            assert (one.revision, one.status) == (kept.revision, kept.status)
            versions, _ = await self.agents.versions(agent, namespace=namespace, limit=99)
            assert [each.number for each in versions] == list(range(len(kept.versions), 0, -1))
            said = [self.plain(shown(each.content)) for each in reversed(versions)]
            assert said == kept.versions
            assert one.content == versions[0].content
        for capability in ("c", "d"):
            wanted = Wanted(capability=capability)
            page, _ = await self.agents.find(wanted, namespace=namespace, limit=9)
            users = {name for name, one in self.kept.items() if self.has(one, capability)}
            assert {one.id for one in page} == users
        events = [one for one in await told(self.database) if one.namespace == namespace]
        assert [(one.type, one.subject) for one in events] == self.events

    def plain(self, content: dict[str, Any]) -> dict[str, Any]:
        return {
            name: value
            for name, value in content.items()
            if name in ("name", "description", "capabilities") and value not in ("", {})
        }


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[type[Definitions]]:
    with asyncio.Runner() as runner:
        database = Database(dialect_of(sqlite_at(tmp_path / "x.db")))
        runner.run(database.open())

        class OnSqlite(Definitions):
            pass

        OnSqlite.database, OnSqlite.runner = database, runner
        yield OnSqlite
        runner.run(database.close())


def test_whatever_is_done_the_services_and_their_model_agree(
    machine: type[Definitions],
) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=15,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
