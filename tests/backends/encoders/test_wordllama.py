"""The real model: what it finds, and that it troubles nobody."""

from __future__ import annotations

import logging
import runpy
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rollcall.backends.encoders.wordllama import WordLlamaEncoder
from rollcall.kernel.errors import MissingExtra
from rollcall.registry.meaning import FLOOR, MeaningIndex, Phrase

MEASURE = Path(__file__).parents[3] / "bench" / "meaning" / "measure.py"


@pytest.fixture(scope="module")
def encoder() -> WordLlamaEncoder:
    return WordLlamaEncoder()


@pytest.fixture(scope="module")
def bench() -> dict[str, Any]:
    return runpy.run_path(str(MEASURE))


@pytest.fixture
def index(encoder: WordLlamaEncoder) -> MeaningIndex:
    index = MeaningIndex(encoder)
    index.add(
        [
            Phrase(1, "code generation"),
            Phrase(2, "data analysis"),
            Phrase(3, "content writing"),
            Phrase(4, "flight booking"),
        ]
    )
    return index


def test_writing_python_code_is_code_generation(index: MeaningIndex) -> None:
    hit = index.search("write python code", 5)[0]
    assert hit.pid == 1
    assert hit.reason == f"is near in meaning to 'code generation' ({hit.score:.2f})"


@pytest.mark.parametrize("query", ["bake sourdough bread", "tune a violin", "java coffee brewing"])
def test_an_unrelated_query_finds_nothing(index: MeaningIndex, query: str) -> None:
    assert index.search(query, 5) == []


def test_vectors_have_length_one_and_keep_the_order_of_the_texts(encoder: WordLlamaEncoder) -> None:
    texts = ["a rather long text about the weather in autumn", "rain", "", "sunshine and wind"] * 99
    vectors = encoder.encode(texts)
    assert vectors.shape == (len(texts), encoder.dimension)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1.0, 1.0, 0.0, 1.0] * 99, abs=1e-5)
    assert vectors[1] == pytest.approx(encoder.encode(["rain"])[0], abs=1e-6)


def test_no_texts_give_no_vectors(encoder: WordLlamaEncoder) -> None:
    assert encoder.encode([]).shape == (0, encoder.dimension)


def test_threads_that_begin_together_get_the_same_vectors() -> None:
    encoder = WordLlamaEncoder()
    with ThreadPoolExecutor(4) as pool:
        first, *others = pool.map(encoder.encode, [["data analysis"]] * 8)
    assert all((other == first).all() for other in others)


def test_without_wordllama_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wordllama", None)
    with pytest.raises(MissingExtra, match=r"rollcall-ai\[semantic\]") as caught:
        WordLlamaEncoder().encode(["anything"])
    assert caught.value.extra == "semantic"


def test_loading_opens_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network was touched")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert WordLlamaEncoder().encode(["offline"]).any()


def test_importing_the_model_leaves_logging_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [one for one in sys.modules if one.split(".")[0] == "wordllama"]:
        monkeypatch.delitem(sys.modules, name)
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    # As in an application that has configured nothing yet: only then would the import do so.
    monkeypatch.setattr(root, "handlers", [])
    WordLlamaEncoder().encode(["quiet"])
    assert root.handlers == []
    assert root.level == before[1]


def test_the_labelled_set_is_large_and_without_repeats(bench: dict[str, Any]) -> None:
    phrases, tuning, held_out = bench["load"]()
    assert len(phrases) >= 150
    assert len({one.name for one in phrases}) == len(phrases)
    assert len(tuning.queries) + len(held_out.queries) >= 90
    assert len(tuning.negatives) + len(held_out.negatives) >= 30
    assert not tuning.answers.keys() & held_out.answers.keys()


def test_held_out_queries_fare_better_than_with_the_bare_model(
    encoder: WordLlamaEncoder, bench: dict[str, Any]
) -> None:
    phrases, tuning, held_out = bench["load"]()
    index = MeaningIndex(encoder)
    index.add(phrases)
    ours = bench["score"](
        lambda query: [(hit.pid, hit.score) for hit in index.search(query, 5)], held_out
    )
    names = bench["bare"](encoder, phrases, lambda one: one.name)
    bare = bench["score"](bench["above"](names, bench["best_floor"](names, tuning)), held_out)
    assert ours.recall_1 >= bare.recall_1 + 0.25
    assert ours.false_hits <= bare.false_hits
    assert ours.recall_5 >= 0.7
    assert ours.false_hits <= 0.25


def test_the_floor_is_what_the_rule_gives_on_the_tuning_half(
    encoder: WordLlamaEncoder, bench: dict[str, Any]
) -> None:
    phrases, tuning, _ = bench["load"]()
    index = MeaningIndex(encoder, floor=0.0)
    index.add(phrases)
    chosen = bench["best_floor"](
        lambda query: [(hit.pid, hit.score) for hit in index.search(query, 5)], tuning
    )
    assert chosen == FLOOR
