"""The agent service when its database or another process fails it."""

from __future__ import annotations

import asyncio

import pytest

from rollcall.backends.sql.database import Database
from rollcall.conversations.errors import SessionNotFound, TurnNotFound
from rollcall.conversations.models import (
    Turn,
    TurnChanged,
    TurnStatus,
    Update,
)
from rollcall.conversations.options import ConversationOptions
from rollcall.conversations.service import ConversationService
from rollcall.kernel.clock import SystemClock
from rollcall.kernel.ids import RandomIds
from support.conversing import Flaky, Parrot, Start, ask, eventually, types


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


async def test_after_a_crash_what_waited_is_answered_and_what_ran_is_marked_failed(
    store: Flaky, parrot: Parrot, start: Start
) -> None:
    gate = parrot.gate("first")
    crashed = ConversationService(store, parrot, SystemClock(), RandomIds())
    first = await crashed.accept(ask("first"))
    second = await crashed.accept(ask("second"))
    # Nothing of it writes any more: its runner has lost both turns to the next process.
    service = await start()
    gate.set()

    assert (await service.ended(second)).response == "you said second"
    ended = await service.ended(first)
    assert (ended.status, ended.error_type) == (TurnStatus.FAILED, "interrupted")
    await crashed.stop()


async def test_a_clean_stop_marks_what_ran_and_leaves_what_waited(
    store: Flaky, parrot: Parrot, start: Start
) -> None:
    parrot.gate("first")
    stopped = ConversationService(store, parrot, SystemClock(), RandomIds())
    first = await stopped.accept(ask("first"))
    second = await stopped.accept(ask("second"))
    await eventually(lambda: parrot.running == 1)
    await stopped.stop()

    assert (await stopped.turn("default", "s", first.id)).error_type == "interrupted"
    assert (await stopped.turn("default", "s", second.id)).status is TurnStatus.ACCEPTED
    service = await start()
    assert (await service.ended(second)).response == "you said second"


async def test_another_process_follows_cancels_and_deletes(
    store: Flaky, parrot: Parrot, start: Start
) -> None:
    here = await start(shared=True, beat=0.02)
    there = await start(shared=True)
    looking = asyncio.create_task(here.look_after())
    parrot.gate("wait")
    turn = await here.accept(ask("wait"))
    following = asyncio.create_task(_all(there, turn))

    assert await there.delete("default", "s") == 1
    with pytest.raises(SessionNotFound):
        await here.session("default", "s")
    (first, *_) = await asyncio.gather(following, return_exceptions=True)
    # It saw the end, or came too late to see anything.
    assert isinstance(first, TurnNotFound) or (
        isinstance(first, list) and isinstance(first[-1], TurnChanged)
    )
    looking.cancel()


async def _all(service: ConversationService, turn: Turn) -> list[Update]:
    return [update async for update in service.follow(turn)]


async def test_a_process_takes_over_from_one_that_fell_silent(
    store: Flaky, parrot: Parrot, start: Start
) -> None:
    gone = ConversationService(
        store, parrot, SystemClock(), RandomIds(), ConversationOptions(shared=True)
    )
    gate = parrot.gate("first")
    first = await gone.accept(ask("first"))
    second = await gone.accept(ask("second"))
    heir = await start(shared=True, beat=0.02, silence=0.0)
    looking = asyncio.create_task(heir.look_after())

    assert (await heir.ended(second)).response == "you said second"
    assert (await heir.ended(first)).error_type == "interrupted"
    gate.set()
    looking.cancel()
    await gone.stop()
