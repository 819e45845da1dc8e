# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from rollcall.backends.sql.database import Database
from rollcall.kernel.clock import utc
from rollcall.kernel.errors import InvalidInput
from rollcall.memory.errors import MemoryChanged, MemoryExists, MemoryNotFound
from rollcall.memory.models import MAX_CONTENT, MAX_METADATA
from rollcall.memory.service import MemoryService
from rollcall.testing.clock import FrozenClock
from support.memories import NoEncoder, Notes, SubjectEncoder, memories_in, told

Memories = MemoryService[Any]
ANNA = {"user_id": "anna"}


async def test_a_memory_reads_as_document_3_reads_it(memories: Memories) -> None:
    added = await memories.add_memory("Test memory content", {"agent_id": "agent_1"}, {"a": 1})
    found = await memories.get_memories_for_agent("agent_1")
    assert [one["memory_id"] for one in found] == [added["memory_id"]]
    memory = await memories.get_memory(added["memory_id"])
    assert memory["content"] == "Test memory content"
    assert memory["filters"] == {"agent_id": "agent_1"}
    assert memory.get("none", 7) == 7
    assert dict(memory)["id"] == memory.memory_id == added.id
    with pytest.raises(KeyError):
        memory["none"]


async def test_the_same_content_in_the_same_scope_is_kept_once(
    memories: Memories, database: Database
) -> None:
    first = await memories.add_memory("tea", ANNA, {"n": 1})
    again = await memories.add_memory(" tea\n", ANNA, {"n": 2})
    other = await memories.add_memory("tea", {**ANNA, "agent_id": "a"})
    assert (first.duplicate, again.duplicate, other.duplicate) == (False, True, False)
    assert (again.id, again.metadata) == (first.id, {"n": 1})
    assert [event.subject for event in await told(database)] == [first.id, other.id]


async def test_thirty_two_who_add_the_same_at_once_add_one(
    memories: Memories, database: Database
) -> None:
    added = await asyncio.gather(*(memories.add_memory("tea", ANNA) for _ in range(32)))
    assert len({one.id for one in added}) == 1
    assert sum(not one.duplicate for one in added) == 1
    assert len(await told(database)) == 1


async def test_thirty_two_who_change_one_memory_at_once_lose_nothing(
    memories: Memories, database: Database
) -> None:
    memory = await memories.add_memory("tea", ANNA)
    await asyncio.gather(
        *(memories.update_memory(memory.id, metadata={f"k{n}": n}) for n in range(32))
    )
    changed = await memories.get_memory(memory.id)
    assert changed.metadata == {f"k{n}": n for n in range(32)}
    assert changed.version == 33
    history = await memories.get_memory_history(memory.id)
    assert [one.version for one in history] == list(range(1, 34))
    assert len({event.id for event in await told(database)}) == 33


async def test_events_tell_the_beginning_and_no_more(
    memories: Memories, database: Database
) -> None:
    memory = await memories.add_memory("x" * 150, ANNA, {"a": 1})
    await memories.update_memory(memory.id, "y" * 150)
    await memories.delete_memory(memory.id)
    created, updated, deleted = await told(database)
    assert [one.type for one in (created, updated, deleted)] == [
        "memory.created",
        "memory.updated",
        "memory.deleted",
    ]
    assert {one.subject for one in (created, updated, deleted)} == {memory.id}
    assert set(created.data) == {"memory_id", "filters", "content_preview", "metadata"}


async def test_previews_have_a_hundred_characters(memories: Memories, database: Database) -> None:
    await memories.add_memory("x" * 150, ANNA)
    (created,) = await told(database)
    assert created.data["content_preview"] == "x" * 100
    assert created.data["filters"] == ANNA


async def test_a_deleted_memory_takes_what_was_derived_from_it_along(
    memories: Memories, notes: Notes
) -> None:
    memory = await memories.add_memory("tea", ANNA)
    notes.kept["default"] = {memory.id, "mem_other"}
    await memories.delete_memory(memory.id)
    assert notes.kept["default"] == {"mem_other"}
    with pytest.raises(MemoryNotFound):
        await memories.get_memory(memory.id)
    with pytest.raises(MemoryNotFound):
        await memories.delete_memory(memory.id)
    with pytest.raises(MemoryNotFound):
        await memories.get_memory_history(memory.id)


async def test_a_change_that_says_nothing_new_is_none(memories: Memories) -> None:
    memory = await memories.add_memory("tea", ANNA, {"a": 1})
    assert (await memories.update_memory(memory.id, "tea", {"a": 1, "b": None})).version == 1


async def test_metadata_is_merged_and_null_removes(memories: Memories) -> None:
    memory = await memories.add_memory("tea", ANNA, {"a": 1, "b": 2})
    changed = await memories.update_memory(memory.id, metadata={"a": None, "c": 3})
    assert changed.metadata == {"b": 2, "c": 3}


async def test_a_writer_who_saw_an_older_version_is_refused(memories: Memories) -> None:
    memory = await memories.add_memory("tea", ANNA)
    await memories.update_memory(memory.id, "coffee", version=1)
    with pytest.raises(MemoryChanged) as refused:
        await memories.update_memory(memory.id, "milk", version=1)
    assert (refused.value.expected, refused.value.current) == (1, 2)
    with pytest.raises(MemoryChanged):
        await memories.delete_memory(memory.id, version=1)


async def test_a_memory_cannot_come_to_say_what_another_one_says(memories: Memories) -> None:
    tea = await memories.add_memory("tea", ANNA)
    coffee = await memories.add_memory("coffee", ANNA)
    with pytest.raises(MemoryExists) as refused:
        await memories.update_memory(coffee.id, "tea")
    assert refused.value.memory_id == tea.id
    assert (await memories.get_memory(coffee.id)).content == "coffee"


async def test_what_expires_is_gone_at_once_and_swept_later(
    memories: Memories, clock: FrozenClock, database: Database, notes: Notes
) -> None:
    ends = utc(clock.now() + 10)
    memory = await memories.add_memory("tea", ANNA, expires_at=ends)
    notes.kept["default"] = {memory.id}
    await clock.advance(9.9)
    assert len(await memories.search_memories("tea", ANNA)) == 1
    await clock.advance(0.2)
    with pytest.raises(MemoryNotFound):
        await memories.get_memory(memory.id)
    with pytest.raises(MemoryNotFound):
        await memories.update_memory(memory.id, "coffee")
    assert await memories.search_memories("tea", ANNA) == []
    assert await memories.list_memories(ANNA) == ([], None)
    assert notes.kept["default"] == {memory.id}
    assert await memories.upkeep.sweep() == 1
    assert notes.kept["default"] == set()
    assert [event.type for event in await told(database)] == ["memory.created", "memory.deleted"]


async def test_what_has_expired_can_be_said_again(memories: Memories, clock: FrozenClock) -> None:
    ends = utc(clock.now()) + timedelta(seconds=1)
    first = await memories.add_memory("tea", ANNA, expires_at=ends)
    other = await memories.add_memory("coffee", ANNA, expires_at=ends)
    third = await memories.add_memory("milk", ANNA)
    await clock.advance(2)
    again = await memories.add_memory("tea", ANNA)
    assert (again.duplicate, again.id != first.id) == (False, True)
    assert (await memories.update_memory(third.id, "coffee")).content == "coffee"
    assert other.id not in {one.id for one in (await memories.list_memories(ANNA))[0]}


async def test_a_search_finds_by_words_and_by_meaning(memories: Memories) -> None:
    await memories.add_memory("She drinks coffee at noon", ANNA)
    await memories.add_memory("The tea is green", ANNA)
    await memories.add_memory("The train is late", ANNA)
    found = await memories.search_memories("tea", ANNA)
    assert found.semantic
    assert [(hit["content"], hit["matched"]) for hit in found] == [
        ("The tea is green", ("text", "meaning")),
        ("She drinks coffee at noon", ("meaning",)),
    ]
    assert found[0].score > found[1].score
    assert [hit["content"] for hit in await memories.search_memories("tea -noon", ANNA)] == [
        "The tea is green"
    ]


@pytest.mark.parametrize("encoder", [None, NoEncoder()])
async def test_without_an_encoder_words_alone_count_and_the_answer_says_so(
    database: Database, url: str, clock: FrozenClock, encoder: NoEncoder | None
) -> None:
    memories = memories_in(database, url, clock, encoder)
    await memories.add_memory("The tea is green", ANNA)
    found = await memories.search_memories("tea", ANNA)
    assert ([hit.matched for hit in found], found.semantic) == ([("text",)], False)


async def test_an_encoder_that_comes_later_catches_up(
    database: Database, url: str, clock: FrozenClock
) -> None:
    await memories_in(database, url, clock).add_memory("tea", ANNA)
    later = memories_in(database, url, clock, SubjectEncoder())
    assert list(await later.search_memories("coffee", ANNA)) == []
    assert await later.upkeep.catch_up() == 1
    assert len(await later.search_memories("coffee", ANNA)) == 1
    newer = memories_in(database, url, clock, SubjectEncoder("newer"))
    assert await newer.upkeep.catch_up() == 1
    assert await newer.upkeep.catch_up() == 0


async def test_nobody_searches_a_whole_namespace_by_accident(memories: Memories) -> None:
    await memories.add_memory("tea", ANNA)
    for filters in ({}, {"user_id": None}):
        with pytest.raises(InvalidInput, match="filters"):
            await memories.search_memories("tea", filters)
        with pytest.raises(InvalidInput, match="filters"):
            await memories.list_memories(filters)
        with pytest.raises(InvalidInput, match="filters"):
            await memories.add_memory("tea", filters)
        with pytest.raises(InvalidInput, match="filters"):
            await memories.erase(filters)
    assert len(await memories.search_memories("tea", {}, everywhere=True)) == 1


async def test_pages_lead_to_all_memories(memories: Memories) -> None:
    for number in range(5):
        await memories.add_memory(f"tea {number}", ANNA)
    seen: list[str] = []
    before: int | None = None
    while True:
        page, before = await memories.list_memories(ANNA, 2, before=before)
        seen += [one.content for one in page]
        if before is None:
            break
    assert seen == [f"tea {number}" for number in reversed(range(5))]


@pytest.mark.parametrize(
    ("field", "arguments"),
    [
        ("content", {"content": " \n"}),
        ("content", {"content": "x" * (MAX_CONTENT + 1)}),
        ("content", {"content": "a\0b"}),
        ("content", {"content": "a\ud800b"}),
        ("filters.user_id", {"filters": {"user_id": ""}}),
        ("filters.user_id", {"filters": {"user_id": "a\nb"}}),
        ("filters.user_id", {"filters": {"user_id": "x" * 257}}),
        ("filters.team", {"filters": {"team": "a"}}),
        ("metadata", {"metadata": {"a": "x" * MAX_METADATA}}),
        ("metadata", {"metadata": {"a": {1, 2, object()}}}),
        ("metadata", {"metadata": {"a": "\0"}}),
        ("expires_at", {"expires_at": utc(1)}),
        ("expires_at", {"expires_at": utc(2e9).replace(tzinfo=None)}),
    ],
)
async def test_what_cannot_be_kept_is_refused_by_field(
    memories: Memories, field: str, arguments: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInput) as refused:
        await memories.add_memory(**{"content": "tea", "filters": ANNA, **arguments})
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("field", "arguments"),
    [
        ("query", {"query": ""}),
        ("query", {"query": "?!"}),
        ("query", {"query": "a" * 1001}),
        ("limit", {"limit": 0}),
        ("limit", {"limit": 101}),
        ("metadata.a", {"metadata": {"a": [1]}}),
        ("since", {"since": utc(1).replace(tzinfo=None)}),
    ],
)
async def test_what_cannot_be_asked_is_refused_by_field(
    memories: Memories, field: str, arguments: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInput) as refused:
        await memories.search_memories(**{"query": "tea", "filters": ANNA, **arguments})
    assert refused.value.field == field
