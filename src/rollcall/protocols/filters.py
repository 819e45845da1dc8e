# SPDX-License-Identifier: Apache-2.0
"""Query parameters that are filters, as what the core asks for."""

from __future__ import annotations

import json
from typing import Any, Final, Literal

from rollcall.kernel.errors import InvalidInput
from rollcall.registry.models import Kind

MAX_FILTERS: Final = 32
"""How often one parameter may be given."""

AnyKind = Literal["agent", "tool", "api", "database", "gateway", "other", "any"]


def kinds(words: list[AnyKind]) -> frozenset[Kind] | None:
    """The kinds that count; None: all of them."""
    return None if "any" in words else frozenset(Kind(word) for word in words)


def metadata(pairs: list[str]) -> dict[str, Any] | None:
    """What `metadata=key:value` parameters ask for; None: nothing.

    A value that is a JSON number, string, true, false or null is that; any other is text.

    Raises:
        InvalidInput: One has no key or no colon, or asks for a key a second time.
    """
    wanted: dict[str, Any] = {}
    for place, pair in enumerate(pairs):
        key, colon, value = pair.partition(":")
        if not colon or not key or key in wanted:
            raise InvalidInput(f"metadata.{place}", "must be key:value, and each key once")
        wanted[key] = _scalar(value)
    return wanted or None


def _scalar(text: str) -> Any:
    try:
        value = json.loads(text, parse_constant=_as_text)
    except (ValueError, RecursionError):
        return text
    return text if isinstance(value, dict | list) else value


def _as_text(word: str) -> str:
    return word
