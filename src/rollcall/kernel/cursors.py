# SPDX-License-Identifier: Apache-2.0
"""Where a page of a list ended, as a word that callers hand back and cannot read: pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import NamedTuple, TypeVar

import msgspec

from rollcall.kernel.errors import InvalidInput

T = TypeVar("T")


class Place(NamedTuple):
    """Where a page of what was made at some time ended."""

    at: float
    """When the last one was made, in seconds since 1970."""
    id: str


def cursor_of(place: object) -> str:
    """An opaque word for a place, of characters that need no escape in a URL (RFC 4648, section 5).

    Args:
        place: What msgspec has JSON for.
    """
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def place_at(
    cursor: str,
    decode: Callable[[bytes], T],
    problem: str = "must be taken from the Link of a page before",
) -> T:
    """The place that `cursor_of` made a word of.

    Args:
        cursor: The word.
        decode: Reads the JSON of places; whoever made the word up may have put anything there.
        problem: What to say of a word that is none of ours.

    Raises:
        InvalidInput: It is none of our words.
    """
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        return decode(raw)
    except (binascii.Error, UnicodeError, ValueError, msgspec.MsgspecError) as error:
        raise InvalidInput("cursor", problem) from error
