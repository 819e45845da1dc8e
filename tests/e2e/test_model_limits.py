# SPDX-License-Identifier: Apache-2.0
"""What a turn may use, and what is told of turns that ended, by the events that were written."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from genai_prices import Usage, calc_price

from rollcall.events.envelope import Event
from rollcall.testing.scripted_model import Call, Cut, Fails, Says, Used
from support.modelled import PRICED, Talk, talking, told_of_turns, up_with_model
from support.servers.ports import free_ports

SUM = Call("calculate", {"expression": "2 + 3"})
NONSENSE = Call("no_such_tool")
MODELS = {"ok": PRICED, "cost": PRICED, "failed": PRICED}
"""Of a session: the model that it asks for, where it is not the default one."""
ENDINGS = {
    "ok": ("answered", None),
    "fallback": ("answered", None),
    "gone": ("answered", None),
    "steps": ("failed", "limit-reached"),
    "tool_calls": ("failed", "limit-reached"),
    "tokens": ("failed", "limit-reached"),
    "seconds": ("failed", "limit-reached"),
    "cost": ("failed", "limit-reached"),
    "failed": ("failed", "model-unavailable"),
    "refused": ("failed", "model-refused"),
    "nonsense": ("failed", "model-misbehaved"),
    "cancelled": ("cancelled", "cancelled"),
    "interrupted": ("failed", "interrupted"),
}
WORDS = {
    "steps": "3 times",
    "tool_calls": "2 calls were made, and 1 more",
    "tokens": "90000 tokens are used",
    "seconds": "within 5 s",
    "cost": "USD are spent",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("limits")


@pytest.fixture(scope="module")
def turns(folder: Path) -> dict[str, dict[str, Any]]:
    """Turns that ended in every way, in a session each, by a process that has ended since."""
    (port,) = free_ports(1)
    limits = {
        "ROLLCALL_TURN_STEPS": "3",
        "ROLLCALL_TURN_TOOL_CALLS": "2",
        "ROLLCALL_TURN_TOKENS": "80000",
        "ROLLCALL_TURN_SECONDS": "5",
        "ROLLCALL_TURN_COST": "0.05",
        "ROLLCALL_MODEL_FALLBACK": "offline-planner",
    }
    with up_with_model(folder, port, **limits) as up:

        async def all_of_them() -> dict[str, dict[str, Any]]:
            async with talking(up, port) as talk:
                ended = await _ended(talk)
                # It is asked to end in the middle of this one.
                place = await _held(talk, "interrupted")
                ending = asyncio.create_task(asyncio.to_thread(up.end))
                ended["interrupted"] = {"turn_id": place.rpartition("/")[2]}
                assert await ending == 0
                return ended

        ended = asyncio.run(all_of_them())
        assert "Traceback" not in up.errors()
    return ended


async def _ended(talk: Talk) -> dict[str, dict[str, Any]]:
    script = talk.model.script
    ended: dict[str, dict[str, Any]] = {}

    async def one(session: str, *answers: Any) -> None:
        script.extend(answers)
        more = {"model": MODELS[session]} if session in MODELS else {}
        place = await talk.begin(session, **more)
        ended[session] = await talk.ended(place)
        assert script == [], session

    # First what needs least of the time that a turn has: clients are still being loaded.
    await one("refused", Fails(401))
    await one("ok", Says(SUM, used=Used(1000, 50, 200)), Says("It is 5.", used=Used(1200, 20)))
    await one("fallback", Fails(429, "Your account is empty.", "insufficient_quota"))
    await one("steps", Says(SUM), Says("Hm. ", NONSENSE), Says(SUM))
    await one("tool_calls", Says(SUM, SUM), Says(SUM))
    await one("tokens", Says(SUM, used=Used(89_000, 1000)))
    await one("seconds", Says("It takes", asyncio.Event()))
    await one("cost", Says(SUM, used=Used(30_000, 10)))
    await one("failed", Says(SUM, used=Used(1000, 50)), Says("It", Cut()), Says("It", Cut()))
    await one("nonsense", Says(finish="length", used=Used(10, 300)))
    ended["gone"] = await _left_alone(talk, "gone")
    place = await _held(talk, "cancelled")
    called_off = await talk.client.post(f"{place}/cancel")
    ended["cancelled"] = called_off.json()
    return ended


async def _left_alone(talk: Talk, session: str) -> dict[str, Any]:
    """A turn whose only listener went away in its middle."""
    more = asyncio.Event()
    talk.model.script.append(Says("Wait", more, " for it.", used=Used(70, 7)))
    async with talk.streaming(session, "Go on") as stream:
        (accepted, *_) = await stream.take(3)
    more.set()
    return await talk.ended(f"/api/v1/sessions/{session}/turns/{accepted.data['turn_id']}")


async def _held(talk: Talk, session: str) -> str:
    """The path of a turn in the middle of which the model is."""
    before = len(talk.model.requests)
    talk.model.script.append(Says("Wait", asyncio.Event()))
    place = await talk.begin(session)
    await talk.model.asked(before + 1)
    return place


@pytest.fixture(scope="module")
def told(turns: dict[str, Any], folder: Path) -> dict[str, list[Event]]:
    """The events of each turn."""
    assert turns
    return told_of_turns(f"sqlite:///{folder}/data/services.db")


@pytest.mark.parametrize("session", [one for one in ENDINGS if one != "interrupted"])
def test_a_turn_ends_as_it_should(turns: dict[str, Any], session: str) -> None:
    turn = turns[session]

    assert (turn["status"], turn["error_type"]) == ENDINGS[session]
    assert WORDS.get(session, "") in (turn["error"] or "")


def test_a_limit_of_cost_counts_what_is_on_the_price_list(turns: dict[str, Any]) -> None:
    assert Decimal(turns["cost"]["usage"]["cost"]) > Decimal("0.05")
    assert turns["steps"]["usage"]["cost"] is None


def test_every_ended_turn_is_told_of_once_with_what_it_used(
    turns: dict[str, Any], told: Mapping[str, list[Event]]
) -> None:
    assert set(told) == {turn["turn_id"] for turn in turns.values()}
    for session, turn in turns.items():
        status, error_type = ENDINGS[session]
        # What billing makes of it comes after that.
        ending, *used = [one for one in told[turn["turn_id"]] if one.type != "usage.charged"]
        answered = status == "answered"
        assert ending.type == ("conversation.completed" if answered else "conversation.failed")
        assert ending.data.get("error_type") == error_type
        assert ending.subject == ending.data["session_id"] == session
        assert [one.type for one in used] == ["usage.recorded"]
        if session == "interrupted":
            assert used[0].data["estimated"]
            continue
        for name, value in turn["usage"].items():
            key = "model_used" if name == "model" else name
            assert used[0].data[key] == value, (session, name)
        whole = turn["usage"]["input_tokens"] + turn["usage"]["output_tokens"]
        assert used[0].data["tokens_used"] == ending.data["tokens_used"] == whole


@pytest.mark.parametrize(
    ("session", "requests"),
    [("ok", [(1000, 50, 200), (1200, 20, 0)]), ("cost", [(30_000, 10, 0)])],
)
def test_a_turn_costs_what_the_price_list_says_of_its_requests(
    turns: dict[str, Any],
    told: Mapping[str, list[Event]],
    session: str,
    requests: list[tuple[int, int, int]],
) -> None:
    prices = [
        calc_price(
            Usage(input_tokens=read, output_tokens=written, cache_read_tokens=cached),
            "gpt-4o",
            provider_id="openai",
        ).total_price
        for read, written, cached in requests
    ]
    used = told[turns[session]["turn_id"]][1].data

    assert Decimal(used["cost"]) == sum(prices) > 0
    assert used["input_tokens"] == sum(read for read, _, _ in requests)
    assert (used["currency"], used["requests"]) == ("USD", len(requests))


def test_a_fallback_answers_where_the_model_does_not(turns: dict[str, Any]) -> None:
    turn = turns["fallback"]

    assert "5" in turn["response"]
    assert turn["tools_used"][0]["outcome"] == "ok"
    assert (turn["usage"]["model"], turn["usage"]["cost"]) == ("offline-planner", None)


def test_what_was_turned_away_used_nothing(turns: dict[str, Any]) -> None:
    usage = turns["refused"]["usage"]

    assert (usage["input_tokens"], usage["output_tokens"], usage["requests"]) == (0, 0, 0)


def test_what_broke_off_is_counted_with_what_was_told_before(turns: dict[str, Any]) -> None:
    usage = turns["failed"]["usage"]

    assert usage["requests"] == 3
    assert usage["estimated"]
    assert usage["input_tokens"] > 1000
    assert turns["failed"]["tools_used"][0]["outcome"] == "ok"
