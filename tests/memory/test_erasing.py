# SPDX-License-Identifier: Apache-2.0
"""Erasure: what is planted everywhere is found nowhere afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect, text

from rollcall.backends.sql.consumers import HELD
from rollcall.backends.sql.database import Database, dialect_of
from rollcall.events.envelope import to_json
from rollcall.memory.service import MemoryService
from rollcall.testing.clock import FrozenClock
from support.memories import Notes, SubjectEncoder, memories_in, told

Memories = MemoryService[Any]
ANNA = {"user_id": "anna"}
PLANTED = "quixotryzebra"


async def plant(memories: Memories, database: Database, notes: Notes) -> list[str]:
    """Have the planted word in each place where a memory leaves a trace; the memories' ids."""
    ids: list[str] = []
    for number in range(40):
        said = f"{PLANTED} tea {number} " + "x" * (number * 97)
        memory = await memories.add_memory(said, ANNA, {"topic": f"{PLANTED} {number}"})
        await memories.update_memory(memory.id, f"{number} {said} once more")
        ids.append(memory.id)
    await memories.add_memory("what stays is tea", {"user_id": "bert"})
    notes.kept["default"] = {ids[0]}
    first = (await told(database))[0]
    async with database.begin() as work:
        await work.connection.execute(
            HELD.insert().values(
                group_name="graph",
                position=1,
                namespace="default",
                attempts=1,
                failed_at=0.0,
                error="",
                event=to_json(first).decode(),
            )
        )
    return ids


def holding(folder: Path, word: str) -> list[str]:
    """The names of the files that hold a word."""
    return [one.name for one in folder.iterdir() if word.encode() in one.read_bytes()]


async def test_a_dry_run_says_what_would_go_and_removes_nothing(
    memories: Memories, database: Database, notes: Notes
) -> None:
    await plant(memories, database, notes)
    dry = await memories.erase(ANNA, dry_run=True)
    assert dry.dry_run
    assert dry.removed == {
        "memories": 40,
        "history": 40,
        "embeddings": 40,
        "search_index": 40,
        "events": 80,
        "event_keys": 0,
        "notes": 1,
    }
    assert len((await memories.list_memories(ANNA))[0]) == 40
    receipt = await memories.erase(ANNA)
    assert receipt.removed == dry.removed
    assert receipt.scrubbed
    again = await memories.erase(ANNA)
    assert again.removed == dict.fromkeys(dry.removed, 0)


async def test_what_was_erased_is_in_no_file(
    memories: Memories, database: Database, notes: Notes, tmp_path: Path
) -> None:
    async with database.begin() as work:
        # As SQLite is built by some, and not by others.
        await work.connection.execute(text("PRAGMA secure_delete = OFF"))
    await plant(memories, database, notes)
    assert holding(tmp_path, PLANTED)
    await memories.erase(ANNA)
    assert holding(tmp_path, PLANTED) == []
    assert holding(tmp_path, "anna") == []
    assert holding(tmp_path, "bert") != []
    assert len(await memories.search_memories("tea", {"user_id": "bert"})) == 1
    await database.close()
    assert holding(tmp_path, PLANTED) == []


async def test_events_keep_their_place_and_type(
    memories: Memories, database: Database, notes: Notes
) -> None:
    ids = await plant(memories, database, notes)
    before = await told(database)
    await memories.erase(ANNA)
    after = await told(database)
    assert [(one.id, one.type, one.subject) for one in after[: len(before)]] == [
        (one.id, one.type, one.subject) for one in before
    ]
    created = next(one for one in after if one.subject == ids[0])
    assert created.data == {
        "memory_id": ids[0],
        "content_preview": "",
        "filters": {},
        "metadata": {},
    }
    kept = next(one for one in after if one.data.get("filters") == {"user_id": "bert"})
    assert kept.data["content_preview"] == "what stays is tea"
    assert {one.subject for one in after[len(before) :]} == set(ids)
    assert {one.type for one in after[len(before) :]} == {"memory.deleted"}


async def test_other_namespaces_and_scopes_stay(memories: Memories) -> None:
    await memories.add_memory("tea", {**ANNA, "agent_id": "a"})
    await memories.add_memory("tea", {"agent_id": "a"})
    await memories.add_memory("tea", ANNA, namespace="other")
    receipt = await memories.erase({"agent_id": "a", "user_id": "anna"})
    assert receipt.removed["memories"] == 1
    assert len(await memories.get_memories_for_agent("a")) == 1
    found, _ = await memories.list_memories(ANNA, namespace="other")
    assert len(found) == 1


async def test_many_who_erase_at_once_share_the_work_on_the_files(memories: Memories) -> None:
    for number in range(8):
        await memories.add_memory("tea", {"user_id": f"user {number}"})
    receipts = await asyncio.gather(
        *(memories.erase({"user_id": f"user {number}"}) for number in range(8))
    )
    assert all(one.scrubbed and one.removed["memories"] == 1 for one in receipts)


async def test_a_file_that_is_being_read_is_told_of_and_done_later(
    memories: Memories, database: Database, tmp_path: Path
) -> None:
    await memories.add_memory(PLANTED, ANNA)
    async with database.reading() as connection:
        await connection.execute(text("SELECT count(*) FROM memories"))
        assert not (await memories.erase(ANNA)).scrubbed
    assert holding(tmp_path, PLANTED)
    assert await memories.upkeep.tidy()
    assert holding(tmp_path, PLANTED) == []


@pytest.mark.server
async def test_what_was_erased_is_in_no_row_of_postgresql(
    fresh_database: Callable[[], str], clock: FrozenClock, notes: Notes
) -> None:
    url = fresh_database()
    database = Database(dialect_of(url))
    await database.open()
    memories = memories_in(database, url, clock, SubjectEncoder(), notes)
    await plant(memories, database, notes)
    receipt = await memories.erase(ANNA)
    assert receipt.removed["events"] == 80
    async with database.reading() as connection:
        tables = await connection.run_sync(lambda sync: inspect(sync).get_table_names())
        for table in tables:
            rows = await connection.execute(text(f'SELECT t::text AS said FROM "{table}" t'))  # noqa: S608
            said = " ".join(row.said for row in rows)
            assert PLANTED not in said, table
            assert "anna" not in said, table
    await database.close()
