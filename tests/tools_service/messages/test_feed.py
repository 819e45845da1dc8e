# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest_asyncio

from rollcall.backends.eventlog.sql import SqlEventLog
from rollcall.backends.messages.sqlite import SqliteMessageIndex
from rollcall.backends.sql.database import Database
from rollcall.events.dispatcher import Dispatcher
from rollcall.events.envelope import Event
from rollcall.testing.clock import FrozenClock
from rollcall.testing.message_index_contract import add, find, message
from rollcall.tools.messages.feed import COMPLETED, DELETED, FAILED, feed, messages_of
from rollcall.tools.messages.models import MAX_TEXT, Filters, Message, Source

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def event(type_: str, turn: str = "turn_1", *, session: str = "s", **data: Any) -> Event:
    turns = {
        "conversation_id": turn,
        "session_id": session,
        "agent_id": "assistant",
        "user_message": f"question of {turn}",
    }
    more = {
        COMPLETED: {
            **turns,
            "agent_response": f"answer of {turn}",
            "response_time_ms": 1500,
            "tools": [],
        },
        FAILED: {**turns, "error_type": "model-unavailable", "error": "nobody there"},
        DELETED: {"session_id": session},
    }
    return Event(
        id=f"{type_}-{turn}",
        type=type_,
        source="/conversations",
        subject=session,
        time=NOON,
        data={**more[type_], **data},
        namespace="acme",
    )


@pytest_asyncio.fixture
async def dispatcher(database: Database, index: SqliteMessageIndex) -> AsyncIterator[Dispatcher]:
    dispatcher = Dispatcher(SqlEventLog(database), FrozenClock(), [feed(index)])
    await dispatcher.start()
    yield dispatcher
    await dispatcher.stop()


async def tell(database: Database, dispatcher: Dispatcher, *events: Event) -> None:
    async with database.begin() as work:
        work.publish(*events)
    await asyncio.wait_for(dispatcher.drained(), 30)
    assert [(one.lag, one.parked) for one in await dispatcher.status()] == [(0, 0)]


def test_a_turn_becomes_two_messages() -> None:
    asked, answered = messages_of(event(COMPLETED, user_id="anna"))
    assert asked == Message(
        id="turn_1:user",
        namespace="acme",
        text="question of turn_1",
        sent_at=NOON - timedelta(seconds=1.5),
        source=Source.CONVERSATION,
        conversation_id="s",
        sender_id="anna",
        metadata={
            "conversation_id": "turn_1",
            "agent_id": "assistant",
            "role": "user",
            "failed": False,
        },
    )
    assert (answered.id, answered.text) == ("turn_1:agent", "answer of turn_1")
    assert (answered.sender_id, answered.sent_at) == ("assistant", NOON)


def test_a_failed_turn_has_the_answer_that_there_was() -> None:
    (asked,) = messages_of(event(FAILED))
    assert (asked.sender_id, asked.sent_at) == ("user", NOON)
    assert asked.metadata is not None
    assert asked.metadata["failed"]
    assert len(list(messages_of(event(FAILED, agent_response="the first half")))) == 2


def test_what_no_engine_could_keep_is_cut_and_replaced() -> None:
    asked, _ = messages_of(event(COMPLETED, user_message="a\0" + "x" * 200_000, user_id="b\0"))
    assert len(asked.text) == MAX_TEXT
    assert asked.text.startswith("a\ufffdx")
    assert asked.sender_id == "b\ufffd"


async def test_what_was_said_is_found_in_its_namespace(
    database: Database, dispatcher: Dispatcher, index: SqliteMessageIndex
) -> None:
    await tell(database, dispatcher, event(COMPLETED), event(FAILED, "turn_2", session="t"))
    found = await find(index, "question OR answer", namespace="acme")
    assert sorted(found) == ["answer of turn_1", "question of turn_1", "question of turn_2"]
    assert await find(index, "question", Filters(conversation_id="t"), namespace="acme") == [
        "question of turn_2"
    ]
    assert await find(index, "question") == []


async def test_a_deleted_session_is_gone_and_may_begin_anew(
    database: Database, dispatcher: Dispatcher, index: SqliteMessageIndex
) -> None:
    await add(index, message("an imported question", namespace="acme", conversation_id="s"))
    await tell(
        database,
        dispatcher,
        event(COMPLETED),
        event(COMPLETED, "turn_2", session="t"),
        event(DELETED),
    )
    found = await find(index, "question", namespace="acme")
    assert set(found) == {"question of turn_2", "an imported question"}
    await tell(database, dispatcher, event(COMPLETED, "turn_3"))
    assert "question of turn_3" in await find(index, "question", namespace="acme")


async def test_an_event_that_comes_twice_counts_once(
    database: Database, index: SqliteMessageIndex
) -> None:
    handler = feed(index)
    for _ in range(2):
        async with database.begin() as work:
            await handler.handle([event(COMPLETED)], work)
    assert len(await find(index, "question OR answer", namespace="acme")) == 2


async def test_events_that_are_handled_together_count_in_their_order(
    database: Database, index: SqliteMessageIndex
) -> None:
    together = [
        event(COMPLETED, "turn_1"),
        event(FAILED, "turn_2"),
        event(DELETED, "turn_3"),
        event(COMPLETED, "turn_4"),
    ]
    async with database.begin() as work:
        await feed(index).handle(together, work)
    found = await find(index, "question", namespace="acme")
    assert set(found) == {"question of turn_4"}
