# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.word_query import parse
from rollcall.kernel.words import words
from rollcall.tools.messages.excerpts import LENGTH, excerpt


def marked(text: str, query: str, length: int = LENGTH) -> tuple[str, list[str]]:
    shown = excerpt(text, parse(query), length)
    return shown.text, [shown.text[start:end] for start, end in shown.highlights]


def test_a_short_message_is_shown_as_a_whole() -> None:
    text = "The caf\u00e9 <b>invoice</b>\nis late"
    assert marked(text, "CAFE invoi* -paid") == (text, ["caf\u00e9", "invoice"])


def test_a_phrase_is_marked_as_one() -> None:
    assert marked("the second, reminder", '"second reminder"')[1] == ["second, reminder"]


def test_words_that_overlap_are_marked_once() -> None:
    assert marked("an e-mail, mail", '"e mail" OR mail OR e*')[1] == ["e-mail", "mail"]


def test_of_a_long_message_the_part_with_most_of_the_words_is_shown() -> None:
    text = "invoice " + "and so on " * 100 + "the late invoice of March " + "and so on " * 100
    shown, marks = marked(text, "invoice march late")
    assert marks == ["late", "invoice", "March"]
    assert shown.startswith("\u2026")
    assert shown.endswith("\u2026")
    assert len(shown) <= LENGTH + 2


def test_an_excerpt_begins_and_ends_between_words() -> None:
    text = "lorem ipsum dolor " * 40 + "invoice " + "sit amet consectetur " * 40
    shown, _ = marked(text, "invoice")
    inside = shown.strip("\u2026")
    assert set(inside.split()) <= set(text.split())


def test_a_phrase_longer_than_an_excerpt_is_shown_as_far_as_it_fits() -> None:
    shown, marks = marked("x " * 50 + "late" + "!" * 400 + "invoice", '"late invoice"', 100)
    assert len(shown) <= 102
    assert len(marks) == 1
    assert marks[0].startswith("late!!")


@given(
    st.lists(
        st.sampled_from(["aa", "bb", "cc-aa", "\u00e4a", "\u672c", "x" * 30, "\n"]), max_size=60
    ),
    st.text(alphabet='ab \u00e4\u672c"-*O R', min_size=1, max_size=12),
    st.integers(10, 60),
)
def test_what_is_marked_is_what_was_looked_for(said: list[str], asked: str, length: int) -> None:
    text = " ".join(said)
    try:
        query = parse(asked)
    except InvalidInput:
        return
    shown = excerpt(text, query, length)
    assert shown.text.strip("\u2026") in text
    assert len(shown.text) <= length + 2
    end = 0
    terms = {term for clause in query.wanted for term in clause.terms}
    for start, stop in shown.highlights:
        assert end <= start < stop <= len(shown.text)
        end = stop
        for word in words(shown.text[start:stop]):
            assert any(
                term.startswith(word.folded) or word.folded.startswith(term) for term in terms
            )
