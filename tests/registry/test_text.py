# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollcall.registry.text import TextIndex, fold, pieces, whole, words

alphabet = "abcC+#/-_ .\n\u00a0\u0130\ufb01\u00df\u0301\u0915\u093f\U0001f389\u5b57\u0345\u1fb3"
texts = st.one_of(st.text(alphabet, max_size=12), st.text(max_size=12))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Code  Generation\n", "code generation"),
        ("STRASSE", "strasse"),
        ("Straße", "strasse"),
        ("\ufb01le", "file"),
        ("\uff30\uff59thon", "python"),
        ("İstanbul", "i\u0307stanbul"),
        ("\u00a0a\u00a0b\u3000", "a b"),
        ("", ""),
    ],
)
def test_folding_takes_away_case_width_ligatures_and_white_space(text: str, expected: str) -> None:
    assert fold(text) == expected


@given(texts)
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(texts)
def test_folded_text_has_no_white_space_but_single_spaces(text: str) -> None:
    assert fold(text).split(" ") == (fold(text).split() or [""])


@given(st.text(max_size=200))
def test_upper_case_and_lower_case_ascii_fold_alike(text: str) -> None:
    plain = text.encode("ascii", "ignore").decode()
    assert fold(plain.upper()) == fold(plain.lower())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("code-review, fast", ["code", "review", "fast"]),
        ("c++ and c# and c", ["c++", "and", "c#", "and", "c"]),
        ("ci/cd", ["ci", "cd"]),
        ("unit_test", ["unit_test"]),
        ("-> ++ #", []),
        ("i\u0307stanbul", ["i\u0307stanbul"]),
        ("\u0939\u093f\u0928\u094d\u0926\u0940", ["\u0939\u093f\u0928\u094d\u0926\u0940"]),
    ],
)
def test_words_are_runs_of_letters_with_the_signs_that_belong_to_names(
    text: str, expected: list[str]
) -> None:
    assert words(text) == expected


@given(texts, texts)
def test_a_word_stands_whole_in_a_text_just_where_it_is_one_of_its_words(
    one: str, other: str
) -> None:
    text = fold(one + " " + other)
    for word in words(fold(one)):
        places = [at for at in range(len(text)) if text.startswith(word, at)]
        assert (word in words(text)) == any(whole(text, at, at + len(word)) for at in places)


@given(texts, st.data())
def test_every_piece_of_a_part_of_a_text_stands_in_one_of_its_chunks(
    one: str, data: st.DataObject
) -> None:
    text = fold(one)
    start = data.draw(st.integers(0, len(text)))
    part = fold(text[start : data.draw(st.integers(start, len(text)))])
    if part and part in text:
        for piece in pieces(part):
            assert any(piece in chunk for chunk in text.split(" "))


@settings(max_examples=200)
@given(st.lists(texts.map(fold), max_size=10), texts.map(fold), st.data())
def test_narrowing_loses_no_text_that_contains_the_query(
    stored: list[str], extra: str, data: st.DataObject
) -> None:
    index: TextIndex[int] = TextIndex()
    for number, text in enumerate(stored):
        index.add(number, [text], ["all"])
    query = fold(data.draw(st.sampled_from([extra, *(t[1:6] for t in stored)])))
    if query:
        terms, size = index.narrow(pieces(query))
        found = list(index.items(terms))
        assert len(set(found)) == len(found) <= size
        assert {n for n, text in enumerate(stored) if query in text} <= set(found)


def test_an_item_is_found_by_its_label() -> None:
    index: TextIndex[str] = TextIndex()
    index.add("one", ["some text"], ["label"])
    index.add("two", ["label"])
    assert list(index.labelled("label")) == ["one"]
    assert list(index.labelled("other")) == []


def test_an_item_without_text_or_label_is_refused() -> None:
    with pytest.raises(ValueError, match="text or a label"):
        TextIndex[str]().add("one", ["", ""])


@given(st.lists(st.tuples(st.lists(texts.map(fold), max_size=3), st.booleans()), max_size=12))
def test_nothing_is_left_when_all_items_are_gone(
    items: list[tuple[list[str], bool]],
) -> None:
    index: TextIndex[str] = TextIndex()
    numbers: list[int] = []
    for held, early in items:
        number = index.add("item", held, ["label"])
        if early:
            index.remove(number)
        else:
            numbers.append(number)
    assert len(index) == len(numbers)
    for number in numbers:
        index.remove(number)
    assert (len(index), index.size) == (0, 0)


def test_a_rare_word_costs_the_same_among_few_and_among_many_texts() -> None:
    costs: list[int] = []
    for count in (100, 10_000):
        index: TextIndex[int] = TextIndex()
        for number in range(count):
            index.add(number, [f"common words {number % 50}"])
        index.add(-1, ["a zebra among common words"])
        before = index.steps
        terms, size = index.narrow(pieces("common zebra words"))
        costs.append(index.steps - before)
        assert size == 1
        assert list(index.items(terms)) == [-1]
    assert costs[0] == costs[1] < 10
