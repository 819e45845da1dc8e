# SPDX-License-Identifier: Apache-2.0
"""Measures semantic search on the labelled set beside it, and prints one table.

    python bench/meaning/measure.py

The queries are split into a tuning half and a held-out half by a hash of their text, fixed before
anything was tuned. Every threshold is chosen on the tuning half, by the same rule for all: a right
answer missed costs as much as two hits for what nothing answers.
"""

from __future__ import annotations

import hashlib
import math
import platform
import random
import statistics
import time
import tomllib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rollcall.backends.encoders.wordllama import WordLlamaEncoder
from rollcall.registry.meaning import FLOOR, Encoder, MeaningIndex, Phrase, content_words

LABELLED = Path(__file__).with_name("labelled.toml")
DEPTH = 5
MANY = 20_000

Ranking = list[tuple[int, float]]
Method = Callable[[str], Ranking]


@dataclass(frozen=True)
class Labelled:
    """Queries with the phrases that answer them; none for those that nothing answers."""

    answers: dict[str, frozenset[int]]

    @property
    def queries(self) -> list[str]:
        return [query for query, right in self.answers.items() if right]

    @property
    def negatives(self) -> list[str]:
        return [query for query, right in self.answers.items() if not right]


@dataclass(frozen=True)
class Figures:
    """Shares, 0 to 1.

    Args:
        recall_1: Queries whose best hit is right.
        recall_5: Queries with a right one among the first five.
        wrong_first: Queries whose best hit is wrong.
        false_hits: Unanswerable queries that got any hit.
    """

    recall_1: float
    recall_5: float
    wrong_first: float
    false_hits: float


def is_held_out(query: str) -> bool:
    """In which half a query is, for ever."""
    return hashlib.blake2b(query.encode(), digest_size=8).digest()[0] % 2 == 1


def load(path: Path = LABELLED) -> tuple[list[Phrase], Labelled, Labelled]:
    """The catalogue, the tuning half and the held-out half.

    Raises:
        ValueError: A label names a phrase that is not in the catalogue.
    """
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    phrases = [
        Phrase(pid, name, description, tuple(tag.strip() for tag in tags.split(",") if tag.strip()))
        for pid, (name, description, tags) in enumerate(data["phrases"])
    ]
    numbers = {phrase.name: phrase.pid for phrase in phrases}
    answers: dict[str, frozenset[int]] = {query: frozenset() for query in data["negatives"]}
    for query, names in data["queries"]:
        if unknown := set(names.split("|")) - numbers.keys():
            raise ValueError(f"{query!r} is labelled with unknown phrases: {sorted(unknown)}")
        answers[query] = frozenset(numbers[name] for name in names.split("|"))
    halves = [
        Labelled({query: right for query, right in answers.items() if is_held_out(query) is half})
        for half in (False, True)
    ]
    return phrases, halves[0], halves[1]


def score(method: Method, labelled: Labelled) -> Figures:
    """How a method does on labelled queries."""
    first = top = wrong = 0
    for query in labelled.queries:
        hits = [pid for pid, _ in method(query)[:DEPTH]]
        right = labelled.answers[query]
        first += bool(hits) and hits[0] in right
        wrong += bool(hits) and hits[0] not in right
        top += not right.isdisjoint(hits)
    false = sum(bool(method(query)) for query in labelled.negatives)
    asked = len(labelled.queries)
    return Figures(first / asked, top / asked, wrong / asked, false / len(labelled.negatives))


def above(method: Method, floor: float) -> Method:
    """The method without the hits that score below `floor`."""
    return lambda query: [hit for hit in method(query) if hit[1] >= floor]


def best_floor(method: Method, tuning: Labelled) -> float:
    """The threshold (in hundredths) with the largest recall@5 less half of the false hits."""

    def gain(floor: float) -> float:
        figures = score(above(kept, floor), tuning)
        return figures.recall_5 - figures.false_hits / 2

    rankings = {query: method(query)[:DEPTH] for query in tuning.answers}
    kept: Method = rankings.__getitem__
    highest = max((hits[0][1] for hits in rankings.values() if hits), default=0.0)
    return max((step / 100 for step in range(math.ceil(highest * 100) + 1)), key=gain)


def all_words(phrases: Sequence[Phrase]) -> Method:
    """A phrase matches if all words of the query stand in it: what lexical search does."""
    texts = [(one.pid, frozenset(content_words(whole(one)))) for one in phrases]
    return lambda query: [
        (pid, 1.0) for pid, words in texts if words.issuperset(content_words(query))
    ]


def any_word(phrases: Sequence[Phrase]) -> Method:
    """Words in common, the rare ones counting more: a lexical search that forgives."""
    texts = [(one.pid, frozenset(content_words(whole(one)))) for one in phrases]
    counts = Counter(word for _, words in texts for word in words)
    rarity = {word: math.log(1 + len(texts) / count) for word, count in counts.items()}

    def find(query: str) -> Ranking:
        asked = content_words(query)
        hits = [
            (pid, sum(rarity[word] for word in words.intersection(asked))) for pid, words in texts
        ]
        return sorted((hit for hit in hits if hit[1] > 0), key=lambda hit: -hit[1])

    return find


def bare(encoder: Encoder, phrases: Sequence[Phrase], text: Callable[[Phrase], str]) -> Method:
    """The model alone: the cosine of the query and one text for each phrase."""
    vectors = encoder.encode([text(one) for one in phrases])

    def find(query: str) -> Ranking:
        scores = vectors @ encoder.encode([query])[0]
        return [(phrases[row].pid, float(scores[row])) for row in np.argsort(-scores)]

    return find


def whole(phrase: Phrase) -> str:
    return " ".join((phrase.name, phrase.description, *phrase.tags))


def made_up(phrases: Sequence[Phrase], number: int) -> list[Phrase]:
    """Distinct phrases out of the catalogue's words, for measuring time alone."""
    rng = random.Random(5)
    words = sorted({word for one in phrases for word in content_words(whole(one))})
    return [
        Phrase(pid, " ".join(rng.sample(words, 3)), " ".join(rng.sample(words, 6)))
        for pid in range(number)
    ]


def median_ms(call: Callable[[str], object], queries: Sequence[str]) -> float:
    times: list[float] = []
    for query in queries:
        begin = time.perf_counter_ns()
        call(query)
        times.append((time.perf_counter_ns() - begin) / 1e6)
    return statistics.median(times)


def main() -> None:
    phrases, tuning, held_out = load()
    encoder = WordLlamaEncoder()
    index = MeaningIndex(encoder)
    index.add(phrases)

    def ours(query: str) -> Ranking:
        return [(hit.pid, hit.score) for hit in index.search(query, DEPTH)]

    tuned = {
        "bare model, names": bare(encoder, phrases, lambda one: one.name),
        "bare model, all texts": bare(encoder, phrases, whole),
    }
    floors = {name: best_floor(method, tuning) for name, method in tuned.items()}
    methods: dict[str, tuple[Method, float | None]] = {
        "lexical, all words": (all_words(phrases), None),
        "lexical, any word": (any_word(phrases), None),
        **{name: (above(method, floors[name]), floors[name]) for name, method in tuned.items()},
        "rollcall": (ours, FLOOR),
    }

    print(f"Semantic search: {len(phrases)} phrases, {encoder.name}, {platform.machine()}")
    print(
        f"{'':24}{'floor':>6}{'recall@1':>10}{'recall@5':>10}{'wrong first':>13}{'false hits':>12}"
        f"{'ms/query':>10}"
    )
    for title, half in (("tuning", tuning), ("held out", held_out)):
        print(f"{title}: {len(half.queries)} queries, {len(half.negatives)} that nothing answers")
        for name, (method, floor) in methods.items():
            figures = score(method, half)
            took = median_ms(method, half.queries)
            print(
                f"  {name:22}{'' if floor is None else f'{floor:.2f}':>6}{figures.recall_1:>10.1%}"
                f"{figures.recall_5:>10.1%}{figures.wrong_first:>13.1%}{figures.false_hits:>12.1%}"
                f"{took:>10.2f}"
            )

    large = MeaningIndex(encoder)
    begin = time.perf_counter()
    large.add(made_up(phrases, MANY))
    rate = MANY / (time.perf_counter() - begin)
    took = median_ms(lambda query: large.search(query, DEPTH), held_out.queries)
    print(f"{MANY:,} phrases: {rate:,.0f} added a second, {took:.2f} ms a query")


if __name__ == "__main__":
    main()
