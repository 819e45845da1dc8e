# SPDX-License-Identifier: Apache-2.0
"""The service against a model of it: whatever is done in whatever order, both say the same."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rollcall.backends.sql.database import Database
from rollcall.kernel.clock import utc
from rollcall.kernel.word_query import matches, parse
from rollcall.memory.errors import MemoryExists, MemoryNotFound
from rollcall.memory.service import MemoryService
from rollcall.memory.terms import indexed
from rollcall.testing.clock import FrozenClock
from support.memories import memories_in, told

CONTENTS = ("tea", "green tea", "coffee and tea", "snow")
SCOPES: tuple[dict[str, str], ...] = (
    {"user_id": "a"},
    {"user_id": "b"},
    {"user_id": "a", "agent_id": "x"},
)

content = st.sampled_from(CONTENTS)
scope = st.sampled_from(SCOPES)
which = st.integers(0, 7)
acts = st.one_of(
    st.tuples(st.just("add"), content, scope, st.sampled_from([None, 5])),
    st.tuples(st.just("update"), which, content),
    st.tuples(st.just("delete"), which),
    st.tuples(st.just("erase"), scope),
    st.tuples(st.just("wait"), st.sampled_from([1, 6])),
    st.tuples(st.just("sweep")),
)


@dataclass
class Kept:
    """A memory as the model knows it."""

    said: list[str]
    filters: dict[str, str]
    expires: float | None


@dataclass
class Model:
    """What should be there."""

    now: float = 0.0
    kept: dict[str, Kept] = field(default_factory=dict[str, Kept])
    known: list[str] = field(default_factory=list[str])

    def alive(self) -> dict[str, Kept]:
        return {
            id: one
            for id, one in self.kept.items()
            if one.expires is None or one.expires > self.now
        }

    def holder(self, content: str, filters: dict[str, str]) -> str | None:
        return next(
            (
                id
                for id, one in self.alive().items()
                if one.said[-1] == content and one.filters == filters
            ),
            None,
        )

    def one(self, number: int) -> str:
        """One of all that ever were; else one that never was."""
        return self.known[number % len(self.known)] if self.known else "mem_none"

    def within(self, filters: dict[str, str]) -> dict[str, Kept]:
        return {
            id: one for id, one in self.alive().items() if filters.items() <= one.filters.items()
        }


class World:
    """The service beside its model, in a namespace of their own."""

    def __init__(self, database: Database, namespace: str) -> None:
        self.clock = FrozenClock()
        self.memories: MemoryService[Any] = memories_in(database, "sqlite:", self.clock, None)
        self.model = Model()
        self.namespace = namespace

    async def add(self, said: str, filters: dict[str, str], ttl: float | None) -> None:
        there = self.model.holder(said, filters)
        at = None if ttl is None else utc(self.clock.now() + ttl)
        added = await self.memories.add_memory(
            said, filters, expires_at=at, namespace=self.namespace
        )
        assert added.duplicate == (there is not None)
        if there is None:
            expires = None if ttl is None else self.model.now + ttl
            self.model.kept[added.id] = Kept([said], filters, expires)
            self.model.known.append(added.id)
        else:
            assert added.id == there

    async def update(self, number: int, said: str) -> None:
        id = self.model.one(number)
        kept = self.model.alive().get(id)
        other = self.model.holder(said, kept.filters) if kept else None
        expected: type[Exception] | None = None
        if kept is None:
            expected = MemoryNotFound
        elif other not in (None, id):
            expected = MemoryExists
        change = self.memories.update_memory(id, said, namespace=self.namespace)
        if expected is not None:
            with pytest.raises(expected):
                await change
            return
        await change
        assert kept is not None
        if kept.said[-1] != said:
            kept.said.append(said)

    async def delete(self, number: int) -> None:
        id = self.model.one(number)
        deletion = self.memories.delete_memory(id, namespace=self.namespace)
        if id in self.model.alive():
            await deletion
            del self.model.kept[id]
        else:
            with pytest.raises(MemoryNotFound):
                await deletion

    async def erase(self, filters: dict[str, str]) -> None:
        await self.memories.erase(filters, namespace=self.namespace)
        for id, one in list(self.model.kept.items()):
            if filters.items() <= one.filters.items():
                del self.model.kept[id]

    async def wait(self, seconds: float) -> None:
        await self.clock.advance(seconds)
        self.model.now += seconds

    async def sweep(self) -> None:
        await self.memories.upkeep.sweep()

    async def check(self) -> None:
        for filters in SCOPES:
            expected = self.model.within(filters)
            listed, _ = await self.memories.list_memories(filters, namespace=self.namespace)
            assert {one.id for one in listed} == set(expected)
            for query in ("tea", '"green tea"', "tea -coffee"):
                asked = parse(query)
                found = await self.memories.search_memories(
                    query, filters, 100, namespace=self.namespace
                )
                exact = {
                    id for id, one in expected.items() if matches(indexed(one.said[-1]), asked)
                }
                assert exact <= {hit.memory.id for hit in found} <= set(expected)
        for id, one in self.model.alive().items():
            history = await self.memories.get_memory_history(id, namespace=self.namespace)
            assert [version.content for version in history] == one.said


namespaces = itertools.count()


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(acts, max_size=12))
async def test_the_service_does_what_its_model_does(database: Database, steps: list[Any]) -> None:
    world = World(database, f"n{next(namespaces)}")
    for name, *arguments in steps:
        await getattr(world, name)(*arguments)
        await world.check()
    events = [one for one in await told(database) if one.namespace == world.namespace]
    created = [one.subject for one in events if one.type == "memory.created"]
    deleted = [one.subject for one in events if one.type == "memory.deleted"]
    assert created == world.model.known
    assert set(created) - set(deleted) >= set(world.model.alive())
    assert len(deleted) == len(set(deleted))
