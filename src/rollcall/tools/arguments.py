# SPDX-License-Identifier: Apache-2.0
"""Arguments as they come in: JSON read strictly, so that no tool is given what breaks it."""

from __future__ import annotations

import math
from typing import Any, Final, cast

from rollcall.kernel.errors import InvalidInput

MAX_DEPTH: Final = 64
_LARGEST: Final = 2**63
_WHOLE: Final = 2.0**53


def plain(value: Any, field: str = "", depth: int = 0) -> Any:
    """`value`, which came as JSON, with whole numbers as such: JSON Schema calls 3.0 an integer.

    Raises:
        InvalidInput: A number is beyond 64 bits or infinite, text is no Unicode or holds NUL, or
            there are more than `MAX_DEPTH` levels. Names the field, dotted.
    """
    if isinstance(value, str):
        return _text(value, field)
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):
        return _number(value, field)
    if depth >= MAX_DEPTH:
        raise InvalidInput(field.partition(".")[0], f"is nested more than {MAX_DEPTH} levels deep")
    if isinstance(value, dict):
        items = cast("dict[str, Any]", value).items()
        return {_text(key, field): plain(one, _in(field, key), depth + 1) for key, one in items}
    if isinstance(value, list):
        ones = enumerate(cast("list[Any]", value))
        return [plain(one, _in(field, str(place)), depth + 1) for place, one in ones]
    raise InvalidInput(field or "arguments", f"must be JSON, not {type(value).__name__}")


def _number(value: float, field: str) -> float:
    if isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidInput(field or "arguments", "is beyond the range of numbers")
        return int(value) if value.is_integer() and abs(value) < _WHOLE else value
    if not -_LARGEST <= value < _LARGEST:
        raise InvalidInput(field or "arguments", "must fit into 64 bits")
    return value


def _text(text: str, field: str) -> str:
    if "\0" in text or (
        not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text)
    ):
        raise InvalidInput(field or "arguments", "must be valid Unicode text without NUL")
    return text


def _in(field: str, name: str) -> str:
    shown = name[:64].encode("ascii", "backslashreplace").decode()
    return f"{field}.{shown}" if field else shown
