# SPDX-License-Identifier: Apache-2.0
"""What people's turns of phrase are about, in the words in which it is usually described.

An umbrella has to do with the weather, and "did I tell you" with what was said before; word
vectors do not know that. These words are looked for in descriptions beside the user's own.
"""

from __future__ import annotations

import re
from typing import Final

from rollcall.conversations.planner.words import stem, stems

_TALK: Final = "message conversation chat said"

_TURNS: Final = (
    (
        re.compile(
            r"\b(?:did|have|had|has|haven't|didn't)\s+(?P<s>(?:[\w']+\s+){1,3}?(?:say|said|tell|told|write|wrote|written|talk|talked|mention|mentioned|discuss|discussed|ask|asked"
            r"|speak|spoken))\b",
            re.IGNORECASE,
        ),
        _TALK,
    ),
    (
        re.compile(
            r"\b(?:i|we|you|he|she|they)\s+(?:ever\s+|already\s+)?"
            r"(?P<s>said|told|wrote|mentioned|discussed|talked|asked)\b",
            re.IGNORECASE,
        ),
        _TALK,
    ),
    (re.compile(r"\bwhat (?:does|do|is)\b.*\b(?P<s>mean)\b", re.IGNORECASE), "definition meaning"),
    (re.compile(r"\b(?P<s>another word|other words?|words? similar)\b", re.IGNORECASE), "synonym"),
    (re.compile(r"\b(?P<s>how far)\b", re.IGNORECASE), "distance"),
    (re.compile(r"\bwhat (?P<s>time)\b|\b(?P<t>o'clock)\b", re.IGNORECASE), "time clock"),
    (
        re.compile(
            r"\b(?:how|is it|be|get|it is|it's)\s+(?:so\s+|very\s+)?"
            r"(?P<s>hot|cold|warm|chilly|freezing)\b",
            re.IGNORECASE,
        ),
        "weather temperature forecast",
    ),
    (re.compile(r"\b(?P<s>how do i get|way) (?:from|to)\b", re.IGNORECASE), "directions route"),
)
_WORDS: Final = tuple(
    (stems(said.split()), meant.split())
    for said, meant in (
        ("umbrella raincoat sunscreen sunny snow rain drizzle thunderstorm", "weather forecast"),
        ("mention mentioned discuss discussed", _TALK),
        ("percentage", "percent"),
        ("meaning", "definition"),
        ("cost costs expensive cheap", "price"),
        ("website webpage homepage page", "web page url"),
        ("spell spelled misspelled typo typos", "spelling"),
        ("average mean median largest smallest highest lowest deviation", "numbers series figures"),
    )
)


def turns(text: str) -> list[tuple[int, int, list[str]]]:
    """The turns of phrase of a text: where each stands, and the words for what it is about."""
    found: list[tuple[int, int, list[str]]] = []
    for pattern, meant in _TURNS:
        if match := pattern.search(text):
            start, end = match.span("s" if match.groupdict().get("s") else "t")
            if all(end <= first or start >= last for first, last, _ in found):
                found.append((start, end, meant.split()))
    return found


def also(word: str) -> list[str]:
    """Words in which what a word is about is usually described; none for most."""
    ending = stem(word)
    return [one for said, meant in _WORDS if ending in said for one in meant]
