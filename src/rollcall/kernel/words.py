# SPDX-License-Identifier: Apache-2.0
"""What counts as a word, the same for messages, for queries and for every engine.

A word is a run of letters, digits and the marks on them, whatever stands around it (`e-mail` is
two). It is compared in its *folded* form: compatibility forms resolved and case folded (the
Unicode Standard, sections 3.11 and 3.13), accents and vowel points left out. Chinese and Japanese
are written without spaces: there each character is a word, and a word of a query becomes a phrase.

Folded words hold no other ASCII characters than lower-case letters and digits. Engines rely on it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

LONGEST: Final = 64
"""Characters of a folded word that count."""
MOST: Final = 200_000
"""Characters of all folded words of a message that count, with a space between words."""

_UNSPACED: Final = (
    "\u3041-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f"
    "\U00020000-\U0003ffff"
)
_MARK: Final = "\0"
_ASCII: Final = re.compile("[0-9A-Za-z]+")
_ANY: Final = re.compile(rf"[{_UNSPACED}]{_MARK}*|(?:[^\W_{_UNSPACED}]|{_MARK})+")
_ODD: Final = re.compile(r"\0|[^\x00-\x7f\w]")
# Vowel points of Hebrew, Arabic and Syriac; what is attached, below, above, or a subscript iota.
# Others are no mere accents: vowel signs of Indic scripts, the voicing of kana.
_DROPPED: Final = frozenset({*range(10, 37), *range(200, 241)})


class Word(NamedTuple):
    """A word of a text: where it stands there, and its folded form."""

    start: int
    end: int
    folded: str


def words(text: str) -> Iterator[Word]:
    """The words of a text, in order."""
    if text.isascii():
        for found in _ASCII.finditer(text):
            yield Word(found.start(), found.end(), found[0].lower()[:LONGEST])
        return
    # Regular expressions do not count marks as parts of words.
    plain = _ODD.sub(_plain, text)
    for found in _ANY.finditer(plain):
        folded = fold(text[found.start() : found.end()])
        if folded:
            yield Word(found.start(), found.end(), folded)


def folded(text: str) -> str:
    """The folded words of a text with a space between them, at most `MOST` characters."""
    parts: list[str] = []
    size = 0
    for word in words(text):
        size += len(word.folded) + 1
        if size > MOST:
            break
        parts.append(word.folded)
    return " ".join(parts)


def fold(word: str) -> str:
    """The form that a word is compared in; empty where nothing is left of it. Idempotent."""
    return word.lower()[:LONGEST] if word.isascii() else _fold(word)


@lru_cache(maxsize=8192)
def _fold(word: str) -> str:
    whole = word
    # Folding case can undo the normal form, and the normal form can bring new capitals.
    while (again := _fold_once(whole)) != whole:
        whole = again
    cut = whole[:LONGEST]
    return cut if any(char.isalnum() for char in cut) else ""


def _fold_once(word: str) -> str:
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", word).casefold())
    return unicodedata.normalize("NFKC", "".join(char for char in apart if _counts(char)))


def _counts(char: str) -> bool:
    return char.isalnum() or (
        unicodedata.category(char)[0] == "M" and unicodedata.combining(char) not in _DROPPED
    )


def _plain(found: re.Match[str]) -> str:
    return _MARK if unicodedata.category(found[0])[0] == "M" else " "
