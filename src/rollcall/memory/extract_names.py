# SPDX-License-Identifier: Apache-2.0
"""Where names stand in a text: runs of capitalised words, before or behind a given place."""

from __future__ import annotations

import re
from typing import Final

from rollcall.memory.entities import MAX_NAME

Span = tuple[int, int]

MOST_WORDS: Final = 5
_WINDOW: Final = MAX_NAME + 50
_WORD: Final = re.compile(r"[^\W_][\w&'\-]*(?:\.(?=\w)[\w&'\-]+)*|&")
_PARTICLES: Final = frozenset(
    "van von de der den del della di da dos du la le zu zum zur of & al el ten ter".split()
)
_NO_NAMES: Final = frozenset(
    """a an the my our your his her its their this that these those i he she it they we you me
    and but or so because if when while as since until also then now today yesterday tomorrow
    yes no not well hello hi hey dear ok okay please thanks thank sorry sure there here what who
    where why how which monday tuesday wednesday thursday friday saturday sunday january february
    march april may june july august september october november december
    ich er sie es wir ihr mein meine unser unsere der die das ein eine einen und aber oder weil
    wenn ja nein nicht heute gestern morgen hallo bitte danke dass auch dann jetzt hier dort was
    wer wo warum wie montag dienstag mittwoch donnerstag freitag samstag sonntag herr frau mr mrs
    ms dr prof ceo cto cfo""".split()
)


def name_behind(text: str, start: int, *, least: int = 1) -> Span | None:
    """The name that begins at `start`, behind blanks and an article.

    Args:
        least: Words that it must have.
    """
    end = min(len(text), start + _WINDOW)
    words: list[re.Match[str]] = []
    place = start
    for match in _WORD.finditer(text, start, end):
        gap = text[place : match.start()]
        if gap.strip(" \t\"\u201c\u201e\u00ab'") or (words and gap != " ") or "\n" in gap:
            break
        place = match.end()
        word = match[0]
        if not words and word.lower() in ("the", "der", "die", "das", "dem", "den"):
            continue
        if not (_capital(word) or (words and word in _PARTICLES)) or word == "I":
            break
        if not words and word.lower() in _NO_NAMES:
            break
        words.append(match)
        if len(words) == MOST_WORDS:
            break
    while words and words[-1][0] in _PARTICLES:
        words.pop()
    return (words[0].start(), words[-1].end()) if len(words) >= least else None


def name_before(text: str, end: int) -> Span | None:
    """The name that ends at `end`, before blanks."""
    start = max(0, end - _WINDOW)
    words: list[re.Match[str]] = []
    place = end
    for match in reversed(list(_WORD.finditer(text, start, end))):
        gap = text[match.end() : place]
        if gap.strip(" \t\"\u201d\u201c\u00bb'") or (words and gap != " ") or "\n" in gap:
            break
        if match.end() > end or (match.start() == start and start > 0):
            break
        word = match[0]
        if not (_capital(word) or (words and word in _PARTICLES)) or word.lower() in _NO_NAMES:
            break
        place = match.start()
        words.append(match)
        if len(words) == MOST_WORDS:
            break
    words.reverse()
    while words and words[0][0] in _PARTICLES:
        del words[0]
    return (words[0].start(), words[-1].end()) if words else None


def _capital(word: str) -> bool:
    return word[0].isupper() or (word[0].isdigit() and any(one.isupper() for one in word))
