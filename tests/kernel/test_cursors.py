from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.kernel.cursors import cursor_of, place_at
from rollcall.kernel.errors import InvalidInput

decode = msgspec.json.Decoder(tuple[float, str]).decode


@given(st.floats(allow_nan=False, allow_infinity=False), st.text())
def test_a_place_is_read_back_from_its_word(at: float, key: str) -> None:
    word = cursor_of((at, key))
    assert place_at(word, decode) == (at, key)
    assert word.replace("-", "").replace("_", "").isalnum()


@given(st.text() | st.binary().map(lambda raw: cursor_of(raw.decode("latin-1"))))
def test_any_other_word_is_refused_and_nothing_else_happens(word: str) -> None:
    with pytest.raises(InvalidInput, match="must be taken from the Link"):
        place_at(word, decode)


def test_whoever_gives_words_of_another_name_says_so() -> None:
    with pytest.raises(InvalidInput, match="must be the next_cursor"):
        place_at("x", decode, "must be the next_cursor of an answer before")
