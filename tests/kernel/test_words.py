# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.kernel.words import LONGEST, MOST, fold, folded, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Invoice No. 4711, late!", "invoice no 4711 late"),
        ("e-mail snake_case 10.5 don't", "e mail snake case 10 5 don t"),
        ("Caf\u00e9 Cafe\u0301 CAFE", "cafe cafe cafe"),
        ("Z\u00fcrich STRASSE Stra\u00dfe", "zurich strasse strasse"),
        ("\ufb01ne \uff21\uff22\uff11 x\u00b2", "fine ab1 x2"),
        ("\u0130stanbul", "istanbul"),
        (
            "\u039f\u03b4\u03c5\u03c3\u03c3\u03ad\u03b1\u03c2",
            "\u03bf\u03b4\u03c5\u03c3\u03c3\u03b5\u03b1\u03c3",
        ),
        ("\u05e9\u05b8\u05c1\u05dc\u05d5\u05b9\u05dd", "\u05e9\u05dc\u05d5\u05dd"),
        ("\u0939\u093f\u0928\u094d\u0926\u0940", "\u0939\u093f\u0928\u094d\u0926\u0940"),
        ("\u4f1a\u8baemeeting\u4e2d", "\u4f1a \u8bae meeting \u4e2d"),
        ("\u304b\u3099 \u304c", "\u304c \u304c"),
        ("\ud55c\uad6d\uc5b4", "\ud55c\uad6d\uc5b4"),
        ("\N{ROCKET}\u2014!? \0 \u0301", ""),
    ],
)
def test_words_are_compared_in_their_folded_form(text: str, expected: str) -> None:
    assert folded(text) == expected


@given(st.text())
def test_words_stand_where_they_say_and_mean_nothing_to_an_engine(text: str) -> None:
    end = 0
    for word in words(text):
        assert end <= word.start < word.end <= len(text)
        end = word.end
        assert 1 <= len(word.folded) <= LONGEST
        # Whatever may have a meaning in a query, or split words, is ASCII or white space.
        assert all(
            char.isdigit() or char.islower() if char.isascii() else not char.isspace()
            for char in word.folded
        )
        assert fold(text[word.start : word.end]) == word.folded


@given(st.text(max_size=40))
def test_folding_twice_is_folding_once(text: str) -> None:
    once = fold(text)
    assert fold(once) == once
    assert folded(folded(text)) == folded(text)


@given(st.text(max_size=30), st.text(max_size=30))
def test_what_stands_apart_has_nothing_to_do_with_its_neighbours(one: str, other: str) -> None:
    apart = " ".join(part for part in (folded(one), folded(other)) if part)
    assert folded(f"{one} | {other}") == apart


def test_no_message_folds_out_to_more_than_it_may() -> None:
    grows = "\ufdfa " * 50_000
    assert MOST - 40 < len(folded(grows)) <= MOST
