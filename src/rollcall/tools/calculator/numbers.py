# SPDX-License-Identifier: Apache-2.0
"""Arithmetic on decimals that says no before it takes long."""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, Decimal, Overflow

from rollcall.tools.calculator.errors import CannotCalculate
from rollcall.tools.calculator.limits import (
    HARD,
    MAX_DIGITS,
    MAX_EXPONENT,
    SURE_DIGITS,
    Budget,
    context,
)

ZERO = Decimal(0)
ONE = Decimal(1)
TWO = Decimal(2)
HUNDRED = Decimal(100)

_ESTIMATE = context(20)
_SURE = context(SURE_DIGITS)


class Numbers:
    """The operations of one calculation, in a decimal context of its own.

    Every operation returns a finite number of at most `MAX_DIGITS` digits before the point, or
    raises `CannotCalculate`.

    Args:
        budget: Pays for them.
    """

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.context = context()

    def spend(self, steps: int = 1) -> None:
        """Pay for work that is about to be done."""
        self.budget.spend(steps)

    def kept(self, value: Decimal) -> Decimal:
        """`value`, rounded to the working digits, if it is within the limits."""
        if value and value.adjusted() >= MAX_DIGITS:
            raise too_large()
        return self.context.plus(value)

    def add(self, left: Decimal, right: Decimal) -> Decimal:
        self.spend()
        return self.kept(self.context.add(left, right))

    def subtract(self, left: Decimal, right: Decimal) -> Decimal:
        self.spend()
        return self.kept(self.context.subtract(left, right))

    def multiply(self, left: Decimal, right: Decimal) -> Decimal:
        self.spend()
        return self.kept(self.context.multiply(left, right))

    def divide(self, left: Decimal, right: Decimal) -> Decimal:
        self.spend()
        if not right:
            raise CannotCalculate("division by zero has no result")
        try:
            return self.kept(self.context.divide(left, right))
        except Overflow:
            raise too_large() from None

    def negative(self, value: Decimal) -> Decimal:
        return self.context.minus(value)

    def floor_divide(self, left: Decimal, right: Decimal) -> Decimal:
        """The whole part of the quotient, rounded down as Python does."""
        return self.floor(self.divide(left, right))

    def modulo(self, left: Decimal, right: Decimal) -> Decimal:
        """What a division leaves over, with the sign of the divisor as in Python."""
        if not right:
            raise CannotCalculate("division by zero has no remainder")
        quotient = self.floor_divide(left, right)
        return self.subtract(left, self.multiply(quotient, right))

    def sqrt(self, value: Decimal) -> Decimal:
        self.spend(10)
        if value < 0:
            raise CannotCalculate("the square root of a negative number is not a real number")
        return self.kept(self.context.sqrt(value))

    def exp(self, value: Decimal) -> Decimal:
        self.spend(HARD)
        if value > MAX_DIGITS * 3:
            raise too_large()
        if value < -MAX_EXPONENT:
            return ZERO
        return self.kept(self.context.exp(value))

    def ln(self, value: Decimal) -> Decimal:
        self.spend(HARD)
        if value <= 0:
            raise CannotCalculate("logarithms are defined for numbers above 0 only")
        return self.kept(self.context.ln(value))

    def log10(self, value: Decimal) -> Decimal:
        self.spend(HARD)
        if value <= 0:
            raise CannotCalculate("logarithms are defined for numbers above 0 only")
        return self.kept(self.context.log10(value))

    def power(self, base: Decimal, exponent: Decimal) -> Decimal:
        """`base` to the power of `exponent`; 0 to the power of 0 is 1.

        The size of the result is estimated before anything is multiplied.
        """
        self.spend()
        sure = snapped(exponent)
        whole = sure == sure.to_integral_value()
        if not exponent or base == ONE:
            return ONE
        if not base:
            if exponent < 0:
                raise CannotCalculate("0 to a negative power is a division by zero")
            return ZERO
        if base < 0 and not whole:
            raise CannotCalculate(
                "a negative number has a real power for whole exponents only;"
                " for odd roots use cbrt(x) or root(x, n)"
            )
        if base == -1:
            return ONE if _is_even(sure) else base
        digits = _ESTIMATE.multiply(_ESTIMATE.log10(base.copy_abs()), exponent)
        if digits >= MAX_DIGITS:
            raise too_large(digits)
        if digits < -MAX_EXPONENT:
            return ZERO
        self.spend(HARD * (2 + max(0, exponent.adjusted()) // 10))
        size = self.context.power(base.copy_abs(), sure if whole else exponent)
        return self.kept(size.copy_negate() if base < 0 and not _is_even(sure) else size)

    def floor(self, value: Decimal) -> Decimal:
        return snapped(value).to_integral_value(ROUND_FLOOR)

    def ceil(self, value: Decimal) -> Decimal:
        return snapped(value).to_integral_value(ROUND_CEILING)

    def trunc(self, value: Decimal) -> Decimal:
        return snapped(value).to_integral_value(ROUND_DOWN)

    def whole(self, value: Decimal, what: str) -> int:
        """`value` as a whole number.

        Args:
            value: The number.
            what: Who needs it whole, for the error.
        """
        sure = snapped(value)
        if sure != sure.to_integral_value():
            raise CannotCalculate(f"{what} is defined for whole numbers only")
        return int(sure)

    def compare(self, left: Decimal, right: Decimal) -> int:
        """-1, 0 or 1. What differs in the noise of rounding alone is equal."""
        self.spend()
        return int(snapped(left).compare(snapped(right)))

    def factorial(self, value: Decimal) -> Decimal:
        number = self.whole(value, "the factorial")
        if number < 0:
            raise CannotCalculate("the factorial of a negative number is not defined")
        return self.permutations(number, number)

    def permutations(self, items: int, chosen: int) -> Decimal:
        """In how many orders `chosen` of `items` can stand."""
        product = 1
        for factor in range(items, items - chosen, -1):
            self.spend()
            product = self._bounded(product * factor)
        return self.kept(Decimal(product))

    def combinations(self, items: int, chosen: int) -> Decimal:
        """How many choices there are of `chosen` out of `items`, in no order."""
        if chosen > items:
            return ZERO
        found = 1
        for step in range(min(chosen, items - chosen)):
            self.spend()
            found = self._bounded(found * (items - step) // (step + 1))
        return self.kept(Decimal(found))

    def common_multiple(self, numbers: list[int]) -> Decimal:
        found = 1
        for number in numbers:
            self.spend()
            found = self._bounded(math.lcm(found, number))
        return self.kept(Decimal(found))

    @staticmethod
    def _bounded(number: int) -> int:
        if number.bit_length() > MAX_DIGITS * 10 // 3:
            raise too_large()
        return number


def snapped(value: Decimal) -> Decimal:
    """`value` without the digits in which rounding makes its noise."""
    return _SURE.plus(value)


def too_large(digits: Decimal | None = None) -> CannotCalculate:
    """The error for what has too many digits; `digits`: about how many, where that is known."""
    limit = f"the result is too large: numbers have at most {MAX_DIGITS} digits before the point"
    if digits is None:
        return CannotCalculate(limit)
    if digits < 10**12:
        return CannotCalculate(f"{limit}, and this one would have about {int(digits) + 1:,}")
    return CannotCalculate(f"{limit}, and this one would have very many more")


def _is_even(value: Decimal) -> bool:
    return int(value) % 2 == 0
