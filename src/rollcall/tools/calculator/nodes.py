# SPDX-License-Identifier: Apache-2.0
"""The tree of an expression."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

CALL = "call"
COMPARE = "compare"
NAME = "name"
NUMBER = "number"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Node:
    """A number, a name, or an operation on other nodes.

    Args:
        kind: `NUMBER`, `NAME`, `CALL`, `COMPARE`, or the name of an operator.
        children: What it works on.
        value: The number.
        text: The name of the constant or function; the signs of a comparison, with spaces.
        is_percent: Whether it was written as a percentage, so that `100 + 10%` is 110.
        is_share: Whether `of` may follow it: `1/2 of 80`.
    """

    kind: str
    children: tuple[Node, ...] = ()
    value: Decimal = Decimal(0)
    text: str = ""
    is_percent: bool = False
    is_share: bool = False
