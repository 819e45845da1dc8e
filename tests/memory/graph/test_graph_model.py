"""The graph against a model of it in Python, whatever is done to it in whatever order."""

from __future__ import annotations

import asyncio
import tempfile
from collections import deque
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from rollcall.backends.sql.database import Database, dialect_of
from rollcall.events.envelope import Event
from rollcall.kernel.clock import utc
from rollcall.kernel.ids import RandomIds
from rollcall.memory.entities import Extraction, Found, Link, entity_id, merged
from rollcall.memory.graph import KnowledgeGraph
from rollcall.memory.graph_models import NoPath, NotMergeable, Scope, View
from rollcall.testing.clock import FrozenClock
from support.databases import sqlite_at
from support.graphs import DictMemories

NAMES = "abcdef"
USERS = ("u1", "u2")
MEMORIES = tuple(f"mem_{number}" for number in range(6))
Edge = tuple[str, str]
T = TypeVar("T")


def owner_of(memory_id: str) -> str:
    return USERS[int(memory_id[-1]) % 2]


class Model:
    """What each memory says, and which names are one, by user."""

    def __init__(self) -> None:
        self.says: dict[str, tuple[frozenset[str], frozenset[Edge]]] = {}
        self.into: dict[tuple[str, str], str] = {}

    def said(self, user: str) -> list[tuple[frozenset[str], frozenset[Edge]]]:
        return [what for memory_id, what in self.says.items() if owner_of(memory_id) == user]

    def names(self, user: str) -> set[str]:
        return {name for names, _ in self.said(user) for name in names}

    def root(self, user: str, name: str) -> str:
        while (user, name) in self.into:
            name = self.into[user, name]
        return name

    def edges(self, user: str) -> set[frozenset[str]]:
        ends = {
            frozenset(self.root(user, end) for end in edge)
            for _, edges in self.said(user)
            for edge in edges
        }
        return {edge for edge in ends if len(edge) == 2}

    def depths(self, user: str, start: str) -> dict[str, int]:
        found, waiting, edges = {start: 0}, deque([start]), self.edges(user)
        while waiting:
            here = waiting.popleft()
            for edge in edges:
                if here in edge:
                    (other,) = edge - {here}
                    if other not in found:
                        found[other] = found[here] + 1
                        waiting.append(other)
        return found

    def forget(self, memory_id: str, kept_by_history: set[tuple[str, str]]) -> None:
        self.says.pop(memory_id, None)
        user = owner_of(memory_id)
        for name in NAMES:
            if (user, name) not in kept_by_history:
                self._lift(user, name)

    def _lift(self, user: str, name: str) -> None:
        above = self.into.pop((user, name), None)
        below = [one for (whose, one), into in self.into.items() if whose == user and into == name]
        for one in sorted(below, key=lambda one: identity(user, one)):
            del self.into[user, one]
            if above is None:
                above = one
            else:
                self.into[user, one] = above


def identity(user: str, name: str) -> str:
    return entity_id("default", f"user:{user}", "person", name)


class GraphMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory()
        self.database = Database(dialect_of(sqlite_at(Path(self.folder.name) / "graph.db")))
        self.clock = FrozenClock()
        self.graph = KnowledgeGraph(self.database, DictMemories(), self.clock, RandomIds())
        self.model = Model()
        self.history: dict[str, set[tuple[str, str]]] = {}
        self.events = 0
        self.run(self.database.open())
        # Enough to merge from the beginning on.
        for number, memory_id in enumerate(MEMORIES[:4]):
            self.say(memory_id, list(NAMES[number : number + 3]), [(0, 1), (1, 2)])

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def teardown(self) -> None:
        self.run(self.database.close())
        self.loop.close()
        self.folder.cleanup()

    @rule(
        memory_id=st.sampled_from(MEMORIES),
        names=st.lists(st.sampled_from(NAMES), min_size=1, max_size=4),
        pairs=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=4),
    )
    def say(self, memory_id: str, names: list[str], pairs: list[tuple[int, int]]) -> None:
        """A memory comes, or changes."""
        links = [Link(one, other, "knows") for one, other in pairs if max(one, other) < len(names)]
        extraction = merged(Extraction([Found(name, "person") for name in names], links))
        self.events += 1
        self.clock.jump(1)
        user = owner_of(memory_id)
        event = Event(
            id=f"e{self.events}",
            type="memory.created",
            source="/memories",
            subject=memory_id,
            time=utc(0),
            data={},
            namespace="default",
        )
        assert self.run(self.graph.take_in(event, memory_id, Scope(user_id=user), extraction))
        found = [one.name for one in extraction.entities]
        edges = {(found[one.source], found[one.target]) for one in extraction.relationships}
        self.model.says[memory_id] = (frozenset(names), frozenset(edges))
        self.history.setdefault(memory_id, set()).update((user, name) for name in names)

    @precondition(lambda self: self.history)
    @rule(data=st.data())
    def forget(self, data: st.DataObject) -> None:
        memory_id = data.draw(st.sampled_from(sorted(self.history)))
        del self.history[memory_id]
        kept = {one for names in self.history.values() for one in names}

        async def forget() -> None:
            async with self.database.begin() as work:
                await self.graph.forget(work, "default", [memory_id])
            await self.graph.settle("default", memory_id)

        self.run(forget())
        self.model.forget(memory_id, kept)
        self.see_around(owner_of(memory_id))

    @precondition(lambda self: any(self.model.names(user) for user in USERS))
    @rule(data=st.data())
    def merge(self, data: st.DataObject) -> None:
        user = data.draw(st.sampled_from([one for one in USERS if self.model.names(one)]))
        names = sorted(self.model.names(user))
        into, one = data.draw(st.sampled_from(names)), data.draw(st.sampled_from(names))
        roots = self.model.root(user, into), self.model.root(user, one)
        work = self.graph.merge("default", identity(user, into), identity(user, one))
        if roots[0] == roots[1]:
            try:
                self.run(work)
            except NotMergeable:
                return
            raise AssertionError("they were one already")
        self.run(work)
        self.model.into[user, roots[1]] = roots[0]
        self.see_around(user)

    @precondition(lambda self: any(one in self.model.names(who) for who, one in self.model.into))
    @rule(data=st.data())
    def split(self, data: st.DataObject) -> None:
        merged = [one for one in sorted(self.model.into) if one[1] in self.model.names(one[0])]
        user, name = data.draw(st.sampled_from(merged))
        self.run(self.graph.split("default", identity(user, name)))
        del self.model.into[user, name]
        self.see_around(user)

    def see_around(self, user: str) -> None:
        """The neighbourhoods of all that a user's memories speak of."""
        view = View("default", Scope(user_id=user))
        for name in sorted(self.model.names(user)):
            depths = self.model.depths(user, self.model.root(user, name))
            found = self.run(self.graph.neighbours(view, identity(user, name), depth=2))
            expected = {
                identity(user, one): steps for one, steps in depths.items() if 0 < steps < 3
            }
            assert {one.entity.id: one.depth for one in found.neighbours} == expected

    @invariant()
    def the_graph_is_as_the_model_says(self) -> None:
        for user in USERS:
            view = View("default", Scope(user_id=user))
            page = self.run(self.graph.entities(view))
            expected = {self.model.root(user, name) for name in self.model.names(user)}
            assert {one.id for one in page.entities} == {identity(user, one) for one in expected}
            called = {name for one in page.entities for name in (one.name, *one.aliases)}
            assert called == self.model.names(user)

    @precondition(lambda self: any(self.model.names(user) for user in USERS))
    @rule(data=st.data())
    def look_around(self, data: st.DataObject) -> None:
        user = data.draw(st.sampled_from([one for one in USERS if self.model.names(one)]))
        names = sorted(self.model.names(user))
        start, target = data.draw(st.sampled_from(names)), data.draw(st.sampled_from(names))
        depths = self.model.depths(user, self.model.root(user, start))
        view = View("default", Scope(user_id=user))
        self.see_around(user)
        steps = depths.get(self.model.root(user, target))
        try:
            path = self.run(self.graph.path(view, identity(user, start), identity(user, target)))
        except NoPath:
            assert steps is None
        else:
            assert path.length == steps


TestGraphMachine = GraphMachine.TestCase
TestGraphMachine.settings = settings(
    max_examples=8, stateful_step_count=15, deadline=None, print_blob=True
)
