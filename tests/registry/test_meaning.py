"""Semantic search, with an encoder that knows words by their spelling and by a list of synonyms."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from rollcall.kernel.errors import InvalidInput
from rollcall.registry.meaning import (
    FLOOR,
    MeaningIndex,
    Phrase,
    VectorRows,
    Vectors,
    content_words,
    coverage,
    describe,
    select,
    soft_minimum,
)

SYNONYMS = {"write": "generation", "python": "code", "crops": "plants"}


class BagOfWords:
    """Each word has a direction of its own, synonyms share one; a text is the sum of its words."""

    name = "bag of words"
    dimension = 1024

    def __init__(self, before_encoding: Callable[[], None] = lambda: None) -> None:
        self.before_encoding = before_encoding
        self.encoded: list[str] = []

    def encode(self, texts: Sequence[str]) -> Vectors:
        self.before_encoding()
        self.encoded.extend(texts)
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        for row, text in enumerate(texts):
            for word in text.split():
                vectors[row] += direction(SYNONYMS.get(word, word))
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.divide(vectors, lengths, out=vectors, where=lengths > 0)


@functools.cache
def direction(word: str) -> Vectors:
    digest = hashlib.blake2b(word.encode(), digest_size=8).digest()
    drawn = np.random.default_rng(int.from_bytes(digest)).standard_normal(BagOfWords.dimension)
    return (drawn / np.linalg.norm(drawn)).astype(np.float32)


CODE = Phrase(1, "code generation", "Writes programs", ("software",))
WATER = Phrase(2, "irrigation planning", "Water for fields and plants")
CHESS = Phrase(3, "chess analysis", "", ("games",))


@pytest.fixture
def index() -> MeaningIndex:
    index = MeaningIndex(BagOfWords())
    index.add([CODE, WATER, CHESS])
    return index


def pids(index: MeaningIndex, query: str, limit: int = 10) -> list[int]:
    return [hit.pid for hit in index.search(query, limit)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Write me some Python code, please", ["write", "python", "code"]),
        ("unit_test-writing", ["unit", "test", "writing"]),
        ("dataCleaning", ["data", "cleaning"]),
        ("JavaScript, iOS and macOS", ["javascript", "ios", "macos"]),
        ("C++ or C#", ["c++", "c#"]),
        ("Übersetzung 翻訳", ["übersetzung", "翻訳"]),
        ("what can you do for me", ["what", "can", "you", "do", "for", "me"]),
        ("?!", []),
    ],
)
def test_content_words_are_what_carries_meaning(text: str, words: list[str]) -> None:
    assert content_words(text) == words


@given(st.text())
def test_any_text_has_a_bounded_number_of_bounded_words(text: str) -> None:
    words = content_words(text * 20)
    assert len(words) <= 64
    # Lower-casing may lengthen a character, never the word beyond its bound.
    assert all(0 < len(word) <= 64 for word in words)


@given(arrays(np.float32, (4, 7), elements=st.floats(-1, 1, width=32)))
def test_the_soft_minimum_lies_between_minimum_and_mean(values: Vectors) -> None:
    soft = soft_minimum(values)
    assert (soft >= values.min(axis=0) - 1e-5).all()
    assert (soft <= values.mean(axis=0) + 1e-5).all()


@given(arrays(np.float32, (3, 5), elements=st.floats(-1, 1, width=32)), st.integers(2, 5))
def test_the_soft_minimum_does_not_depend_on_how_often_all_is_repeated(
    values: Vectors, times: int
) -> None:
    repeated = np.tile(values, (times, 1))
    assert soft_minimum(repeated) == pytest.approx(soft_minimum(values), abs=1e-5)


def test_the_soft_minimum_survives_values_far_apart() -> None:
    assert soft_minimum(np.array([[1000.0], [-1000.0]]))[0] == pytest.approx(-1000, abs=0.1)


@given(st.lists(st.integers(1, 4), min_size=1, max_size=6), st.integers(1, 3), st.integers(0, 99))
def test_coverage_is_the_best_word_of_each_phrase(sizes: list[int], k: int, seed: int) -> None:
    similarities = np.random.default_rng(seed).random((k, sum(sizes)))
    starts = np.cumsum([0, *sizes[:-1]])
    naive = [
        [max(row[start : start + size]) for start, size in zip(starts, sizes, strict=True)]
        for row in similarities
    ]
    assert coverage(similarities, starts).tolist() == naive


scores = arrays(np.float32, st.integers(0, 30), elements=st.floats(-1, 1, width=32))


@given(scores, st.integers(1, 10), st.floats(0.01, 1), st.floats(0, 1))
def test_select_is_the_sorted_list_cut_at_both_thresholds(
    values: Vectors, limit: int, floor: float, relative: float
) -> None:
    best = max(values.tolist(), default=0.0)
    least = np.float32(max(floor, relative * best))
    expected = [
        at
        for at in sorted(range(len(values)), key=lambda at: (-values[at], at))
        if values[at] >= least
    ]
    assert select(values, limit, floor, relative) == expected[:limit]


def test_a_hit_far_below_the_best_is_left_out() -> None:
    assert select(np.array([0.9, 0.65, 0.5]), 10, floor=0.25) == [0, 1]


class RowsMachine(RuleBasedStateMachine):
    """`VectorRows` against a dict."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: VectorRows[int] = VectorRows(2)
        self.model: dict[int, float] = {}

    @rule(key=st.integers(0, 60), value=st.floats(-1, 1, width=32))
    def put(self, key: int, value: float) -> None:
        self.rows.put(key, np.full(2, value, np.float32))
        self.model[key] = value

    @rule(keys=st.lists(st.integers(0, 200), min_size=30, max_size=80, unique=True))
    def put_many(self, keys: list[int]) -> None:
        for key in keys:
            self.put(key, 0.5)

    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        for _ in range(data.draw(st.integers(0, len(self.model)))):
            key = data.draw(st.sampled_from(sorted(self.model)))
            del self.model[key]
            self.rows.remove(key)

    @rule()
    def removing_what_is_not_there_is_an_error(self) -> None:
        with pytest.raises(KeyError):
            self.rows.remove(-1)

    @invariant()
    def holds_the_same(self) -> None:
        assert len(self.rows) == len(self.model)
        assert set(self.rows.keys) == self.model.keys()
        for key, value in self.model.items():
            assert key in self.rows
            assert self.rows.vectors[self.rows.rows([key])[0]].tolist() == [value, value]

    @invariant()
    def keeps_memory_for_four_times_as_many_at_most(self) -> None:
        assert len(self.model) <= self.rows.capacity <= max(16, 4 * len(self.model) + 3)


TestRows = RowsMachine.TestCase
TestRows.settings = settings(max_examples=20, stateful_step_count=15)


def test_other_words_of_the_same_meaning_find_a_phrase(index: MeaningIndex) -> None:
    assert pids(index, "write python") == [CODE.pid]


def test_a_query_that_means_nothing_here_finds_nothing(index: MeaningIndex) -> None:
    assert pids(index, "bake sourdough bread") == []


def test_one_word_in_common_is_not_enough_when_the_others_are_met_by_nothing(
    index: MeaningIndex,
) -> None:
    assert pids(index, "code") == [CODE.pid]
    assert pids(index, "code cake") == []


def test_description_and_tags_count_as_the_name_does(index: MeaningIndex) -> None:
    assert pids(index, "crops water") == [WATER.pid]
    assert pids(index, "games") == [CHESS.pid]


def test_a_hit_carries_its_score_and_a_reason(index: MeaningIndex) -> None:
    (hit,) = index.search("code generation", 1)
    assert FLOOR < hit.score <= 1
    assert hit.reason == f"means nearly the same as 'code generation' ({hit.score:.2f})"


@pytest.mark.parametrize(
    ("score", "reason"),
    [
        (0.5, "means nearly the same as 'map drawing' (0.50)"),
        (0.3, "is near in meaning to 'map drawing' (0.30)"),
    ],
)
def test_the_reason_tells_how_near_a_phrase_is(score: float, reason: str) -> None:
    assert describe("map drawing", score) == reason


def test_the_best_comes_first_and_the_limit_holds() -> None:
    index = MeaningIndex(BagOfWords())
    index.add([Phrase(1, "map drawing paper"), Phrase(2, "map drawing"), Phrase(3, "map paper")])
    assert pids(index, "map drawing") == [2, 1]
    assert pids(index, "map drawing", limit=1) == [2]


def test_a_phrase_beyond_the_shortlist_of_others_is_still_found() -> None:
    index = MeaningIndex(BagOfWords())
    index.add([Phrase(pid, f"skill{pid} number{pid}") for pid in range(500)])
    assert pids(index, "skill321 number321") == [321]
    assert len(pids(index, "skill321", limit=400)) == 1


def test_an_empty_index_finds_nothing() -> None:
    assert MeaningIndex(BagOfWords()).search("anything at all", 5) == []


@pytest.mark.parametrize("query", ["", "  ", "?!"])
def test_a_query_without_words_is_an_error(index: MeaningIndex, query: str) -> None:
    with pytest.raises(InvalidInput, match="query: holds no word"):
        index.search(query, 5)


def test_a_limit_below_one_is_an_error(index: MeaningIndex) -> None:
    with pytest.raises(InvalidInput, match="limit: is 0"):
        index.search("code", 0)


def test_missing_names_what_was_not_added_yet(index: MeaningIndex) -> None:
    assert index.missing([9, 1, 7, 3]) == [9, 7]


def test_a_phrase_is_encoded_once() -> None:
    encoder = BagOfWords()
    index = MeaningIndex(encoder)
    index.add([CODE, CODE])
    index.add([CODE])
    assert encoder.encoded.count("code generation writes programs software") == 1
    assert encoder.encoded.count("code") == 1


def test_a_removed_phrase_is_not_found_and_leaves_nothing(index: MeaningIndex) -> None:
    index.remove(CODE.pid)
    index.remove(CODE.pid)
    assert pids(index, "write python") == []
    assert index.missing([1, 2, 3]) == [1]
    assert len(index) == 2


def test_a_word_shared_by_two_phrases_outlives_one_of_them() -> None:
    index = MeaningIndex(BagOfWords())
    index.add([Phrase(1, "map drawing"), Phrase(2, "map reading")])
    index.remove(1)
    assert pids(index, "map reading") == [2]


def test_a_name_without_words_is_known_and_never_found(index: MeaningIndex) -> None:
    index.add([Phrase(4, "???")])
    assert index.missing([4]) == []
    assert pids(index, "code generation") == [CODE.pid]
    index.remove(4)
    assert index.missing([4]) == [4]


def test_phrases_that_left_give_their_memory_back() -> None:
    index = MeaningIndex(BagOfWords())
    index.add([Phrase(pid, f"skill{pid} number{pid}") for pid in range(100)])
    vectors = 100 + 200
    size = 4 * BagOfWords.dimension
    assert vectors * size <= index.memory <= 2 * vectors * size
    index.retain([])
    assert index.memory <= 8 * size


def test_retain_forgets_all_others(index: MeaningIndex) -> None:
    index.retain({CHESS.pid, 99})
    assert index.missing([1, 2, 3]) == [1, 2]
    assert pids(index, "chess analysis") == [CHESS.pid]


def test_a_phrase_that_left_while_it_was_encoded_goes_with_the_next_retain() -> None:
    encoder = BagOfWords()
    index = MeaningIndex(encoder)
    encoder.before_encoding = lambda: index.remove(CODE.pid)
    index.add([CODE, WATER])
    index.retain({WATER.pid})
    assert pids(index, "code generation") == []
    assert pids(index, "irrigation planning") == [WATER.pid]


def test_a_phrase_whose_words_left_while_it_was_encoded_stays_missing_until_added_again() -> None:
    encoder = BagOfWords()
    index = MeaningIndex(encoder)
    index.add([Phrase(1, "map drawing")])
    encoder.before_encoding = lambda: index.remove(1)
    index.add([Phrase(2, "map reading")])
    assert index.missing([1, 2]) == [1, 2]
    index.add([Phrase(2, "map reading")])
    assert pids(index, "map reading") == [2]


def test_two_threads_that_add_the_same_phrase_add_it_once() -> None:
    encoder = BagOfWords()
    index = MeaningIndex(encoder)
    begun: list[bool] = []

    def meanwhile() -> None:
        if not begun:
            begun.append(True)
            index.add([CODE])

    encoder.before_encoding = meanwhile
    index.add([CODE])
    assert len(index) == 1
    index.remove(CODE.pid)
    assert pids(index, "code generation") == []


class IndexMachine(RuleBasedStateMachine):
    """Whatever comes and goes: each phrase there finds itself, none that left is found."""

    def __init__(self) -> None:
        super().__init__()
        self.index = MeaningIndex(BagOfWords())
        self.alive: dict[int, str] = {}

    @rule(pid=st.integers(0, 30), shared=st.integers(0, 3))
    def add(self, pid: int, shared: int) -> None:
        name = self.alive.setdefault(pid, f"word{shared} own{pid}")
        self.index.add([Phrase(pid, name)])

    @rule(pid=st.integers(0, 30))
    def remove(self, pid: int) -> None:
        self.alive.pop(pid, None)
        self.index.remove(pid)

    @rule(kept=st.sets(st.integers(0, 30)))
    def retain(self, kept: set[int]) -> None:
        self.alive = {pid: name for pid, name in self.alive.items() if pid in kept}
        self.index.retain(kept)

    @invariant()
    def finds_itself_and_nothing_that_left(self) -> None:
        assert len(self.index) == len(self.alive)
        for pid, name in self.alive.items():
            hits = self.index.search(name, 31)
            assert hits[0].pid == pid
            assert hits[0].score == pytest.approx(1, abs=1e-5)
            assert {hit.pid for hit in hits} <= self.alive.keys()


TestIndex = IndexMachine.TestCase
TestIndex.settings = settings(max_examples=20, stateful_step_count=15)
