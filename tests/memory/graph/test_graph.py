from __future__ import annotations

import asyncio

import pytest

from rollcall.backends.sql.database import Database
from rollcall.events.envelope import Event
from rollcall.kernel.clock import utc
from rollcall.kernel.errors import InvalidInput
from rollcall.memory.entities import Extraction, Found, Link
from rollcall.memory.graph import KnowledgeGraph
from rollcall.memory.graph_models import (
    EntityNotFound,
    NoPath,
    Scope,
    SourceNotFound,
    View,
)
from rollcall.memory.graph_tables import ENTITIES, FACTS, RELATIONSHIPS, SOURCES, WORDS
from rollcall.testing.clock import FrozenClock
from support.graphs import DictMemories, along, around, chain, knows, people, rows

ALL = View("default")


def told_by(memory_id: str, event_id: str = "e1", type_: str = "memory.created") -> Event:
    return Event(
        id=event_id,
        type=type_,
        source="/memories",
        subject=memory_id,
        time=utc(1_750_000_000),
        data={"memory_id": memory_id, "filters": {}, "content_preview": ""},
        namespace="default",
    )


async def events(database: Database) -> list[Event]:
    from rollcall.backends.sql import outbox

    async with database.reading() as connection:
        return [one.event for one in await outbox.read(connection, 0, 1000)]


async def names(graph: KnowledgeGraph, view: View = ALL, **asked: str) -> list[str]:
    page = await graph.entities(view, **asked)  # type: ignore[arg-type]
    return [one.name for one in page.entities]


async def test_entities_of_a_memory_are_added_as_document_3_has_it(
    graph: KnowledgeGraph, memories: DictMemories, database: Database
) -> None:
    memories.put("mem_1", user_id="u1")
    entities = [{"name": "Alice", "type": "person", "attributes": {"age": 30}, "confidence": 0.9}]

    (added,) = await graph.add_entities("mem_1", entities)

    assert added["id"].startswith("ent_")
    assert {name: added[name] for name in ("name", "type", "attributes", "confidence")} == entities[
        0
    ]
    assert added["source_memory_id"] == "mem_1"
    detail = await graph.entity(ALL, added["id"])
    assert (detail.entity.name, detail.entity.attributes) == ("Alice", {"age": 30})
    (event,) = await events(database)
    assert event.type == "knowledge_graph.updated"
    assert event.data["entities"] == [added["id"]]


async def test_what_was_added_twice_is_there_once_and_told_once(
    graph: KnowledgeGraph, memories: DictMemories, database: Database
) -> None:
    memories.put("mem_1")
    for _ in range(2):
        await graph.add_entities("mem_1", people("Alice", "Bob"), knows(("Alice", "Bob")))
    assert await rows(database, FACTS) == 3
    assert len(await events(database)) == 1


async def test_two_memories_speak_of_the_same_entity_however_it_is_written(
    graph: KnowledgeGraph, memories: DictMemories
) -> None:
    memories.put("mem_1")
    memories.put("mem_2")
    await graph.add_entities("mem_1", people("Alice  Smith"))
    await graph.add_entities("mem_2", people("ALICE SMITH."))
    (entity,) = (await graph.entities(ALL)).entities
    assert (entity.name, entity.aliases, entity.facts) == ("Alice Smith", ["ALICE SMITH."], 2)


async def test_what_comes_from_a_memory_that_is_not_there_is_refused(
    graph: KnowledgeGraph,
) -> None:
    with pytest.raises(SourceNotFound):
        await graph.add_entities("mem_9", people("Alice"))


@pytest.mark.parametrize(
    ("entity", "field"),
    [
        ({"name": "\u202e \0", "type": "person"}, "entities.0.name"),
        ({"name": "A", "type": "§"}, "entities.0.type"),
        ({"name": "A", "type": "person", "confidence": 2}, "entities.0.confidence"),
        ({"name": "A", "type": "person", "confidence": float("nan")}, "entities.0.confidence"),
        ({"type": "person"}, "entities.0"),
        ({"name": "A", "type": "person", "attributes": {"x": "y" * 5000}}, "entities.0.attributes"),
    ],
)
async def test_an_entity_that_cannot_be_used_is_refused_by_its_field(
    graph: KnowledgeGraph, memories: DictMemories, entity: dict[str, object], field: str
) -> None:
    memories.put("mem_1")
    with pytest.raises(InvalidInput) as refused:
        await graph.add_entities("mem_1", [entity])
    assert refused.value.field == field


async def test_a_relationship_to_nobody_is_refused(
    graph: KnowledgeGraph, memories: DictMemories
) -> None:
    memories.put("mem_1")
    with pytest.raises(InvalidInput, match=r"relationships\.0\.target"):
        await graph.add_entities("mem_1", people("Alice"), knows(("Alice", "Bob")))


async def test_users_do_not_see_what_others_have_said(
    graph: KnowledgeGraph, memories: DictMemories
) -> None:
    memories.put("mem_1", user_id="u1", agent_id="a")
    memories.put("mem_2", user_id="u2", agent_id="a")
    (mine, _) = await graph.add_entities("mem_1", people("Alice", "Bob"), knows(("Alice", "Bob")))
    (theirs, _) = await graph.add_entities(
        "mem_2", people("Alice", "Carol"), knows(("Alice", "Carol"))
    )
    view = View("default", Scope(user_id="u1"))

    assert mine["id"] != theirs["id"]
    assert await names(graph, view) == ["Alice", "Bob"]
    assert await names(graph, view, name="carol") == []
    for lost in (theirs["id"], "ent_0"):
        with pytest.raises(EntityNotFound):
            await graph.entity(view, lost)
        with pytest.raises(EntityNotFound):
            await graph.neighbours(view, lost)
        with pytest.raises(EntityNotFound):
            await graph.path(view, mine["id"], lost)
    # Not even for who may see both does a way lead from one to the other.
    assert around(await graph.neighbours(ALL, mine["id"], depth=5)) == {"Bob": 1}
    assert await names(graph, View("other")) == []


async def test_within_a_user_filters_hide_facts_of_other_sessions(
    graph: KnowledgeGraph, memories: DictMemories
) -> None:
    memories.put("mem_1", user_id="u1", session_id="s1")
    memories.put("mem_2", user_id="u1", session_id="s2")
    await graph.add_entities("mem_1", [{"name": "Alice", "type": "person", "attributes": {"a": 1}}])
    (alice, _) = await graph.add_entities(
        "mem_2",
        [{"name": "ALICE", "type": "person", "attributes": {"b": 2}}, *people("Bob")],
        knows(("ALICE", "Bob")),
    )
    view = View("default", Scope(user_id="u1", session_id="s1"))
    detail = await graph.entity(view, alice["id"])
    assert (detail.entity.name, detail.entity.attributes) == ("Alice", {"a": 1})
    assert [one.source_memory_id for one in detail.facts] == ["mem_1"]
    assert around(await graph.neighbours(view, alice["id"])) == {}


async def test_entities_are_found_by_beginnings_of_words_and_by_type(
    graph: KnowledgeGraph, memories: DictMemories
) -> None:
    memories.put("mem_1")
    await graph.add_entities(
        "mem_1",
        [
            *people("Jörg Müller", "Müllerin Jo", "Anna"),
            {"name": "Müller GmbH", "type": "organisation"},
            {"name": "50%_off\\", "type": "thing"},
        ],
    )
    assert await names(graph, name="mül") == ["Jörg Müller", "Müller GmbH", "Müllerin Jo"]
    assert await names(graph, name="MÜL jö") == ["Jörg Müller"]
    assert await names(graph, name="mül", type="person") == ["Jörg Müller", "Müllerin Jo"]
    assert await names(graph, type="organisation") == ["Müller GmbH"]
    assert await names(graph, name="%") == []
    assert await names(graph, name="' OR 1=1 --") == []
    assert await names(graph, name="50") == ["50%_off\\"]


async def test_a_list_goes_on_where_its_page_ended(
    graph: KnowledgeGraph, memories: DictMemories
) -> None:
    memories.put("mem_1")
    await graph.add_entities("mem_1", people(*(f"P{place:02}" for place in range(7))))
    found: list[str] = []
    after = None
    while True:
        page = await graph.entities(ALL, limit=3, after=after)
        found += [one.name for one in page.entities]
        after = page.following
        if after is None:
            break
    assert found == [f"P{place:02}" for place in range(7)]


async def test_a_walk_round_a_circle_ends(graph: KnowledgeGraph, memories: DictMemories) -> None:
    memories.put("mem_1")
    (a, *_) = await graph.add_entities(
        "mem_1", people("A", "B", "C"), knows(("A", "B"), ("B", "C"), ("C", "A"))
    )
    found = await graph.neighbours(ALL, a["id"], depth=5)
    assert around(found) == {"B": 1, "C": 1}
    assert len(found.relationships) == 3
    assert not found.truncated


async def test_a_neighbourhood_has_bounds(graph: KnowledgeGraph, memories: DictMemories) -> None:
    memories.put("mem_1")
    spokes = [f"S{place}" for place in range(60)]
    (hub, *_) = await graph.add_entities(
        "mem_1", people("Hub", *spokes), knows(*(("Hub", one) for one in spokes))
    )
    found = await graph.neighbours(ALL, hub["id"], depth=3, limit=10)
    assert len(found.neighbours) == 10
    assert found.truncated
    assert len(found.relationships) == 10
    whole = await graph.neighbours(ALL, hub["id"], depth=3, limit=60)
    assert len(whole.neighbours) == 60
    assert not whole.truncated
    for depth, limit in ((0, 1), (6, 1), (1, 0), (1, 1001)):
        with pytest.raises(InvalidInput):
            await graph.neighbours(ALL, hub["id"], depth=depth, limit=limit)


async def test_a_path_is_a_shortest_one(graph: KnowledgeGraph, memories: DictMemories) -> None:
    memories.put("mem_1")
    people_ = people("A", "B", "C", "D", "E", "F", "G", "H", "I")
    ids = {
        one["name"]: one["id"]
        for one in await graph.add_entities(
            "mem_1",
            people_,
            knows(
                *(("A", "B"), ("B", "C"), ("C", "D"), ("D", "E"), ("E", "F"), ("F", "G")),
                *(("C", "A"), ("G", "H")),
            ),
        )
    }
    assert along(await graph.path(ALL, ids["A"], ids["D"])) == ["A", "C", "D"]
    found = await graph.path(ALL, ids["B"], ids["H"])
    assert along(found) == ["B", "C", "D", "E", "F", "G", "H"]
    assert [one.type for one in found.relationships] == ["knows"] * 6
    assert along(await graph.path(ALL, ids["A"], ids["A"])) == ["A"]
    with pytest.raises(NoPath):
        await graph.path(ALL, ids["A"], ids["I"])
    with pytest.raises(NoPath):
        await graph.path(ALL, ids["B"], ids["H"], depth=5)


async def test_what_was_believed_when_can_be_asked(
    graph: KnowledgeGraph, clock: FrozenClock
) -> None:
    scope = Scope(user_id="u1")
    start = clock.now()
    at_acme = Extraction(
        [Found("Bob", "person"), Found("Acme", "organisation")], [Link(0, 1, "works_at")]
    )
    at_bolt = Extraction(
        [Found("Bob", "person"), Found("Bolt", "organisation")], [Link(0, 1, "works_at")]
    )
    await graph.take_in(told_by("mem_1"), "mem_1", scope, at_acme)
    clock.jump(10)
    await graph.take_in(told_by("mem_1", "e2"), "mem_1", scope, at_bolt)
    clock.jump(10)
    await graph.take_in(told_by("mem_1", "e3"), "mem_1", scope, at_acme)

    bob = (await graph.entities(ALL, name="bob")).entities[0].id
    for seconds, employer in ((5, "Acme"), (10, "Bolt"), (15, "Bolt"), (20, "Acme")):
        view = View("default", as_of=start + seconds)
        assert around(await graph.neighbours(view, bob)) == {employer: 1}
    assert await names(graph, View("default", as_of=start - 1)) == []
    assert around(await graph.neighbours(ALL, bob)) == {"Acme": 1}


async def test_what_was_true_when_can_be_asked(graph: KnowledgeGraph, clock: FrozenClock) -> None:
    found = Extraction(
        [Found("Bob", "person"), Found("Acme", "organisation")],
        [Link(0, 1, "works_at", valid_from=1000.0, valid_to=2000.0)],
    )
    await graph.take_in(told_by("mem_1"), "mem_1", Scope(user_id="u1"), found)
    bob = (await graph.entities(ALL, name="bob")).entities[0].id
    for moment, there in ((999.0, {}), (1000.0, {"Acme": 1}), (2000.0, {})):
        assert around(await graph.neighbours(View("default", valid_at=moment), bob)) == there
    (step,) = (await graph.neighbours(ALL, bob)).relationships
    assert (step.valid_from, step.valid_to) == (utc(1000), utc(2000))


async def test_an_event_that_comes_twice_counts_once(
    graph: KnowledgeGraph, database: Database
) -> None:
    scope = Scope(user_id="u1")
    assert await graph.take_in(told_by("mem_1"), "mem_1", scope, chain(["A", "B"]))
    assert not await graph.take_in(told_by("mem_1"), "mem_1", scope, chain(["C"]))
    assert await names(graph) == ["A", "B"]
    assert [one.type for one in await events(database)] == [
        "memory.entity.extracted",
        "knowledge_graph.updated",
    ]


async def test_forgetting_removes_what_came_from_a_memory_alone(
    graph: KnowledgeGraph, database: Database, memories: DictMemories
) -> None:
    memories.put("mem_1")
    memories.put("mem_2")
    await graph.add_entities(
        "mem_1", people("Alice", "Bob", "Eve"), knows(("Alice", "Bob"), ("Alice", "Eve"))
    )
    await graph.add_entities("mem_2", people("ALICE", "Bob"), knows(("ALICE", "Bob")))
    expected = {"graph_facts": 5, "graph_entities": 1, "graph_relationships": 1}

    async with database.reading() as connection:
        assert await graph.count(connection, "default", ["mem_1"]) == expected
    async with database.begin() as work:
        assert await graph.forget(work, "default", ["mem_1", "mem_1"]) == expected

    assert await names(graph) == ["ALICE", "Bob"]
    assert (await graph.entities(ALL)).entities[0].aliases == []
    assert await rows(database, RELATIONSHIPS) == 1
    async with database.begin() as work:
        await graph.forget(work, "default", ["mem_2"])
    for table in (ENTITIES, WORDS, FACTS, RELATIONSHIPS):
        assert await rows(database, table) == 0


async def test_forgetting_reaches_what_was_retracted(
    graph: KnowledgeGraph, database: Database
) -> None:
    scope = Scope(user_id="u1")
    await graph.take_in(told_by("mem_1"), "mem_1", scope, chain(["Planted", "B"]))
    await graph.take_in(told_by("mem_1", "e2"), "mem_1", scope, chain(["B"]))
    async with database.begin() as work:
        gone = await graph.forget(work, "default", ["mem_1"])
    assert gone == {"graph_facts": 3, "graph_entities": 2, "graph_relationships": 1}
    assert await rows(database, WORDS) == 0


async def test_what_is_forgotten_meanwhile_does_not_come_in_any_more(
    graph: KnowledgeGraph, database: Database, memories: DictMemories
) -> None:
    memories.put("mem_1")
    async with database.begin() as work:
        await graph.forget(work, "default", ["mem_1"])
    assert not await graph.take_in(told_by("mem_1"), "mem_1", Scope(user_id="u"), chain(["A"]))
    with pytest.raises(SourceNotFound):
        await graph.add_entities("mem_1", people("A"))
    assert await rows(database, FACTS) == 0
    await graph.settle("default", "mem_1")
    assert await rows(database, SOURCES) == 0


async def test_many_writers_at_once_lose_nothing(
    graph: KnowledgeGraph, database: Database, memories: DictMemories
) -> None:
    for number in range(12):
        memories.put(f"mem_{number}")

    async def one(number: int) -> None:
        await graph.add_entities(
            f"mem_{number}", people("Hub", f"P{number}"), knows(("Hub", f"P{number}"))
        )

    await asyncio.gather(*(one(number) for number in range(12)))
    assert (await rows(database, ENTITIES), await rows(database, FACTS)) == (13, 36)

    async def gone(number: int) -> None:
        async with database.begin() as work:
            await graph.forget(work, "default", [f"mem_{number}"])

    await asyncio.gather(*(gone(number) for number in range(0, 12, 2)))
    assert await rows(database, ENTITIES) == 7
