"""The agent service over its store in SQLite, with a loop that says what it is told to."""

from __future__ import annotations

import asyncio
import base64
import json
import math
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.backends.sql.database import Database
from rollcall.conversations.errors import KeyReused, SessionBusy
from rollcall.conversations.models import (
    Exchange,
    TextPart,
    Turn,
    TurnChanged,
    TurnStatus,
    Update,
)
from rollcall.conversations.service import ConversationService
from rollcall.kernel.errors import InvalidInput
from support.conversing import USED, Parrot, Start, ask, eventually, types


async def test_a_message_is_answered(service: ConversationService, database: Database) -> None:
    accepted = await service.accept(ask("hello"))
    turn = await service.ended(accepted)

    assert (turn.status, turn.response, turn.usage) == (
        TurnStatus.ANSWERED,
        "you said hello",
        USED,
    )
    assert await service.turn("default", "s", accepted.id) == turn
    assert await types(database) == ["conversation.completed", "usage.recorded"]
    assert service.under_way == 0


async def test_whoever_follows_is_told_everything_from_the_beginning(
    service: ConversationService, parrot: Parrot
) -> None:
    gate = parrot.gate("wait")
    turn = await service.accept(ask("wait"))
    seen: list[Update] = []

    async def follow() -> None:
        async for update in service.follow(turn):
            seen.append(update)  # noqa: PERF401 - it is looked at while it grows

    first = asyncio.create_task(follow())
    await eventually(lambda: TextPart("you said ") in seen)
    late = [update async for update in _opened(service, turn, gate)]
    await first

    assert seen == late
    assert [u.text for u in seen if isinstance(u, TextPart)] == ["you said ", "wait"]
    changes = [u.turn.status for u in seen if isinstance(u, TurnChanged)]
    assert changes == [TurnStatus.RUNNING, TurnStatus.ANSWERED]


async def _opened(
    service: ConversationService, turn: Turn, gate: asyncio.Event
) -> AsyncIterator[Update]:
    async for update in service.follow(turn):
        yield update
        gate.set()


async def test_following_what_has_ended_shows_the_end(service: ConversationService) -> None:
    turn = await service.ended(await service.accept(ask("hello")))

    assert [update async for update in service.follow(turn)] == [TurnChanged(turn)]


async def test_messages_of_one_session_are_answered_in_order_and_sessions_at_once(
    service: ConversationService, parrot: Parrot
) -> None:
    gate = parrot.gate("first")
    first = await service.accept(ask("first"))
    second = await service.accept(ask("second"))
    other = await service.accept(ask("other", "t"))

    assert (await service.ended(other)).status is TurnStatus.ANSWERED
    assert [task.user_input for task in parrot.tasks] == ["first", "other"]
    gate.set()
    await service.ended(second)

    assert (await service.ended(first)).status is TurnStatus.ANSWERED
    assert parrot.tasks[-1].history == [Exchange("first", "you said first")]


async def test_many_messages_at_once_are_all_answered_in_the_order_of_their_numbers(
    service: ConversationService, parrot: Parrot
) -> None:
    accepted = await asyncio.gather(*(service.accept(ask(f"m{n}")) for n in range(20)))
    turns = await asyncio.gather(*(service.ended(one) for one in accepted))

    by_number = sorted(turns, key=lambda one: one.number)
    assert [one.number for one in by_number] == list(range(1, 21))
    assert [task.user_input for task in parrot.tasks] == [one.user_input for one in by_number]
    assert parrot.most == 1


async def test_only_so_many_are_answered_at_once(start: Start, parrot: Parrot) -> None:
    service = await start(at_once=2)
    gate = parrot.gate("wait")
    accepted = [await service.accept(ask("wait", f"s{n}")) for n in range(5)]
    await eventually(lambda: parrot.running == 2)
    gate.set()
    for one in accepted:
        assert (await service.ended(one)).status is TurnStatus.ANSWERED

    assert parrot.most == 2


async def test_who_leaves_changes_nothing(service: ConversationService, parrot: Parrot) -> None:
    gate = parrot.gate("wait")
    turn = await service.accept(ask("wait"))
    waiting = asyncio.create_task(service.ended(turn))
    await eventually(lambda: parrot.running == 1)
    waiting.cancel()
    gate.set()

    assert (await service.ended(turn)).response == "you said wait"


async def test_a_turn_that_is_called_off_keeps_what_it_said_and_used(
    service: ConversationService, parrot: Parrot, database: Database
) -> None:
    parrot.gate("wait")
    turn = await service.accept(ask("wait"))
    await eventually(lambda: parrot.running == 1)
    ended = await service.cancel("default", "s", turn.id)

    assert (ended.status, ended.response, ended.usage) == (TurnStatus.CANCELLED, "you said ", USED)
    assert await types(database) == ["conversation.failed", "usage.recorded"]
    assert await service.cancel("default", "s", turn.id) == ended


async def test_a_waiting_turn_that_is_called_off_ends_at_once_and_never_begins(
    service: ConversationService, parrot: Parrot
) -> None:
    gate = parrot.gate("wait")
    first = await service.accept(ask("wait"))
    second = await service.accept(ask("second"))
    third = await service.accept(ask("third"))
    await eventually(lambda: parrot.running == 1)

    # While the first one still runs.
    ended = await service.cancel("default", "s", second.id)
    gate.set()

    assert ended.status is TurnStatus.CANCELLED
    assert (await service.ended(first)).status is TurnStatus.ANSWERED
    assert (await service.ended(third)).status is TurnStatus.ANSWERED
    assert [task.user_input for task in parrot.tasks] == ["wait", "third"]


@pytest.mark.parametrize(
    ("message", "error", "kind"),
    [
        ("fail: no model", "no model", "turn-failed"),
        ("break", "something went wrong inside; the log has more", "internal-error"),
    ],
)
async def test_what_fails_says_why_and_keeps_secrets(
    service: ConversationService, message: str, error: str, kind: str
) -> None:
    turn = await service.ended(await service.accept(ask(message)))

    assert (turn.status, turn.error, turn.error_type) == (TurnStatus.FAILED, error, kind)


async def test_text_that_utf_8_cannot_hold_is_kept_as_well_as_it_can_be(
    service: ConversationService, parrot: Parrot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parrot, "run", _strange)
    turn = await service.ended(await service.accept(ask("hello")))
    kept = await service.turn("default", "s", turn.id)

    assert (kept.status, kept.response) == (TurnStatus.ANSWERED, "a?b")


async def _strange(_task: object, meter: object) -> AsyncIterator[TextPart]:
    meter.text.append("a\ud800b\0")  # type: ignore[attr-defined]
    yield TextPart("a")


async def test_a_repeated_request_gets_the_same_turn(service: ConversationService) -> None:
    first = await service.accept(ask("hello", key="k"))
    again = await service.accept(ask("hello", key="k"))

    assert again.id == first.id
    assert (await service.ended(again)).id == first.id
    with pytest.raises(KeyReused):
        await service.accept(ask("something else", key="k"))


async def test_a_full_session_refuses_more(start: Start, parrot: Parrot) -> None:
    service = await start(waiting=1)
    gate = parrot.gate("wait")
    await service.accept(ask("wait"))
    await service.accept(ask("second"))
    with pytest.raises(SessionBusy):
        await service.accept(ask("third"))
    gate.set()


async def test_sessions_by_the_page(service: ConversationService) -> None:
    for name in "abc":
        await service.ended(await service.accept(ask("hello", name)))

    page, cursor = await service.sessions("default", limit=2)
    rest, end = await service.sessions("default", limit=2, after=cursor)

    assert [one.session_id for one in (*page, *rest)] == ["c", "b", "a"]
    assert end is None
    with pytest.raises(InvalidInput, match="cursor"):
        await service.sessions("default", limit=2, after="nonsense")


async def test_history_is_cut_to_what_a_model_should_be_told(start: Start, parrot: Parrot) -> None:
    service = await start(history_chars=45)
    for number in range(4):
        await service.ended(await service.accept(ask(f"message {number}")))

    assert parrot.tasks[-1].history == [Exchange("message 2", "you said message 2")]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"user_input": " \n"}, "user_input"),
        ({"user_input": "x" * 100_001}, "user_input"),
        ({"user_input": "a\0b"}, "user_input"),
        ({"user_input": "\ud800"}, "user_input"),
        ({"session_id": ""}, "session_id"),
        ({"session_id": "a\nb"}, "session_id"),
        ({"session_id": "x" * 201}, "session_id"),
        ({"idempotency_key": "\x1b"}, "idempotency_key"),
        ({"user_id": ""}, "user_id"),
    ],
)
async def test_what_cannot_be_kept_is_refused_by_name(
    service: ConversationService, change: dict[str, str], field: str
) -> None:
    import msgspec

    with pytest.raises(InvalidInput) as refused:
        await service.accept(msgspec.structs.replace(ask("hello"), **change))
    assert refused.value.field == field


@given(st.text(max_size=30))
def test_any_word_is_a_cursor_or_is_refused(word: str) -> None:
    from rollcall.conversations.service import _place

    try:
        at, session = _place(word)
    except InvalidInput:
        return
    assert math.isfinite(at)
    assert session.isprintable()


@pytest.mark.parametrize("place", [(1.0, "a\0b"), (1e400, "a"), (1.0, "\x1b")])
async def test_a_cursor_that_no_database_could_take_is_refused(
    service: ConversationService, place: tuple[float, str]
) -> None:
    word = base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")
    with pytest.raises(InvalidInput, match="cursor"):
        await service.sessions("default", limit=2, after=word)
