# SPDX-License-Identifier: Apache-2.0
"""Lists by the page: where the last one ended."""

from __future__ import annotations

from typing import Final

import msgspec

from rollcall.kernel.cursors import cursor_of, place_at
from rollcall.registry.reader import View

MAX_PAGE: Final = 10_000
DEFAULT_PAGE: Final = 1_000

Key = tuple[str, str]
"""Name and id of a page's last record."""

_decode: Final = msgspec.json.Decoder(tuple[str, str]).decode


def cursor(key: Key) -> str:
    """An opaque word for `key`, of characters that need no escape in a URL."""
    return cursor_of(key)


def parse_cursor(text: str | None) -> Key | None:
    """The key that `cursor` made the word of.

    Raises:
        InvalidInput: It is none of our words.
    """
    return None if text is None else place_at(text, _decode)


def next_cursor(page: list[View], more: bool) -> str | None:
    """The word for where the page after `page` begins; None: there is none."""
    return cursor((page[-1].record.name, page[-1].record.id)) if more else None
