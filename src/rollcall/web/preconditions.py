# SPDX-License-Identifier: Apache-2.0
"""Revisions over HTTP: entity tags, and `If-Match` (RFC 9110, sections 8.8.3 and 13.1.1).

An entity tag is a revision. It stands for what was written; what is worked out at every reading
changes without it, so it guards writes and saves no reads.
"""

from __future__ import annotations

import re
from typing import Annotated, Final

from fastapi import Header

from rollcall.kernel.errors import InvalidInput

IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        max_length=1000,
        description="The entity tag that was read: write only if it is still that (else 412).",
    ),
]
"""For `accepted`."""

_TAG: Final = re.compile(r'(W/)?"([\x21\x23-\x7e]*)"')
_REVISION: Final = re.compile(r"0|[1-9][0-9]{0,18}")
_NOT_ONE: Final = 0
"""A revision that nothing is ever at."""


def etag(revision: int) -> str:
    """The entity tag of what is at `revision`."""
    return f'"{revision}"'


def accepted(if_match: str | None) -> frozenset[int] | None:
    """The revisions that a write may find; None: any.

    Args:
        if_match: The header: `*`, or entity tags. One that is weak, or not ours, matches nothing,
            which is what revision 0 stands for.

    Raises:
        InvalidInput: It is neither.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    revisions: list[int] = []
    for part in if_match.split(","):
        tag = _TAG.fullmatch(part.strip())
        if tag is None:
            raise InvalidInput("If-Match", 'must be * or entity tags, as in "12"')
        ours = not tag[1] and _REVISION.fullmatch(tag[2])
        revisions.append(int(tag[2]) if ours else _NOT_ONE)
    return frozenset(revisions)


def expected(if_match: str | None, current: int) -> int | None:
    """The revision that a write must find; None: any.

    Args:
        if_match: As for `accepted`.
        current: The revision as far as is known here.

    Raises:
        InvalidInput: As for `accepted`.
    """
    revisions = accepted(if_match)
    if revisions is None:
        return None
    return current if current in revisions else max(revisions)
