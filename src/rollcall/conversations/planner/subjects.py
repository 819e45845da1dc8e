# SPDX-License-Identifier: Apache-2.0
"""What a request is about, once its frame is taken away: "search my notes for tax" is about tax."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Final

from rollcall.conversations.planner.reading import Span
from rollcall.conversations.planner.words import FAINT, STOP, WORD, stem

BLANK: Final = "\0"
"""What stands in place of a character that was used for something else."""

_MARKED: Final = (
    re.compile(
        r"\b(?:titled|entitled|called|named|saying|that says?|which says?|mention(?:s|ing|ed)?"
        r"|containing|contains?|with the (?:words?|terms?|text|title|name))\s+(?P<s>[^\0]+)",
        re.IGNORECASE,
    ),
    re.compile(r":\s+(?P<s>[^\0]+)"),
    re.compile(r"\bwhat does (?P<s>[^\0]+?) mean\b", re.IGNORECASE),
    re.compile(r"\b(?:what is|what's) meant by (?P<s>[^\0]+)", re.IGNORECASE),
    re.compile(r"\b(?:about|regarding|concerning|related to|über)\s+(?P<s>[^\0]+)", re.IGNORECASE),
)
_FOR: Final = re.compile(r"\b(?:for|of|on|nach)\s+(?P<s>[^\0]+)", re.IGNORECASE)
_KIND_OF_WORDS: Final = re.compile(
    r"the\s+(?:words?|text|terms?|string|phrase|sentence|name)\s+(?=\w)", re.IGNORECASE
)
_SENTENCE: Final = re.compile(r"[?!;](?=\s)|(?<=\w\w)\.(?=\s)")
_WHERE: Final = re.compile(r"\b(?:in|from|among|within|through)\s", re.IGNORECASE)
_ARTICLES: Final = frozenset(
    "the a an my our your any some this that anything something all every der die das".split()
)
_LEADING: Final = frozenset(
    "please can could would will you i me my us we to the a an for of in on with want need like "
    "that d ll into and it is do does how what's what".split()
)
_NEVER_LAST: Final = frozenset(
    "please in on to for of at with by and the a from into as before already again recently".split()
)
_WITHIN: Final = re.compile(
    r"\s(?:of|for|on|in|at|with|to|from)\s+(?:(?:the|a|an|my)\s+)?", re.IGNORECASE
)
_CHUNK: Final = re.compile(r"\S+")
_PLACE: Final = re.compile(
    r"\b(?:in|at|near|for|around|of|to)\s+"
    r"(?=(?P<s>[^\W\d_][\w'\u2019.-]*(?:[ ][^\W\d_][\w'\u2019.-]*){0,2}))",
    re.IGNORECASE,
)
_WHEN: Final = frozenset(
    "today tomorrow now tonight this next week weekend day days morning evening please".split()
)
_NAME_AHEAD: Final = re.compile(r"\b(?:in|at|near|for|around|of|to|from)\s*$", re.IGNORECASE)
_TRIP: Final = (
    re.compile(
        r"\bfrom\s+(?P<a>[^\0]+?)\s+(?:to|into|nach)\s+(?P<b>[^\0?!]+?)"
        r"(?=\s+(?:by|via|with|using|on|at|please|tomorrow|today)\b|[\0?.!]|$)",
        re.IGNORECASE,
    ),
    re.compile(
        r"\bbetween\s+(?P<a>[^\0]+?)\s+and\s+(?P<b>[^\0?!]+?)"
        r"(?=\s+(?:by|via|with|using|on|at|please)\b|[\0?.!]|$)",
        re.IGNORECASE,
    ),
)
_SEPARATOR: Final = re.compile(
    r"\s*(?:,|;|\band\b|\bor\b|\bund\b|&)\s*(?:and\b\s*)?", re.IGNORECASE
)


def blanked(text: str, used: Iterable[tuple[int, int]]) -> str:
    """The text with pieces blanked out, each character at its old place."""
    for start, end in used:
        text = text[:start] + BLANK * (end - start) + text[end:]
    return text


def subject(text: str, explained: Collection[str], *, query: bool) -> Span | None:
    """What a request is about; None: nothing is left.

    Args:
        text: The request; what is `BLANK` in it was used for something else.
        explained: Stems of the words with which the tool itself is described.
        query: Whether it is to be searched for: articles before it then say nothing.
    """
    text = _without_place(text, explained) if query else text
    for pattern in _MARKED:
        if (found := pattern.search(text)) and (
            span := _trimmed(text, *found.span("s"), query=query)
        ):
            return span
    if found := _FOR.search(text):
        before = [word.lower() for word in WORD.findall(text[: found.start()])]
        if query or any(stem(word) in explained for word in before if word not in STOP):
            span = _trimmed(text, *found.span("s"), query=query)
            if span is not None:
                return span
    return _residue(text, explained, query=query)


def _without_place(text: str, explained: Collection[str]) -> str:
    """The text without where to look, at its end: "lighthouses in my earlier letters"."""
    for found in _WHERE.finditer(text):
        words = [word.lower() for word in WORD.findall(text[found.start() :])]
        telling = [word for word in words if word not in STOP]
        if found.start() and telling and all(stem(word) in explained for word in telling):
            return text[: found.start()] + BLANK * (len(text) - found.start())
    return text


def _residue(text: str, explained: Collection[str], *, query: bool) -> Span | None:
    """The longest piece without what the tool is described with at its ends."""
    best: Span | None = None
    for piece in re.finditer(r"[^\0]+", text):
        words = [Span(m.start(), m.end(), m[0].lower()) for m in WORD.finditer(piece[0])]
        while words and _frames(words[0].value, explained, query=query):
            words.pop(0)
        while words and (
            words[-1].value in _NEVER_LAST or (query and stem(words[-1].value) in explained)
        ):
            words.pop()
        if not words:
            continue
        start, end = piece.start() + words[0].start, piece.start() + words[-1].end
        if best is None or end - start > best.end - best.start:
            best = _trimmed(text, start, end, query=query) or best
    return best


def _frames(word: str, explained: Collection[str], *, query: bool) -> bool:
    return (
        word in _LEADING or stem(word) in explained or (query and (word in STOP or word in FAINT))
    )


def _trimmed(text: str, start: int, end: int, *, query: bool) -> Span | None:
    """The piece without punctuation, articles and politeness at its ends."""
    if query and (sentence := _SENTENCE.search(text, start, end)):
        end = sentence.start()
    words = [
        Span(start + m.start(), start + m.end(), m[0].lower())
        for m in WORD.finditer(text[start:end])
    ]
    if words and (frame := _KIND_OF_WORDS.match(text, words[0].start, end)):
        words = [word for word in words if word.start >= frame.end()]
    while query and words and words[0].value in _ARTICLES:
        words.pop(0)
    while words and (words[-1].value in _NEVER_LAST or (query and words[-1].value in STOP)):
        words.pop()
    if not words:
        return None
    first, last = words[0].start, words[-1].end
    # Brackets, signs and apostrophes that belong to the piece stay with it.
    while first > start and text[first - 1] not in ' \t\n"“”.,;:?!\0':
        first -= 1
    while last < end and text[last] not in ' \t\n"“”.,;:?!\0':
        last += 1
    return Span(first, last, text[first:last].strip())


def narrowed(span: Span, own: Collection[str]) -> Span:
    """What of a piece is a name: behind its last preposition, without what the name is of.

    Args:
        span: The piece.
        own: Words that say what it is the name of, which may stand before or behind it.
    """
    start, value = span.start, span.value
    for found in _WITHIN.finditer(value):
        start, value = span.start + found.end(), span.value[found.end() :]
    words = [Span(start + m.start(), start + m.end(), m[0]) for m in _CHUNK.finditer(value)]
    while len(words) > 1 and words[0].value.lower() in own:
        words.pop(0)
    while len(words) > 1 and words[-1].value.lower() in own:
        words.pop()
    if not words:
        return span
    first, last = words[0].start - span.start, words[-1].end - span.start
    return Span(words[0].start, words[-1].end, span.value[first:last])


def place(text: str, names: Iterable[Span]) -> Span | None:
    """A place: a proper name, rather one behind "in"; or what stands behind such a word."""
    free = [name for name in names if BLANK not in text[name.start : name.end]]
    for name in free:
        if _NAME_AHEAD.search(text[: name.start]):
            return name
    if free:
        return free[0]
    for found in _PLACE.finditer(text):
        words = found["s"].split()
        while words and words[-1].lower().strip(".?!,") in _WHEN | STOP:
            words.pop()
        if words and words[0].lower() not in STOP | _WHEN:
            value = " ".join(words).rstrip(".?!,'\u2019-")
            return Span(found.start("s"), found.start("s") + len(value), value)
    return None


def ends(text: str) -> tuple[Span, Span] | None:
    """From where to where: "from the station to the museum"."""
    for pattern in _TRIP:
        if found := pattern.search(text):
            return (
                Span(*found.span("a"), found["a"].strip()),
                Span(*found.span("b"), found["b"].strip()),
            )
    return None


def items(span: Span) -> list[str]:
    """The things that are counted up: "eggs, spinach and cheese"."""
    return [part.strip(" .?!") for part in _SEPARATOR.split(span.value) if part.strip(" .?!")]
