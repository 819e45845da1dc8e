from __future__ import annotations

import pytest

from rollcall.backends.sql.database import Database
from rollcall.memory.graph import KnowledgeGraph
from rollcall.memory.graph_models import EntityNotFound, NotMergeable, View
from rollcall.memory.graph_tables import ENTITIES, RELATIONSHIPS
from support.graphs import DictMemories, around, knows, people, rows

ALL = View("default")


async def added(graph: KnowledgeGraph, memories: DictMemories, *names: str) -> dict[str, str]:
    """Each of a memory of its own, and each knows somebody of its own; ids by name."""
    ids: dict[str, str] = {}
    for name in names:
        memories.put(f"mem_{name}")
        said = people(name, f"friend of {name}")
        entities = await graph.add_entities(f"mem_{name}", said, knows((name, f"friend of {name}")))
        ids[name] = entities[0]["id"]
    return ids


async def test_merged_entities_are_one_with_all_that_is_known_of_them(
    graph: KnowledgeGraph, memories: DictMemories
) -> None:
    ids = await added(graph, memories, "Bob", "Robert")
    merged = await graph.merge("default", ids["Bob"], ids["Robert"])
    assert merged.entity.id == ids["Bob"]
    assert (merged.entity.name, merged.entity.aliases) == ("Bob", ["Robert"])
    assert merged.merged == [ids["Robert"]]
    for one in ids.values():
        found = await graph.neighbours(ALL, one)
        assert found.entity.id == ids["Bob"]
        assert around(found) == {"friend of Bob": 1, "friend of Robert": 1}
    page = await graph.entities(ALL, name="robert")
    assert [one.name for one in page.entities] == ["Bob", "friend of Robert"]


async def test_what_comes_later_by_the_merged_name_belongs_to_the_one(
    graph: KnowledgeGraph, memories: DictMemories
) -> None:
    ids = await added(graph, memories, "Bob", "Robert")
    await graph.merge("default", ids["Bob"], ids["Robert"])
    memories.put("mem_later")
    await graph.add_entities("mem_later", people("Robert", "Zoe"), knows(("Zoe", "Robert")))
    assert around(await graph.neighbours(ALL, ids["Bob"]))["Zoe"] == 1


async def test_a_merge_can_be_undone_with_what_came_later(
    graph: KnowledgeGraph, memories: DictMemories
) -> None:
    ids = await added(graph, memories, "Bob", "Robert", "Rob")
    await graph.merge("default", ids["Robert"], ids["Rob"])
    await graph.merge("default", ids["Bob"], ids["Robert"])
    memories.put("mem_later")
    await graph.add_entities("mem_later", people("Rob", "Zoe"), knows(("Rob", "Zoe")))

    split = await graph.split("default", ids["Robert"])

    assert split.entity.id == ids["Robert"]
    assert split.merged == [ids["Rob"]]
    assert around(await graph.neighbours(ALL, ids["Bob"])) == {"friend of Bob": 1}
    assert around(await graph.neighbours(ALL, ids["Rob"])) == {
        "friend of Robert": 1,
        "friend of Rob": 1,
        "Zoe": 1,
    }


async def test_relationships_that_a_merge_makes_the_same_are_shown_as_one(
    graph: KnowledgeGraph, memories: DictMemories
) -> None:
    memories.put("mem_1")
    bob, robert, zoe = await graph.add_entities(
        "mem_1",
        people("Bob", "Robert", "Zoe"),
        knows(("Bob", "Zoe"), ("Robert", "Zoe"), ("Bob", "Robert")),
    )
    await graph.merge("default", bob["id"], robert["id"])
    found = await graph.neighbours(ALL, zoe["id"])
    assert around(found) == {"Bob": 1}
    (one,) = found.relationships
    assert one.facts == 2


async def test_what_cannot_be_one_is_refused(graph: KnowledgeGraph, memories: DictMemories) -> None:
    ids = await added(graph, memories, "Bob", "Robert")
    memories.put("mem_2", user_id="u2")
    (theirs,) = await graph.add_entities("mem_2", people("Bob"))
    with pytest.raises(NotMergeable, match="somebody else"):
        await graph.merge("default", ids["Bob"], theirs["id"])
    with pytest.raises(NotMergeable, match="already"):
        await graph.merge("default", ids["Bob"], ids["Bob"])
    with pytest.raises(EntityNotFound):
        await graph.merge("default", ids["Bob"], "ent_0")
    with pytest.raises(EntityNotFound):
        await graph.merge("other", ids["Bob"], ids["Robert"])
    with pytest.raises(NotMergeable, match="into no other"):
        await graph.split("default", ids["Bob"])


@pytest.mark.parametrize("gone", ["Bob", "Robert", "Rob"])
async def test_forgetting_one_of_those_merged_keeps_the_others_one(
    graph: KnowledgeGraph, database: Database, memories: DictMemories, gone: str
) -> None:
    ids = await added(graph, memories, "Bob", "Robert", "Rob")
    await graph.merge("default", ids["Robert"], ids["Rob"])
    await graph.merge("default", ids["Bob"], ids["Robert"])
    async with database.begin() as work:
        await graph.forget(work, "default", [f"mem_{gone}"])
    left = sorted(set(ids) - {gone})
    (first, second) = [await graph.neighbours(ALL, ids[one]) for one in left]
    assert first.entity.id == second.entity.id
    assert sorted([first.entity.name, *first.entity.aliases]) == left
    assert around(first) == {f"friend of {one}": 1 for one in left}
    assert (await rows(database, ENTITIES), await rows(database, RELATIONSHIPS)) == (4, 2)
