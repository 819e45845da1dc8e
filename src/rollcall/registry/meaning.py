# SPDX-License-Identifier: Apache-2.0
"""Semantic search: capability phrases that mean what a query asks for, in other words.

A phrase is scored by the mean of two similarities, both cosines:

- of the whole: the query's vector against the vector of name, description and tags together;
- of the words: each word of the query against the nearest word of the phrase, and of these the
  soft minimum. Averaged word vectors find "stock portfolio" for "stock a fish pond"; that nothing
  in the phrase meets "fish" or "pond" is what tells them apart.

What falls below `FLOOR`, or far below the best hit, is no hit. `bench/meaning` measures all of it.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Collection, Iterable, Sequence
from typing import Generic, Protocol, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from rollcall.kernel.errors import InvalidInput

Vectors = NDArray[np.float32]
K = TypeVar("K")

FLOOR = 0.25
"""The lowest score that counts as a hit, with wordllama as encoder. Chosen on the tuning half of
the labelled queries: a right answer missed costs as much as two hits for what nothing answers."""

RELATIVE = 0.7
"""A hit scores at least this share of the best one."""

_SHARPNESS = 10.0
_SHORTLIST = 128
_MOST_WORDS = 64
_LONGEST_WORD = 64
_NEAR = 0.5

_WORD = re.compile(r"[^\W_]+[+#]*")
_IDENTIFIER = re.compile(r"[a-z]{3,}(?:[A-Z][a-z]+)+")
_CAPITAL = re.compile(r"(?=[A-Z])")
_STOP_WORDS = frozenset(
    """
    a an and any anybody anything are as at be by can could did do does for from get give had has
    have he her him his how i if in into is it its let like make many may me might more most much
    must my need of on one or our out over please she should so some somebody someone something
    than that the their them then there these they this those to too under up us want was we were
    what when where which while who whom whose why will with would you your
    """.split()
)


class Encoder(Protocol):
    """Turns texts into vectors of meaning. Synchronous and CPU-bound: call it in a worker thread.

    Implementations may be called from several threads at once.
    """

    @property
    def name(self) -> str:
        """The model's name, for people."""
        ...

    @property
    def dimension(self) -> int:
        """The length of a vector."""
        ...

    def encode(self, texts: Sequence[str]) -> Vectors:
        """One vector of length 1 for each text, shape (len(texts), dimension).

        A text without meaning (an empty one, say) gives zeros.

        Raises:
            MissingExtra: The model is not installed.
        """
        ...


class Phrase(msgspec.Struct, frozen=True):
    """The texts of one distinct capability.

    Args:
        pid: Its number, never used again for another one.
        name: As in `Capability`, like `description` and `tags`.
    """

    pid: int
    name: str
    description: str = ""
    tags: tuple[str, ...] = ()


class Meaning(msgspec.Struct, frozen=True):
    """One phrase that means what was asked for.

    Args:
        pid: The phrase's number.
        score: 0 to 1, higher is nearer. Not a probability; comparable among all queries.
        reason: For people: "means nearly the same as 'code generation' (0.62)".
    """

    pid: int
    score: float
    reason: str


def content_words(text: str) -> list[str]:
    """The words of `text` in lower case that carry meaning; all of them if none of them does.

    Takes identifiers apart: `unit_test` and `unitTest` give the same as "unit test". Not more than
    the first 64, as an average over more words has no meaning left.
    """
    words = [
        part.lower()[:_LONGEST_WORD]
        for word in _WORD.findall(text)
        for part in (_CAPITAL.split(word) if _IDENTIFIER.fullmatch(word) else (word,))
    ]
    return ([word for word in words if word not in _STOP_WORDS] or words)[:_MOST_WORDS]


def soft_minimum(values: NDArray[np.floating], sharpness: float = _SHARPNESS) -> Vectors:
    """The smooth minimum down the first axis, shape (k, n) to (n,).

    Lies between minimum and mean, and gives one value in k the same share of the say however many
    there are, so that a long query can do without one of its words.
    """
    least = values.min(axis=0)
    # Taken relative to the least, so that exp() never under- or overflows into log(0).
    spread = np.exp(-sharpness * (values - least)).mean(axis=0)
    return (least - np.log(spread) / sharpness).astype(np.float32)


def coverage(similarities: NDArray[np.floating], starts: NDArray[np.intp]) -> NDArray[np.floating]:
    """How well each phrase meets each word of a query, shape (words of the query, phrases).

    Args:
        similarities: Of the query's words to those of all phrases, one phrase after another, shape
            (words of the query, words of the phrases).
        starts: Where each phrase begins on the second axis, ascending; none is without words.
    """
    return np.maximum.reduceat(similarities, starts, axis=1)


def select(
    scores: NDArray[np.floating], limit: int, floor: float, relative: float = RELATIVE
) -> list[int]:
    """Positions of at most `limit` scores, best first, equal ones in order of position.

    Leaves out what is below `floor` or below the share `relative` of the best.
    """
    if not scores.size or limit < 1:
        return []
    kept = np.flatnonzero(scores >= max(floor, relative * float(scores.max())))
    best = kept[np.argsort(-scores[kept], kind="stable")]
    return [int(position) for position in best[:limit]]


def describe(name: str, score: float) -> str:
    """Why a phrase was found, for people."""
    nearness = "means nearly the same as" if score >= _NEAR else "is near in meaning to"
    return f"{nearness} {name!r} ({score:.2f})"


class VectorRows(Generic[K]):
    """Vectors by key in one matrix that grows and shrinks with their number.

    Adding and removing take constant time (amortised); 4 bytes x dimension a vector and at most
    four times that after removals.
    """

    def __init__(self, dimension: int) -> None:
        self._matrix: Vectors = np.empty((0, dimension), np.float32)
        self._keys: list[K] = []
        self._rows: dict[K, int] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, key: object) -> bool:
        return key in self._rows

    @property
    def capacity(self) -> int:
        """For how many vectors there is memory."""
        return len(self._matrix)

    @property
    def keys(self) -> Sequence[K]:
        """The key of each row."""
        return self._keys

    @property
    def vectors(self) -> Vectors:
        """All vectors, shape (len(self), dimension): a view, good until the next change."""
        return self._matrix[: len(self._keys)]

    def rows(self, keys: Iterable[K]) -> list[int]:
        """The rows in which these keys are now.

        Raises:
            KeyError: One of them is not there.
        """
        return [self._rows[key] for key in keys]

    def put(self, key: K, vector: Vectors) -> None:
        """Add a vector, or replace the one that is there."""
        row = self._rows.get(key)
        if row is None:
            row = len(self._keys)
            if row == self.capacity:
                self._resize(max(16, 2 * row))
            self._keys.append(key)
            self._rows[key] = row
        self._matrix[row] = vector

    def remove(self, key: K) -> None:
        """Forget a vector. The last one takes over its row.

        Raises:
            KeyError: It is not there.
        """
        row = self._rows.pop(key)
        last = self._keys.pop()
        if row < len(self._keys):
            self._matrix[row] = self._matrix[len(self._keys)]
            self._keys[row] = last
            self._rows[last] = row
        if len(self._keys) < self.capacity // 4:
            self._resize(self.capacity // 2)

    def _resize(self, capacity: int) -> None:
        matrix = np.empty((capacity, self._matrix.shape[1]), np.float32)
        matrix[: len(self._keys)] = self.vectors
        self._matrix = matrix


class _Known(msgspec.Struct, frozen=True):
    name: str
    words: tuple[str, ...]


class MeaningIndex:
    """Finds phrases by meaning: those of one namespace.

    `add` and `search` encode, which takes time, and belong into a worker thread; the rest is quick.
    All may be called from any thread: a lock guards the vectors for a few milliseconds at most, and
    encoding happens outside it. A phrase may leave while `search` ranks: whoever reads its answer
    passes over numbers that are gone. One that leaves while `add` encodes it comes in
    nevertheless: `retain` after `add` takes it out again.

    Args:
        encoder: Turns texts into vectors; may be shared among indexes.
        floor: The lowest score that counts as a hit; each encoder has a scale of its own.
    """

    def __init__(self, encoder: Encoder, floor: float = FLOOR) -> None:
        self._encoder = encoder
        self._floor = floor
        self._lock = threading.Lock()
        self._phrases: VectorRows[int] = VectorRows(encoder.dimension)
        self._known: dict[int, _Known] = {}
        # Phrases share words: each word's vector is kept once, with the number of its phrases.
        self._words: VectorRows[str] = VectorRows(encoder.dimension)
        self._uses: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._known)

    @property
    def memory(self) -> int:
        """Bytes that the vectors take."""
        with self._lock:
            rows = self._phrases.capacity + self._words.capacity
        return rows * self._encoder.dimension * np.dtype(np.float32).itemsize

    def missing(self, pids: Iterable[int]) -> list[int]:
        """Which of these phrases were not added yet, in the order given."""
        with self._lock:
            return [pid for pid in pids if pid not in self._known]

    def add(self, phrases: Sequence[Phrase]) -> None:
        """Encode phrases and take them in; passes over those that are known.

        Raises:
            MissingExtra: The encoder is not installed.
        """
        with self._lock:
            fresh = list({one.pid: one for one in phrases if one.pid not in self._known}.values())
            texts = {
                one.pid: content_words(" ".join((one.name, one.description, *one.tags)))
                for one in fresh
            }
            unknown = sorted(
                {word for words in texts.values() for word in words if word not in self._uses}
            )
        wholes = self._encoder.encode([" ".join(texts[one.pid]) for one in fresh])
        vectors = dict(zip(unknown, self._encoder.encode(unknown), strict=True))
        with self._lock:
            for one, whole in zip(fresh, wholes, strict=True):
                words = tuple(dict.fromkeys(texts[one.pid]))
                if one.pid in self._known or not self._count(words, vectors):
                    continue
                self._known[one.pid] = _Known(one.name, words)
                if words:
                    self._phrases.put(one.pid, whole)

    def remove(self, pid: int) -> None:
        """Forget a phrase; an unknown one is none the less forgotten."""
        with self._lock:
            self._remove(pid)

    def retain(self, pids: Collection[int]) -> None:
        """Forget every phrase but these."""
        alive = frozenset(pids)
        with self._lock:
            for pid in self._known.keys() - alive:
                self._remove(pid)

    def search(self, query: str, limit: int) -> list[Meaning]:
        """The phrases that mean what `query` asks for, best first; none is an answer too.

        Raises:
            InvalidInput: The query has no word, or the limit is below 1.
            MissingExtra: The encoder is not installed.
        """
        words = content_words(query)
        if not words:
            raise InvalidInput("query", "holds no word; say what you look for in a few words")
        if limit < 1:
            raise InvalidInput("limit", f"is {limit}; ask for at least 1 hit")
        encoded = self._encoder.encode([" ".join(words), *dict.fromkeys(words)])
        with self._lock:
            pids, scores = self._score(encoded[0], encoded[1:], max(limit, _SHORTLIST))
            best = [
                (pids[at], min(1.0, float(scores[at]))) for at in select(scores, limit, self._floor)
            ]
            names = [self._known[pid].name for pid, _ in best]
        return [
            Meaning(pid, score, describe(name, score))
            for (pid, score), name in zip(best, names, strict=True)
        ]

    def _score(self, query: Vectors, words: Vectors, most: int) -> tuple[list[int], Vectors]:
        """The `most` phrases nearest as a whole (in row order), and their full scores."""
        # Not `@`: on a busy machine BLAS's own threads wait for each other ten times as long.
        whole: Vectors = np.vecdot(self._phrases.vectors, query)
        if not whole.size:
            return [], whole
        rows: NDArray[np.intp] = np.arange(whole.size)
        if whole.size > most:
            rows = np.sort(np.argpartition(whole, -most)[-most:])
        pids = [self._phrases.keys[int(row)] for row in rows]
        spans = [self._words.rows(self._known[pid].words) for pid in pids]
        starts = np.cumsum([0, *map(len, spans[:-1])], dtype=np.intp)
        distinct, places = np.unique([row for span in spans for row in span], return_inverse=True)
        similarities: Vectors = np.vecdot(words[:, None], self._words.vectors[distinct])
        met = soft_minimum(coverage(similarities[:, places], starts))
        return pids, np.float32(0.5) * (whole[rows] + met)

    def _count(self, words: tuple[str, ...], vectors: dict[str, Vectors]) -> bool:
        """Count one more phrase on each word; False, and nothing done, if a vector is wanting."""
        # A word that was known when encoding began may have left with its last phrase since: the
        # phrase stays missing, and the next `add` takes it in.
        if any(word not in self._uses and word not in vectors for word in words):
            return False
        for word in words:
            self._uses[word] = self._uses.get(word, 0) + 1
            if word not in self._words:
                self._words.put(word, vectors[word])
        return True

    def _remove(self, pid: int) -> None:
        known = self._known.pop(pid, None)
        if known is None:
            return
        if known.words:
            self._phrases.remove(pid)
        for word in known.words:
            self._uses[word] -= 1
            if not self._uses[word]:
                del self._uses[word]
                self._words.remove(word)
