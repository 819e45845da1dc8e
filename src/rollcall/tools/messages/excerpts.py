# SPDX-License-Identifier: Apache-2.0
"""The part of a message that shows best why it was found. Plain text: marking is the reader's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from rollcall.kernel.word_query import Clause, Query, stands
from rollcall.kernel.words import Word, words

LENGTH: Final = 240
"""Characters of a message that an excerpt has at most."""
_HITS: Final = 200
_ELLIPSIS: Final = "\u2026"

Span = tuple[int, int]
"""From the first character to behind the last one."""


class Excerpt(NamedTuple):
    """A part of a message.

    Args:
        text: As it stands there; an ellipsis says that there is more before or behind it.
        highlights: Where in `text` the words of the query stand, in order, in characters
            (Unicode code points).
    """

    text: str
    highlights: list[Span]


class _Hit(NamedTuple):
    start: int
    end: int
    clause: Clause


def excerpt(text: str, query: Query, length: int = LENGTH) -> Excerpt:
    """The first part of a message that has most of the clauses that a query looks for."""
    hits = _hits(list(words(text)), query.wanted)
    first, last = _best(hits, length)
    start, end = _window(text, first, last, length)
    shift = -start
    shown = text[start:end]
    if start > 0:
        shown, shift = _ELLIPSIS + shown, shift + 1
    if end < len(text):
        shown += _ELLIPSIS
    marks = [
        (max(one.start, start) + shift, min(one.end, end) + shift)
        for one in hits
        if one.start < end and one.end > start
    ]
    return Excerpt(shown, list(_joined(marks)))


def _hits(found: Sequence[Word], clauses: Sequence[Clause]) -> list[_Hit]:
    """Where clauses stand, by place; the first `_HITS`."""
    message = [word.folded for word in found]
    exact: dict[str, list[Clause]] = {}
    open_ended: list[Clause] = []
    for clause in clauses:
        if clause.prefix and len(clause.terms) == 1:
            open_ended.append(clause)
        else:
            exact.setdefault(clause.terms[0], []).append(clause)
    beginnings = tuple(clause.terms[0] for clause in open_ended)
    hits: list[_Hit] = []
    for at, term in enumerate(message):
        candidates = exact.get(term, [])
        if beginnings and term.startswith(beginnings):
            candidates = [*candidates, *open_ended]
        for clause in candidates:
            if stands(message, at, clause):
                last = found[at + len(clause.terms) - 1]
                hits.append(_Hit(found[at].start, last.end, clause))
        if len(hits) >= _HITS:
            break
    return hits


def _best(hits: Sequence[_Hit], length: int) -> Span:
    """From the first to the last hit of the window with the most different clauses."""
    best, most = (0, 0), 0
    for number, first in enumerate(hits):
        seen: set[Clause] = set()
        end = first.end
        for one in hits[number:]:
            if one.end - first.start > length:
                break
            seen.add(one.clause)
            end = max(end, one.end)
        # A phrase may be longer than the window; it is shown as far as it fits.
        count = len(seen) or 1
        if count > most:
            best, most = (first.start, min(end, first.start + length)), count
    return best


def _window(text: str, first: int, last: int, length: int) -> Span:
    """`length` characters around a span, cut between words where that is near."""
    start = max(0, first - (length - (last - first)) // 2)
    end = min(len(text), start + length)
    start = max(0, end - length)
    if start > 0:
        start = _behind_space(text, start, first)
    if end < len(text):
        end = _before_space(text, last, end)
    return start, end


def _behind_space(text: str, start: int, first: int) -> int:
    for at in range(start, first):
        if text[at].isspace():
            return at + 1
    return start


def _before_space(text: str, last: int, end: int) -> int:
    for at in range(end - 1, last - 1, -1):
        if text[at].isspace():
            return at
    return end


def _joined(marks: Sequence[Span]) -> Iterator[Span]:
    """Spans without overlaps."""
    open_mark: Span | None = None
    for start, end in sorted(marks):
        if open_mark is not None and start < open_mark[1]:
            open_mark = (open_mark[0], max(open_mark[1], end))
            continue
        if open_mark is not None:
            yield open_mark
        open_mark = (start, end)
    if open_mark is not None:
        yield open_mark
