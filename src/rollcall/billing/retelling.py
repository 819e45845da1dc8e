# SPDX-License-Identifier: Apache-2.0
"""What two tell by one key in the same moment: the second one finds what the first one wrote."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from rollcall.billing.ports import KeyTaken

T = TypeVar("T")

ATTEMPTS: Final = 5


async def settled(once: Callable[[], Awaitable[T]]) -> T:
    """What `once`, a whole unit of work, gives; it is done again where somebody else was quicker.

    Raises:
        KeyTaken: Others were quicker each time.
    """
    for _ in range(ATTEMPTS - 1):
        try:
            return await once()
        except KeyTaken:
            # Whoever was quicker has committed: now it is known.
            continue
    return await once()
