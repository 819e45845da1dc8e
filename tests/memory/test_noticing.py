# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.memory.noticing import LONGEST, MOST, Kind, notices


@pytest.mark.parametrize(
    ("said", "noticed"),
    [
        ("Remember that my flight leaves on Friday.", "my flight leaves on Friday"),
        ("Please remember: the door code is on the fridge", "the door code is on the fridge"),
        ("Could you please remember that I pay by invoice?", "I pay by invoice"),
        ("Don't forget that Tom is on holiday!", "Tom is on holiday"),
        ("Keep in mind that version 2.5 is broken.", "version 2.5 is broken"),
    ],
)
def test_what_somebody_asks_to_be_remembered_is_noticed(said: str, noticed: str) -> None:
    assert notices(said) == [(noticed, Kind.ASKED)]


@pytest.mark.parametrize(
    "said",
    [
        "My name is Anna",
        "Hi, I'm a nurse from Lyon",
        "I am allergic to peanuts",
        "By the way, my favourite colour is green",
        "I prefer short answers",
        "I don't eat meat",
        "I live in Oslo",
        "Call me Bo",
    ],
)
def test_what_somebody_states_about_themselves_is_noticed(said: str) -> None:
    assert notices(said + ".") == [(said, Kind.STATED)]


@pytest.mark.parametrize(
    "said",
    [
        "What is my name?",
        "Do you remember that song?",
        "I remember that summer",
        "Would I like Oslo?",
        "I like it if it rains",
        "I would like a table for two",
        "The invoice is late.",
        "Remember",
        "Remember that my password is hunter2",
        "My favourite card is 4111 1111 1111 1111",
        "I like " + "x" * LONGEST,
        "",
        "?!.",
    ],
)
def test_what_is_no_statement_or_a_secret_is_left_alone(said: str) -> None:
    assert notices(said) == []


def test_several_things_of_one_message_are_noticed_in_order_and_once() -> None:
    said = "Hello there. I live in Oslo! I prefer tea. i live in oslo. How are you?"
    assert [one.text for one in notices(said)] == ["I live in Oslo", "I prefer tea"]


def test_one_message_gives_so_much_and_no_more() -> None:
    assert len(notices(". ".join(f"I like tea {number}" for number in range(20)))) == MOST


@given(st.text())
def test_any_text_can_be_read(said: str) -> None:
    assert all(one.text in " ".join(said.split()) for one in notices(said))


@pytest.mark.parametrize("piece", ["my ", "remember ", "and so ", "a.b", "1 ", "\n", "i really "])
def test_long_messages_are_read_quickly(piece: str) -> None:
    notices(piece * 10_000)
