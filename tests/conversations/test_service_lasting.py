"""The agent service when its database fails it."""

from __future__ import annotations

from rollcall.backends.sql.database import Database
from rollcall.conversations.service import ConversationService
from support.conversing import Flaky, ask, types


async def test_a_message_whose_commit_nobody_saw_is_answered_all_the_same(
    service: ConversationService, store: Flaky
) -> None:
    store.lost.append("accept")
    turn = await service.accept(ask("hello"))

    assert (await service.ended(turn)).response == "you said hello"


async def test_an_answer_waits_for_the_database_and_is_told_once(
    service: ConversationService, store: Flaky, database: Database
) -> None:
    store.away = 2
    store.lost.append("finish")
    turn = await service.ended(await service.accept(ask("hello")))

    assert await service.turn("default", "s", turn.id) == turn
    assert await types(database) == ["conversation.completed", "usage.recorded"]
