# SPDX-License-Identifier: Apache-2.0
"""What must hold of words and decoded JSON that come in from outside."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import msgspec

from rollcall.kernel.errors import InvalidInput

MAX_METADATA: Final = 65_536
"""Bytes that metadata, or the parameters of a capability, may have as JSON."""
MAX_VERSION: Final = 128

_encode: Final = msgspec.json.Encoder().encode


def check_json(field: str, value: dict[str, Any]) -> dict[str, Any] | None:
    """`value`, which is not too large to keep with a record; None: it is empty.

    Raises:
        InvalidInput: It is larger than `MAX_METADATA`.
    """
    if not value:
        return None
    size = len(_encode(value))
    if size > MAX_METADATA:
        raise InvalidInput(field, f"must have at most {MAX_METADATA} bytes as JSON, not {size}")
    return value


def distinct(field: str, words: Sequence[str]) -> tuple[str, ...]:
    """`words`, none of which is there twice.

    Raises:
        InvalidInput: One is. Names its place.
    """
    seen: set[str] = set()
    for place, word in enumerate(words):
        if word in seen:
            raise InvalidInput(f"{field}.{place}", "is there twice")
        seen.add(word)
    return tuple(words)


@contextmanager
def fields_named(rename: Callable[[str], str]) -> Generator[None]:
    """Have errors about the core's fields name those of the protocol instead."""
    try:
        yield
    except InvalidInput as error:
        raise InvalidInput(rename(error.field), error.problem) from error
