import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.conversations.planner.reading import Span
from rollcall.conversations.planner.subjects import (
    blanked,
    ends,
    items,
    narrowed,
    place,
    subject,
)
from rollcall.conversations.planner.words import stems

EXPLAINED = stems(["search", "earlier", "messages", "notes", "define"])


@pytest.mark.parametrize(
    ("text", "about"),
    [
        ("search my earlier messages for invoices", "invoices"),
        ("search in earlier messages for the delivery date", "delivery date"),
        ("what did I say about the budget?", "budget"),
        ("define entropy", "entropy"),
        ("notes: tax return", "tax return"),
        ("what does serendipity mean?", "serendipity"),
        ("notes mentioning blue folders please", "blue folders"),
        ("what I wrote about lighthouses in my earlier messages", "lighthouses"),
        ("news about cars? show me the news", "cars"),
        ("search for the word umbrella", "umbrella"),
    ],
)
def test_the_frame_of_a_request_is_taken_away(text: str, about: str) -> None:
    found = subject(text, EXPLAINED, query=True)
    assert found is not None
    assert found.value == about
    assert text[found.start : found.end] == about


def test_a_text_of_its_own_keeps_its_small_words() -> None:
    found = subject("define where is the station", EXPLAINED, query=False)
    assert found is not None
    assert found.value == "where is the station"


def test_what_is_used_is_no_subject() -> None:
    text = blanked("define entropy", [(7, 14)])
    assert subject(text, EXPLAINED, query=True) is None


def test_a_name_stands_behind_its_last_preposition() -> None:
    span = Span(0, 29, "error logs of payment service")
    assert narrowed(span, {"service"}) == Span(14, 21, "payment")


def test_a_place_is_a_name_or_stands_behind_a_preposition() -> None:
    assert place("rain in oslo tomorrow", []) == Span(8, 12, "oslo")
    assert place("Ada asks for rain in Oslo", [Span(21, 25, "Oslo")]) == Span(21, 25, "Oslo")
    assert place("turn on the lights in the kitchen", []) is None


def test_a_journey_has_two_ends() -> None:
    found = ends("from the station to the zoo by bus")
    assert found is not None
    assert [span.value for span in found] == ["the station", "the zoo"]


def test_things_that_are_counted_up_are_told_apart() -> None:
    assert items(Span(0, 0, "eggs, rice and peas")) == ["eggs", "rice", "peas"]


@given(st.text(max_size=100), st.booleans())
def test_any_text_has_a_subject_within_it_or_none(text: str, query: bool) -> None:
    found = subject(text, EXPLAINED, query=query)
    if found is not None:
        assert text[found.start : found.end].strip() == found.value
    place(text, [])
    ends(text)
