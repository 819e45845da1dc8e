# SPDX-License-Identifier: Apache-2.0
"""The operators of an expression, by the names that the grammar gives them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from rollcall.tools.calculator.functions import Run, percent, radians
from rollcall.tools.calculator.numbers import HUNDRED, ONE, TWO, Numbers

OPERATORS: Final[Mapping[str, Run]] = {
    "+": lambda numbers, given: numbers.add(given[0], given[1]),
    "-": lambda numbers, given: numbers.subtract(given[0], given[1]),
    "*": lambda numbers, given: numbers.multiply(given[0], given[1]),
    "/": lambda numbers, given: numbers.divide(given[0], given[1]),
    "//": lambda numbers, given: numbers.floor_divide(given[0], given[1]),
    "mod": lambda numbers, given: numbers.modulo(given[0], given[1]),
    "**": lambda numbers, given: numbers.power(given[0], given[1]),
    "negative": lambda numbers, given: numbers.negative(given[0]),
    "squared": lambda numbers, given: numbers.power(given[0], TWO),
    "cubed": lambda numbers, given: numbers.power(given[0], Decimal(3)),
    "factorial": lambda numbers, given: numbers.factorial(given[0]),
    "degrees": lambda numbers, given: radians(numbers, given[0]),
    "percent": lambda numbers, given: percent(numbers, given[0]),
    "share of": lambda numbers, given: numbers.multiply(
        numbers.divide(given[0], given[1]), HUNDRED
    ),
    "more_percent": lambda numbers, given: numbers.multiply(given[0], numbers.add(ONE, given[1])),
    "less_percent": lambda numbers, given: numbers.multiply(
        given[0], numbers.subtract(ONE, given[1])
    ),
}

COMPARISONS: Final[Mapping[str, Callable[[int], bool]]] = {
    "==": lambda order: order == 0,
    "!=": lambda order: order != 0,
    "<": lambda order: order < 0,
    "<=": lambda order: order <= 0,
    ">": lambda order: order > 0,
    ">=": lambda order: order >= 0,
}


def compared(numbers: Numbers, signs: Sequence[str], given: Sequence[Decimal]) -> bool:
    """Whether every comparison in a row holds, each between neighbours."""
    return all(
        COMPARISONS[sign](numbers.compare(given[at], given[at + 1]))
        for at, sign in enumerate(signs)
    )


@dataclass(frozen=True, slots=True)
class Notation:
    """How an operator is written.

    Args:
        signature: With the names of what it works on.
        description: What it gives, in plain words.
        example: An expression that uses it.
    """

    signature: str
    description: str
    example: str


NOTATIONS: Final[Mapping[str, Notation]] = {
    "+": Notation("a + b", "Adds (plus). With a percentage behind it: so much more.", "10 + 5"),
    "-": Notation("a - b", "Subtracts (minus). With a percentage behind it: so much less.",
                  "349.90 - 12%"),
    "*": Notation("a * b", "Multiplies (times); also \u00d7.", "3 * 4"),
    "/": Notation("a / b", "Divides (divided by); also ÷.", "10 / 4"),
    "//": Notation("a // b", "Divides and rounds down to a whole number.", "7 // 2"),
    "%": Notation("a % b", "What a division leaves over (modulo), where a number follows;"
                  " also a mod b.", "7 % 3"),
    "percent": Notation("a%", "A hundredth of a, where no number follows.", "50%"),
    "of": Notation("a% of b", "A percentage or a share of something: a percent times b.",
                   "12 % of 349.90"),
    "off": Notation("a% off b", "b less a percent of it (discount).", "20% off 80"),
    "is what percent of": Notation("a is what percent of b", "a by b in percent; also: what"
                                   " percent of b is a.", "20 is what percent of 80"),
    "**": Notation("a ** b", "a to the power of b; also a ^ b, and ² and ³.", "2 ** 8"),
    "!": Notation("n!", "The factorial of n.", "5!"),
    "°": Notation("a°", "An angle in degrees.", "sin(90°)"),
    "√": Notation("√a", "The square root of a; ∛ is the cube root.", "√16"),
    "comparison": Notation("a < b", "Whether it is so: < <= > >= == !=, also in a row.",
                           "1 < 2 <= 2"),
    "logic": Notation("p and q", "Joins comparisons: and, or, not.", "1 < 2 and not 3 < 2"),
    "( )": Notation("( )", "Parentheses are worked out first.", "(1 + 2) * 3"),
}  # fmt: skip
