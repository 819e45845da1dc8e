# SPDX-License-Identifier: Apache-2.0
"""Revisions over HTTP: entity tags of single records, `If-Match`, `min_revision`.

An entity tag is the record's revision. It stands for what was written; what is worked out at every
reading (age of the last heartbeat) changes without it, so it guards writes and saves no reads.
Source: RFC 9110, sections 8.8.3 and 13.1.1.
"""

from __future__ import annotations

import re
from typing import Final

from rollcall.kernel.clock import within
from rollcall.kernel.errors import InvalidInput, Unavailable
from rollcall.registry.reader import RegistryReader

MAX_WAIT: Final = 5.0
"""Seconds that a read waits for `min_revision`."""

_TAG: Final = re.compile(r'(W/)?"([\x21\x23-\x7e]*)"')
_REVISION: Final = re.compile(r"0|[1-9][0-9]{0,18}")
_NOT_ONE: Final = 0
"""A revision that no record is ever at."""


def etag(revision: int) -> str:
    """The entity tag of a record at `revision`."""
    return f'"{revision}"'


def expected(if_match: str | None, current: int) -> int | None:
    """The revision that a write must find; None: any.

    Args:
        if_match: The header: `*`, or entity tags. One that is weak, or not ours, matches nothing.
        current: The record's revision as far as is known here.

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
    return current if current in revisions else max(revisions)


async def reached(service: RegistryReader, revision: int | None) -> None:
    """Return once the registry is at `revision` or later.

    Raises:
        Unavailable: It is not within `MAX_WAIT`.
    """
    if revision is None or service.state.revision >= revision:
        return
    try:
        await within(service.clock, MAX_WAIT, service.reached(revision))
    except TimeoutError:
        raise Unavailable(
            f"revision {revision} was not reached within {MAX_WAIT:g} s;"
            f" this replica is at {service.state.revision}"
        ) from None
