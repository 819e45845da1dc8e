# SPDX-License-Identifier: Apache-2.0
"""What must hold of ids and names that come in from outside."""

from __future__ import annotations

from rollcall.kernel.errors import InvalidInput
from rollcall.registry.validation import MAX_ID


def check_line(field: str, text: str, longest: int = MAX_ID, *, shortest: int = 1) -> str:
    """`text`, which is one printable line.

    Raises:
        InvalidInput: It is too short, too long, blank, or holds what cannot be seen: NUL, line
            ends, right-to-left marks, lone surrogates.
    """
    if not shortest <= len(text) <= longest:
        raise InvalidInput(field, f"must have {shortest} to {longest} characters, not {len(text)}")
    if text and (not text.isprintable() or text.isspace()):
        raise InvalidInput(field, "must be printable and not blank")
    return text


def check_id(field: str, key: str, longest: int = MAX_ID) -> str:
    """`key`, which can stand in a path as one segment.

    Raises:
        InvalidInput: It cannot: it has a slash or a backslash, is `.` or `..`, begins or ends with
            a blank, or is no line.
    """
    check_line(field, key, longest)
    if "/" in key or "\\" in key or key in (".", "..") or key != key.strip():
        raise InvalidInput(
            field, "must be one segment of a path: no slashes, no outer blanks, not . or .."
        )
    return key
