# SPDX-License-Identifier: Apache-2.0
"""Text as the registry compares it, and an index that finds which texts contain a query.

Texts and queries are *folded*: Unicode NFKC and case folding (the Unicode Standard, sections 3.11
and 3.13), white space collapsed. A folded text is made of *chunks* (what stands between spaces),
and chunks are made of *words* and punctuation.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final, Generic, TypeVar

from rollcall.registry.postings import Postings

T = TypeVar("T")

_WORD: Final = re.compile(r"\w+[+#]*")
_SUFFIXES: Final = "+#"
_GRAM: Final = 3


def fold(text: str) -> str:
    """NFKC and case folding; white space as one space, none at the ends. Idempotent."""
    return _fold_short(text) if len(text) <= 64 else _fold(text)


def _fold(text: str) -> str:
    if text.isascii():
        folded = text.lower()
    else:
        # Folding case can undo the normal form, and the normal form can bring new capitals.
        folded = text
        while (again := unicodedata.normalize("NFKC", folded.casefold())) != folded:
            folded = again
    folded = " ".join(folded.split())
    # Most texts are folded already; one string in memory is enough then.
    return text if folded == text else folded


_fold_short = lru_cache(maxsize=4096)(_fold)


def is_word(char: str) -> bool:
    """Whether a character is part of a word: letters, digits, underscores and combining marks."""
    if char.isalnum() or char == "_":
        return True
    return not char.isascii() and unicodedata.category(char)[0] == "M"


def words(folded: str) -> list[str]:
    """Its words, in order: runs of word characters with the plus and number signs that follow.

    Those signs belong to names (C++, C#), and tell them from others (C).
    """
    if folded.isascii():
        return _WORD.findall(folded)
    # Regular expressions do not count marks (a vowel sign, an accent) as parts of words.
    plain = "".join("_" if unicodedata.category(char)[0] == "M" else char for char in folded)
    return [folded[found.start() : found.end()] for found in _WORD.finditer(plain)]


def whole(text: str, start: int, end: int) -> bool:
    """Whether `text[start:end]` begins and ends between words, not within one."""
    return not _joined(text, start) and not _joined(text, end)


def _joined(text: str, at: int) -> bool:
    if not 0 < at < len(text):
        return False
    left, right = text[at - 1], text[at]
    if right in _SUFFIXES:
        return left in _SUFFIXES or is_word(left)
    return is_word(right) and is_word(left)


def pieces(folded: str) -> list[str]:
    """Parts of a query, longest first: each stands in one chunk of every text that matches.

    These are its words; where it has none (a query such as "->"), its chunks.
    """
    return sorted(set(words(folded) or folded.split(" ")), key=lambda piece: (-len(piece), piece))


class TextIndex(Generic[T]):
    """Items by what their folded texts contain, and by labels.

    Chunks lead to items; trigrams lead from parts of a chunk to the chunks that may have them.
    There are few distinct chunks even where there are many texts, so this stays small. It narrows
    down: whoever asks compares the items that come with what they look for.
    """

    def __init__(self) -> None:
        self._compared = 0
        self._postings: Postings[str] = Postings(1)
        self._items: list[T | None] = []
        self._unused: list[int] = []
        self._chunks: dict[str, int] = {}
        self._labels: dict[str, int] = {}
        self._grams: dict[str, set[str]] = {}

    def __len__(self) -> int:
        """How many items there are."""
        return len(self._items) - len(self._unused)

    @property
    def size(self) -> int:
        """How much is kept: items, chunks, labels, trigrams and entries. 0 when it is empty."""
        return (
            len(self._chunks) + len(self._labels) + len(self._grams) + len(self._postings)
        ) + len(self)

    @property
    def steps(self) -> int:
        """How many chunks were compared and entries read or written so far."""
        return self._compared + self._postings.steps

    def add(self, item: T, texts: Iterable[str], labels: Iterable[str] = ()) -> int:
        """Keep an item under its texts (folded) and labels; returns the number that removes it.

        Raises:
            ValueError: There is neither text nor label to find it by.
        """
        terms = [self._chunk(c) for c in {c for text in texts for c in text.split(" ") if c}]
        terms += [self._label(label) for label in set(labels)]
        if not terms:
            raise ValueError("an item needs a text or a label")
        if self._unused:
            number = self._unused.pop()
            self._items[number] = item
        else:
            number = len(self._items)
            self._items.append(item)
        self._postings.put(number, 0, terms)
        return number

    def remove(self, number: int) -> None:
        """Forget the item that `add` gave this number."""
        for key in self._postings.remove(number):
            if key[0] == "\n":
                del self._labels[key]
            else:
                del self._chunks[key]
                self._forget_grams(key)
        self._items[number] = None
        self._unused.append(number)
        if len(self._unused) == len(self._items):
            self._items.clear()
            self._unused.clear()

    def labelled(self, label: str) -> list[T]:
        """The items under a label."""
        term = self._labels.get("\n" + label)
        return [] if term is None else list(self._at(term))

    def narrow(self, wanted: Iterable[str]) -> tuple[list[int], int]:
        """Where to look for items that contain each of these pieces (the longest first).

        Returns terms for `items`, and how many items they may give: those that contain the piece
        that is rarest, as far as it pays to look for that.
        """
        best: list[int] = []
        fewest = -1
        for piece in wanted:
            if fewest >= 0 and len(piece) < _GRAM:
                break
            terms = self._containing(piece)
            total = 0
            for term in terms:
                total += self._postings.count(term, (0,))
            if fewest < 0 or total < fewest:
                best, fewest = terms, total
            if fewest <= 8:
                break
        return best, fewest

    def items(self, terms: list[int]) -> Iterator[T]:
        """The items under these terms, each once."""
        if len(terms) == 1:
            yield from self._at(terms[0])
            return
        seen: set[int] = set()
        for term in terms:
            for number in self._postings.slots(term, (0,)):
                if number not in seen:
                    seen.add(number)
                    yield self._item(number)

    def _at(self, term: int) -> Iterator[T]:
        for number in self._postings.slots(term, (0,)):
            yield self._item(number)

    def _item(self, number: int) -> T:
        item = self._items[number]
        assert item is not None, "what is posted is kept"
        return item

    def _containing(self, piece: str) -> list[int]:
        chunks = self._chunks
        if len(piece) < _GRAM:
            self._compared += len(chunks)
            return [term for chunk, term in chunks.items() if piece in chunk]
        rarest: set[str] | None = None
        for at in range(len(piece) - _GRAM + 1):
            holders = self._grams.get(piece[at : at + _GRAM])
            if holders is None:
                return []
            if rarest is None or len(holders) < len(rarest):
                rarest = holders
        if rarest is None:
            return []
        self._compared += len(rarest)
        return [chunks[chunk] for chunk in rarest if piece in chunk]

    def _chunk(self, chunk: str) -> int:
        term = self._chunks.get(chunk)
        if term is None:
            term = self._chunks[chunk] = self._postings.open(chunk)
            for at in range(len(chunk) - _GRAM + 1):
                gram = chunk[at : at + _GRAM]
                holders = self._grams.get(gram)
                if holders is None:
                    self._grams[gram] = {chunk}
                else:
                    holders.add(chunk)
        return term

    def _label(self, label: str) -> int:
        # No folded text holds a line feed, so the first character tells labels from chunks.
        key = "\n" + label
        term = self._labels.get(key)
        if term is None:
            term = self._labels[key] = self._postings.open(key)
        return term

    def _forget_grams(self, chunk: str) -> None:
        for at in range(len(chunk) - _GRAM + 1):
            gram = chunk[at : at + _GRAM]
            holders = self._grams.get(gram)
            if holders is not None:
                holders.discard(chunk)
                if not holders:
                    del self._grams[gram]
