"""What goes with a session once it is deleted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from rollcall.app.session_memories import session_memories
from rollcall.backends.sql.database import Database, dialect_of
from rollcall.backends.sql.unit_of_work import SqlUnitOfWork
from rollcall.conversations.told import session_deleted
from rollcall.events.subscriptions import Sink
from rollcall.kernel.clock import utc
from rollcall.memory.models import Filters
from rollcall.memory.service import MemoryService
from rollcall.testing.clock import FrozenClock
from support.databases import sqlite_at
from support.memories import memories_in

Memories = MemoryService[SqlUnitOfWork]


@pytest_asyncio.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    one = Database(dialect_of(sqlite_at(tmp_path / "x.db")))
    await one.open()
    yield one
    await one.close()


async def deleted(memories: Memories, clock: FrozenClock, session: str) -> None:
    (sink,) = session_memories(memories).subscriptions
    assert isinstance(sink, Sink)
    event = session_deleted("default", session, utc(clock.now()), "act")
    await sink.send(event)


async def left(memories: Memories, **whose: str) -> list[str]:
    page, _ = await memories.list_memories(Filters(**whose), 100)
    return [one.content for one in page]


async def test_what_was_remembered_in_it_alone_goes_and_what_is_a_users_stays(
    database: Database, tmp_path: Path
) -> None:
    clock = FrozenClock()
    memories = memories_in(database, f"sqlite:///{tmp_path}/x.db", clock)
    for number in range(105):
        await memories.add_memory(f"note {number}", {"session_id": "s"})
    await memories.add_memory("other", {"session_id": "t"})
    await memories.add_memory("mine", {"user_id": "ada"}, {"session_id": "s"})
    await memories.add_memory("both", {"user_id": "ada", "session_id": "s"})

    await deleted(memories, clock, "s")
    # Told a second time, as events may be.
    await deleted(memories, clock, "s")

    assert await left(memories, session_id="s") == ["both"]
    assert await left(memories, session_id="t") == ["other"]
    assert await left(memories, user_id="ada") == ["both", "mine"]


async def test_what_a_later_session_of_the_name_remembers_stays(
    database: Database, tmp_path: Path
) -> None:
    clock = FrozenClock()
    memories = memories_in(database, f"sqlite:///{tmp_path}/x.db", clock)
    (sink,) = session_memories(memories).subscriptions
    assert isinstance(sink, Sink)
    event = session_deleted("default", "s", utc(clock.now()), "act")
    await clock.advance(1)
    await memories.add_memory("later", {"session_id": "s"})

    await sink.send(event)

    assert await left(memories, session_id="s") == ["later"]
