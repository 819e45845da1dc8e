# SPDX-License-Identifier: Apache-2.0
"""How much one calculation may take, and how exact it is.

Every number has at most `MAX_DIGITS` digits before the point. Sums, products and quotients are
worked out to `WORKING_DIGITS` significant digits, so that 70 digits more than the greatest
`precision` that can be asked for are right even behind the greatest number.
"""

from __future__ import annotations

from decimal import (
    ROUND_HALF_UP,
    Context,
    DivisionByZero,
    InvalidOperation,
    Overflow,
)

from rollcall.tools.calculator.errors import CannotCalculate

MAX_EXPRESSION = 2000
"""Characters of an expression."""

MAX_DEPTH = 50
"""Parentheses, signs and powers inside each other."""

MAX_DIGITS = 400
"""Digits before the point, of any number on the way."""

MAX_EXPONENT = 100_000
"""How small a number may get: 10 to the minus this, then it counts as 0."""

WORKING_DIGITS = MAX_DIGITS + 120
SURE_DIGITS = WORKING_DIGITS - 40
"""Significant digits that are compared; what differs behind them is noise of the rounding."""

MAX_STEPS = 10_000
"""Work of one calculation. An addition is one step, a logarithm `HARD`; 10,000 steps are about a
quarter of a second."""

HARD = 100
"""Steps of a function that is worked out as a series: logarithms, sines, powers."""

DEFAULT_PRECISION = 10
MAX_PRECISION = 50


def context(digits: int = WORKING_DIGITS) -> Context:
    """A decimal context of our own, so that nobody else's has an influence."""
    return Context(
        prec=digits,
        rounding=ROUND_HALF_UP,
        Emin=-MAX_EXPONENT,
        Emax=MAX_EXPONENT,
        capitals=1,
        clamp=0,
        flags=[],
        traps=[InvalidOperation, DivisionByZero, Overflow],
    )


class Budget:
    """The steps that a calculation has left.

    Args:
        steps: How many there are.
    """

    def __init__(self, steps: int = MAX_STEPS) -> None:
        self.steps = steps
        self.spent = 0

    def spend(self, steps: int = 1) -> None:
        """Take some, before the work is done.

        Raises:
            CannotCalculate: There are not as many left; nothing is taken.
        """
        if self.spent + steps > self.steps:
            raise CannotCalculate(
                "the expression takes too much work: split it into several smaller ones"
            )
        self.spent += steps
