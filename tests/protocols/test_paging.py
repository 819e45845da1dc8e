from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.kernel.errors import InvalidInput
from rollcall.protocols.paging import cursor, parse_cursor

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(TEXT, TEXT)
def test_a_cursor_says_where_a_page_ended_in_url_safe_characters(name: str, key: str) -> None:
    word = cursor((name, key))
    assert re.fullmatch(r"[A-Za-z0-9_-]+", word)
    assert parse_cursor(word) == (name, key)


@pytest.mark.parametrize("word", ["", "a", "!", "WyJhIl0", "bnVsbA", "é", "WyJhIiwxXQ", "=" * 9])
def test_a_cursor_of_somebody_elses_is_refused(word: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_cursor(word)
    assert caught.value.field == "cursor"


@given(st.text(max_size=30))
def test_no_text_at_all_breaks_the_reading_of_cursors(word: str) -> None:
    try:
        parse_cursor(word)
    except InvalidInput:
        return
