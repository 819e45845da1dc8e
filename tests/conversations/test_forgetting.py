# SPDX-License-Identifier: Apache-2.0
"""What was said in a session goes with it, from the events that told it too."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from rollcall.backends.sql import outbox
from rollcall.backends.sql.database import Database, dialect_of
from rollcall.backends.sql.redaction import EventRedaction
from rollcall.conversations.models import TurnStatus
from rollcall.conversations.module import BLANKS
from rollcall.conversations.repository import SqlTurnStore
from rollcall.conversations.told import session_deleted, turn_events
from support.conversing import T0, turn
from support.databases import sqlite_at


async def test_what_was_said_in_a_deleted_session_is_in_no_event_any_more(tmp_path: Path) -> None:
    database = Database(dialect_of(sqlite_at(tmp_path / "x.db")))
    await database.open()
    store = SqlTurnStore(database, EventRedaction(BLANKS))
    for name, session, status in (
        ("a", "s", TurnStatus.ANSWERED),
        ("b", "s", TurnStatus.FAILED),
        ("c", "kept", TurnStatus.ANSWERED),
    ):
        accepted = await store.accept(
            turn(name, session), runner="r1", fingerprint=name, waiting=10, begin=True
        )
        over = replace(
            accepted.turn, status=status, response="zebra", error="quixotry", finished_at=T0
        )
        await store.finish(over, turn_events(over), runner="r1")

    await store.delete("default", "s", (session_deleted("default", "s", T0, "1"),))

    async with database.reading() as connection:
        events = [entry.event for entry in await outbox.read(connection, 0, 100)]
    await database.close()
    completed, failed, kept, deleted = events
    assert (completed.data["user_message"], completed.data["agent_response"]) == ("", "")
    assert (failed.data["user_message"], failed.data["error"]) == ("", "")
    assert (failed.data["agent_response"], failed.data["error_type"]) == ("", "failed")
    assert (kept.data["user_message"], kept.data["agent_response"]) == ("say c", "zebra")
    assert deleted.type == "conversation.deleted"
