# SPDX-License-Identifier: Apache-2.0
"""The twelve trades that ship with Rollcall: whole, within their limits, and no two alike."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest
import yaml

ICONS = {
    "healthcare": "stethoscope",
    "retail": "shopping-cart",
    "finance": "university",
    "realestate": "home",
    "technology": "laptop",
    "education": "graduation-cap",
    "hospitality": "plane",
    "legal": "gavel",
    "automotive": "car",
    "consulting": "briefcase",
    "fitness": "dumbbell",
    "food": "utensils",
}
KEYS = (
    "label",
    "icon",
    "summary",
    "role",
    "helps_with",
    "asks_for",
    "rules",
    "never",
    "hand_over",
    "tone",
    "examples",
    "greeting",
)
COUNTS = {
    "helps_with": range(6, 11),
    "asks_for": range(4, 9),
    "rules": range(6, 11),
    "never": range(5, 10),
    "hand_over": range(4, 9),
    "examples": range(3, 4),
}
LENGTHS = {
    "label": range(4, 31),
    "summary": range(60, 161),
    "role": range(250, 501),
    "tone": range(40, 161),
    "greeting": range(60, 141),
}
VARIABLES = {"business_name", "business_description", "business_domain"}
LONG = 60
"""Characters from which a sentence belongs to one trade alone."""
MONEY_OR_HOURS = re.compile(
    r"[$€£¥]|\b\d{1,2}:\d\d\b|\b24/7\b|\bopen (?:from|until|daily)\b", re.IGNORECASE
)
DONE = re.compile(
    r"\b(?:is|are|has been|have been|I've|I have) "
    r"(?:now )?(?:booked|reserved|confirmed|refunded|paid|cancelled for you|scheduled)\b",
    re.IGNORECASE,
)

FOLDER = files("rollcall.agents") / "library" / "industries"
TEXTS = {
    one.name.removesuffix(".yaml"): one.read_text(encoding="utf-8")
    for one in FOLDER.iterdir()
    if one.name.endswith(".yaml")
}
TRADES: dict[str, dict[str, Any]] = {key: yaml.safe_load(text) for key, text in TEXTS.items()}

each = pytest.mark.parametrize("key", sorted(ICONS))


def strings(value: object) -> Iterator[str]:
    """Every text in a file, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from strings(one)
    elif isinstance(value, list):
        for one in value:
            yield from strings(one)
    else:
        pytest.fail(f"not a text: {value!r}")


def sentences(text: str) -> Iterator[str]:
    """The sentences of a text, in small letters and single blanks."""
    for one in re.split(r"(?<=[.!?;])\s+", text):
        yield " ".join(one.lower().split())


def shared(trades: dict[str, dict[str, Any]]) -> dict[str, set[str]]:
    """The long sentences that stand in more than one trade, and in which."""
    where: dict[str, set[str]] = defaultdict(set)
    for key, trade in trades.items():
        for text in strings(trade):
            for sentence in sentences(text):
                if len(sentence) > LONG:
                    where[sentence].add(key)
    return {sentence: keys for sentence, keys in where.items() if len(keys) > 1}


def test_there_are_the_twelve_trades_of_the_document() -> None:
    assert set(TRADES) == set(ICONS)


@each
def test_a_trade_has_its_keys_in_order_and_its_icon(key: str) -> None:
    assert tuple(TRADES[key]) == KEYS
    assert TRADES[key]["icon"] == ICONS[key]


@each
def test_a_trade_says_enough_and_not_too_much(key: str) -> None:
    trade = TRADES[key]
    for name, allowed in COUNTS.items():
        assert len(trade[name]) in allowed, name
        assert len({repr(one) for one in trade[name]}) == len(trade[name]), name
    for name, allowed in LENGTHS.items():
        assert len(trade[name]) in allowed, (name, len(trade[name]))
    for name in ("helps_with", "asks_for", "rules", "never", "hand_over"):
        assert all(20 <= len(one) <= 320 for one in trade[name]), name
    for one in trade["examples"]:
        assert set(one) == {"visitor", "agent"}
        assert 20 <= len(one["visitor"]) <= 240
        assert 150 <= len(one["agent"]) <= 400
        # As an answer in a small window should be.
        assert len(re.findall(r"[.!?](?= |$)", one["agent"])) <= 5
        assert one["agent"].count("?") <= 2


@each
def test_a_trade_uses_the_variables_that_there_are_and_begins_with_the_name(key: str) -> None:
    text = "\n".join(strings(TRADES[key]))
    places = re.findall(r"\{\{(.*?)\}\}", text)
    assert set(places) <= VARIABLES
    assert text.count("{") == text.count("}") == 2 * len(places)
    assert TRADES[key]["role"].startswith("You answer for {{business_name}}")
    assert "{{business_name}}" in TRADES[key]["greeting"]


@each
def test_an_agent_of_a_trade_says_that_it_is_an_assistant_and_knows_the_way_in_an_emergency(
    key: str,
) -> None:
    trade = TRADES[key]
    assert "You are an AI assistant" in trade["role"]
    assert re.search(r"local\s+emergency\s+number", trade["hand_over"][0])


@each
def test_a_trade_states_no_hours_and_prices_and_reports_nothing_as_done(key: str) -> None:
    for text in strings(TRADES[key]):
        assert not MONEY_OR_HOURS.search(text), text
    for one in TRADES[key]["examples"]:
        assert not DONE.search(one["agent"]), one["agent"]


@each
def test_a_trade_is_written_in_whole_sentences_without_stray_marks(key: str) -> None:
    trade = TRADES[key]
    for name in ("summary", "role", "tone"):
        assert trade[name].endswith("."), name
    for one in trade["examples"]:
        assert one["agent"][-1] in ".?!"
    for text in strings(trade):
        assert text == text.strip()
        assert "\n" not in text
        assert "  " not in text
    assert max(map(len, TEXTS[key].splitlines())) <= 100


def test_no_two_trades_share_a_long_sentence() -> None:
    assert shared(TRADES) == {}


def test_a_shared_sentence_would_be_found() -> None:
    sentence = "Please never send the number of a card, for nobody here has any need of it."
    trades = {
        "one": {"rules": [f"A rule. {sentence}"]},
        "two": {"examples": [{"agent": sentence.upper()}]},
        "three": {"tone": "Short enough to be alike."},
        "four": {"tone": "Short enough to be alike."},
    }
    assert shared(trades) == {sentence.lower(): {"one", "two"}}


def test_a_promise_and_a_price_would_be_found() -> None:
    assert DONE.search("Your table has been reserved.")
    assert DONE.search("I've booked it.")
    assert MONEY_OR_HOURS.search("That costs $20.")
    assert MONEY_OR_HOURS.search("We are open until late.")
