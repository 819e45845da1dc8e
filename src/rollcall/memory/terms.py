# SPDX-License-Identifier: Apache-2.0
"""What a memory's words are indexed under, so that a search costs what its scope holds.

An index of words knows for each word all memories of the store that have it. So each word is
indexed once for each *scope* of its memory, with the scope's key before it: a search in one scope
asks for the words of that scope alone, and never passes by those of others. Keys are short, and two
scopes may share one; whoever searches compares the scopes themselves as well.
"""

from __future__ import annotations

from typing import Final

from rollcall.kernel.ids import derived
from rollcall.kernel.words import words
from rollcall.memory.models import Filters

DIGITS: Final = 8
"""Characters of a key: hexadecimal digits, in lower case."""
MOST_WORDS: Final = 8_000
"""Words of a memory that can be found."""
MOST_BYTES: Final = 60_000
"""Bytes of them in UTF-8: with four keys an index entry stays below a megabyte."""


def key(namespace: str, filters: Filters) -> str:
    """The key of the narrowest scope that the filters name; without any, the namespace's."""
    return keys(namespace, filters)[0]


def keys(namespace: str, filters: Filters) -> list[str]:
    """The keys of all scopes that a memory is in, the narrowest first, its namespace last."""
    scopes = [derived(name, namespace, value, digits=DIGITS) for name, value in filters]
    return [*scopes, derived("namespace", namespace, digits=DIGITS)]


def scope(filters: Filters) -> str:
    """Names what the filters say as a whole: equal content is kept once in it."""
    return derived(*(part for pair in filters for part in pair))


def content_hash(content: str) -> str:
    """A hash of a memory's content."""
    return derived(content, digits=64)


def indexed(content: str) -> list[str]:
    """The folded words of a memory that it can be found by, in order."""
    found: list[str] = []
    size = 0
    for word in words(content):
        size += len(word.folded.encode())
        if size > MOST_BYTES or len(found) == MOST_WORDS:
            break
        found.append(word.folded)
    return found
