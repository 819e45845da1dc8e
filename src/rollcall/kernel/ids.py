# SPDX-License-Identifier: Apache-2.0
"""Identifiers: drawn from a source that is an argument, or derived from what they name."""

from __future__ import annotations

import hashlib
import itertools
import secrets
from typing import Protocol


class IdSource(Protocol):
    """Draws identifiers that nobody else has drawn."""

    def hex(self, digits: int) -> str:
        """A new string of `digits` lower-case hexadecimal digits."""
        ...


class RandomIds:
    """Identifiers from the operating system's randomness."""

    def hex(self, digits: int) -> str:
        return secrets.token_hex((digits + 1) // 2)[:digits]


class OperationIds:
    """Operation ids: unique over processes by a drawn prefix, cheap by a counter behind it.

    An operation id names one logical act. It is kept in the same transaction as the act, so that
    an unknown outcome can be settled by asking for it.
    """

    def __init__(self, source: IdSource) -> None:
        self._prefix = source.hex(12)
        self._count = itertools.count(1)

    def next(self) -> str:
        return f"{self._prefix}-{next(self._count)}"


def derived(*parts: str, digits: int = 32) -> str:
    """The identifier of what `parts` name together: the same parts always give the same one."""
    # The length before each part keeps ("ab", "c") and ("a", "bc") apart.
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.blake2b(text.encode(), digest_size=(digits + 1) // 2).hexdigest()[:digits]
