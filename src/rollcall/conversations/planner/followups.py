# SPDX-License-Identifier: Apache-2.0
"""A request that only makes sense after another: "and of 25?" after "square root of 16"."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date
from typing import Final

from rollcall.conversations.planner.reading import Reading, Span

_BEGINS: Final = re.compile(
    r"^\s*(?:and|but|or|now|then|what about|how about|what if|the same|same|again|und|und für)\b",
    re.IGNORECASE,
)
_MOST_WORDS: Final = 9

_PIECES: Final[tuple[Callable[[Reading], Sequence[Span]], ...]] = (
    lambda one: one.urls,
    lambda one: one.emails,
    lambda one: one.quoted,
    lambda one: one.dates,
    lambda one: [Span(n.start, n.end, one.text[n.start : n.end]) for n in one.numbers],
    lambda one: one.names,
)


def continued(text: str, before: str, today: date) -> str | None:
    """The earlier request with what the later one says instead; None: it does not follow on.

    It does where it begins like it, is short, and has pieces of one kind (numbers, an address, a
    name), as many as the earlier one.
    """
    if not _BEGINS.match(text) or len(text.split()) > _MOST_WORDS:
        return None
    new, old = Reading(text, today), Reading(before, today)
    for pieces in _PIECES:
        instead, there = pieces(new), pieces(old)
        if instead and len(instead) == len(there):
            joined = old.text
            for fresh, stale in zip(reversed(instead), reversed(there), strict=True):
                said = new.text[fresh.start : fresh.end]
                joined = joined[: stale.start] + said + joined[stale.end :]
            return joined
    return None
