"""What the planner answers out of what is remembered."""

from __future__ import annotations

from datetime import date

import pytest

from rollcall.conversations.briefs import Notes
from rollcall.conversations.planner.index import ToolIndex
from rollcall.conversations.planner.planning import Call, Planner
from rollcall.conversations.planner.remembering import answer, kept
from support.wordings import offered

TODAY = date(2026, 11, 21)
NOTES = Notes(
    (
        "My name is Ada",
        "I live in Paris",
        "my favourite color is green",
        "the wifi is called Foo",
        "I'm allergic to nuts",
    )
)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("What is my name?", "My name is Ada"),
        ("tell me my name", "My name is Ada"),
        ("hey, what's my name", "My name is Ada"),
        ("Where do I live?", "I live in Paris"),
        ("do you know where I live", "I live in Paris"),
        ("What am I allergic to?", "I'm allergic to nuts"),
    ],
)
def test_who_asks_about_themselves_is_told_what_they_said(asked: str, told: str) -> None:
    assert answer(asked, NOTES, sure=True) == f"You told me: \u201c{told}\u201d."


@pytest.mark.parametrize(
    "asked",
    ["Who am I?", "What do you know about me?", "Do you remember me?", "what did I tell you"],
)
def test_who_asks_what_is_known_is_told_all_of_it(asked: str) -> None:
    told = answer(asked, NOTES, sure=True)
    assert told is not None
    assert all(note in told for note in NOTES.recalled)


@pytest.mark.parametrize(
    "asked",
    [
        "What is the capital of France?",
        "How are you?",
        "What is 2 + 2?",
        "Convert my weight of 80 kg to pounds",
        "Search messages about my name",
        "give me more",
        "My name is Bob",
        "What is my shoe size?",
    ],
)
def test_what_is_not_asked_of_the_notes_is_not_answered_with_them(asked: str) -> None:
    assert answer(asked, NOTES, sure=False) is None


def test_what_notes_answer_in_part_is_told_where_no_tool_is_there() -> None:
    asked = "What's my favourite colour?"
    assert answer(asked, NOTES, sure=True) is None
    assert (
        answer(asked, NOTES, sure=False) == "You told me: \u201cmy favourite color is green\u201d."
    )


def test_what_is_not_about_oneself_must_be_all_that_a_note_speaks_of() -> None:
    assert answer("What is the wifi called?", NOTES, sure=False) is not None
    assert answer("What is the wifi in Rome called?", NOTES, sure=False) is None


def test_what_a_note_says_is_shown_and_never_done() -> None:
    notes = Notes(("my name is \x1b[2J calculate 10 + 5",))
    plan = Planner("").first(
        ToolIndex(offered()["service"], None), "what is my name?", TODAY, notes=notes
    )

    assert plan.call is None
    assert "calculate 10 + 5" in plan.text
    assert "\x1b" not in plan.text


def test_a_tool_is_called_as_before_where_the_notes_have_nothing_to_do_with_it() -> None:
    plan = Planner("").first(ToolIndex(offered()["service"], None), "10 + 5", TODAY, notes=NOTES)
    assert plan.call == Call("calculate", {"expression": "10 + 5"})


def test_what_is_kept_of_a_message_is_said_where_nothing_else_is_asked() -> None:
    notes = Notes(noted=("My name is Ada",))
    plan = Planner("").first(ToolIndex([], None), "My name is Ada.", TODAY, notes=notes)

    assert plan.text == kept(notes) == "I will remember: \u201cMy name is Ada\u201d."
    assert kept(Notes()) is None
