# SPDX-License-Identifier: Apache-2.0
"""Lists by the page: where the last one ended."""

from __future__ import annotations

import base64
import binascii
from typing import Final

import msgspec

from rollcall.kernel.errors import InvalidInput
from rollcall.registry.reader import View

MAX_PAGE: Final = 10_000
DEFAULT_PAGE: Final = 1_000

Key = tuple[str, str]
"""Name and id of a page's last record."""

_decode: Final = msgspec.json.Decoder(tuple[str, str]).decode


def cursor(key: Key) -> str:
    """An opaque word for `key`, of characters that need no escape in a URL."""
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).decode().rstrip("=")


def parse_cursor(text: str | None) -> Key | None:
    """The key that `cursor` made the word of.

    Raises:
        InvalidInput: It is none of our words.
    """
    if text is None:
        return None
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        return _decode(raw)
    except (binascii.Error, UnicodeError, ValueError, msgspec.MsgspecError) as error:
        raise InvalidInput("cursor", "must be taken from the Link of a page before") from error


def next_cursor(page: list[View], more: bool) -> str | None:
    """The word for where the page after `page` begins; None: there is none."""
    return cursor((page[-1].record.name, page[-1].record.id)) if more else None
