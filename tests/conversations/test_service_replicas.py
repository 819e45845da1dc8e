"""The agent service where processes come and go: what one leaves, the next takes up."""

from __future__ import annotations

import asyncio

import pytest

from rollcall.conversations.errors import SessionNotFound, TurnNotFound
from rollcall.conversations.models import Turn, TurnChanged, TurnStatus, Update
from rollcall.conversations.options import ConversationOptions
from rollcall.conversations.repository import SqlTurnStore
from rollcall.conversations.service import ConversationService
from rollcall.kernel.clock import SystemClock
from rollcall.kernel.errors import Closed
from rollcall.kernel.ids import RandomIds
from support.conversing import Parrot, Start, ask, eventually


async def test_after_a_crash_what_waited_is_answered_and_what_ran_is_marked_failed(
    store: SqlTurnStore, parrot: Parrot, start: Start
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
    store: SqlTurnStore, parrot: Parrot, start: Start
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
    store: SqlTurnStore, parrot: Parrot, start: Start
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
    await _stopped(looking)


async def _stopped(looking: asyncio.Task[None]) -> None:
    """Have a process look after nothing any more."""
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)


async def _all(service: ConversationService, turn: Turn) -> list[Update]:
    return [update async for update in service.follow(turn)]


async def test_a_process_takes_over_from_one_that_fell_silent(
    store: SqlTurnStore, parrot: Parrot, start: Start
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
    await _stopped(looking)
    await gone.stop()


async def test_what_waits_where_a_process_ends_is_taken_over_without_a_silence(
    store: SqlTurnStore, parrot: Parrot, start: Start
) -> None:
    ending = ConversationService(
        store, parrot, SystemClock(), RandomIds(), ConversationOptions(shared=True)
    )
    parrot.gate("first")
    await ending.accept(ask("first"))
    second = await ending.accept(ask("second"))
    await eventually(lambda: parrot.running == 1)
    heir = await start(shared=True, beat=0.02, silence=60.0)
    looking = asyncio.create_task(heir.look_after())

    await ending.stop()

    assert (await heir.ended(second)).response == "you said second"
    await _stopped(looking)


async def test_a_process_that_stood_still_goes_on_with_what_others_did_meanwhile(
    store: SqlTurnStore, parrot: Parrot, start: Start
) -> None:
    # It shows no sign of life, as one does whose machine was asleep.
    still = await start(shared=True)
    gate = parrot.gate("first")
    first = await still.accept(ask("first"))
    second = await still.accept(ask("second"))
    await eventually(lambda: parrot.running == 1)
    heir = await start(shared=True, beat=0.02, silence=0.0)
    looking = asyncio.create_task(heir.look_after())
    await heir.ended(second)
    await _stopped(looking)
    gate.set()

    told = [await still.ended(one) for one in (first, second)]
    third = await still.ended(await still.accept(ask("third")))

    assert told == [await still.turn("default", "s", one.id) for one in (first, second)]
    assert [one.error_type for one in told] == ["interrupted", None]
    assert third.response == "you said third"
    assert [task.user_input for task in parrot.tasks] == ["first", "second", "third"]


async def test_whoever_waits_is_let_go_where_a_process_ends(
    store: SqlTurnStore, parrot: Parrot
) -> None:
    ending = ConversationService(store, parrot, SystemClock(), RandomIds())
    parrot.gate("first")
    first = await ending.accept(ask("first"))
    second = await ending.accept(ask("second"))
    waiting = [asyncio.create_task(ending.ended(one)) for one in (first, second)]
    following = asyncio.create_task(_all(ending, second))
    await eventually(lambda: parrot.running == 1)

    await ending.last_call()

    assert (await waiting[0]).error_type == "interrupted"
    with pytest.raises(Closed):
        await waiting[1]
    assert await following == [TurnChanged(second)]
    third = await ending.accept(ask("third"))
    with pytest.raises(Closed):
        await ending.ended(third)
    await ending.stop()
