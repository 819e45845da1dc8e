from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.conversations.planner.followups import continued

TODAY = date(2026, 11, 21)


@pytest.mark.parametrize(
    ("text", "before", "whole"),
    [
        ("and of 25?", "the square root of 16", "the square root of 25"),
        ("what about 20?", "10 km in miles", "20 km in miles"),
        ("and in Paris?", "What's the weather in Oslo?", "What's the weather in Paris?"),
        ("and https://b.org/2", "read https://a.org/1", "read https://b.org/2"),
        ('and "green"', 'synonyms of "red"', 'synonyms of "green"'),
    ],
)
def test_a_short_question_goes_on_with_the_one_before(text: str, before: str, whole: str) -> None:
    assert continued(text, before, TODAY) == whole


@pytest.mark.parametrize(
    ("text", "before"),
    [
        ("the square root of 25", "the square root of 16"),
        ("and of 25?", "10 + 5"),
        ("and now for something completely different with 5 words and more", "5 km in miles"),
        ("and you?", "how are you"),
        ("and of 25?", ""),
    ],
)
def test_anything_else_stands_for_itself(text: str, before: str) -> None:
    assert continued(text, before, TODAY) is None


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_two_texts_are_read(text: str, before: str) -> None:
    continued(f"and {text}", before, TODAY)
