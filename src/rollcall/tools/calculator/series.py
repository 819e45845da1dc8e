# SPDX-License-Identifier: Apache-2.0
"""Trigonometry to all working digits: power series on integers of fixed scale.

Arguments are reduced with as many digits of pi as they need, so that `sin(10**300)` is right.
"""

from __future__ import annotations

from decimal import Decimal
from functools import cache

from rollcall.tools.calculator.errors import CannotCalculate
from rollcall.tools.calculator.limits import HARD, MAX_DIGITS, SURE_DIGITS, WORKING_DIGITS
from rollcall.tools.calculator.numbers import ONE, TWO, ZERO, Numbers

_SCALE = WORKING_DIGITS + 40
_PI_SCALE = _SCALE + MAX_DIGITS
_HALVINGS = 8


def pi(numbers: Numbers) -> Decimal:
    return _decimal(numbers, _pi(), _PI_SCALE)


def e(numbers: Numbers) -> Decimal:
    return numbers.exp(ONE)


def sin(numbers: Numbers, angle: Decimal) -> Decimal:
    """The sine of an angle in radians."""
    quarter, rest = _reduced(numbers, angle)
    value = _cosine(rest) if quarter % 2 else _sine(rest)
    return _decimal(numbers, -value if quarter in (2, 3) else value)


def cos(numbers: Numbers, angle: Decimal) -> Decimal:
    """The cosine of an angle in radians."""
    quarter, rest = _reduced(numbers, angle)
    value = _sine(rest) if quarter % 2 else _cosine(rest)
    return _decimal(numbers, -value if quarter in (1, 2) else value)


def tan(numbers: Numbers, angle: Decimal) -> Decimal:
    """The tangent of an angle in radians."""
    divisor = cos(numbers, angle)
    if not divisor:
        raise CannotCalculate("the tangent is not defined at odd multiples of 90 degrees")
    return numbers.divide(sin(numbers, angle), divisor)


def atan(numbers: Numbers, value: Decimal) -> Decimal:
    """The angle in radians, from -pi/2 to pi/2, that has this tangent."""
    if value.copy_abs() > 1:
        right_angle = numbers.divide(pi(numbers), TWO).copy_sign(value)
        return numbers.subtract(right_angle, atan(numbers, numbers.divide(ONE, value)))
    numbers.spend(HARD)
    for _ in range(_HALVINGS):
        square = numbers.multiply(value, value)
        value = numbers.divide(value, numbers.add(ONE, numbers.sqrt(numbers.add(ONE, square))))
    angle = _arctangent(int(numbers.context.scaleb(value, _SCALE)))
    return _decimal(numbers, angle << _HALVINGS)


def asin(numbers: Numbers, value: Decimal) -> Decimal:
    """The angle in radians, from -pi/2 to pi/2, that has this sine."""
    adjacent = numbers.sqrt(_beside(numbers, value, "arcsine"))
    return atan2(numbers, value, adjacent)


def acos(numbers: Numbers, value: Decimal) -> Decimal:
    """The angle in radians, from 0 to pi, that has this cosine."""
    opposite = numbers.sqrt(_beside(numbers, value, "arccosine"))
    return atan2(numbers, opposite, value)


def atan2(numbers: Numbers, y: Decimal, x: Decimal) -> Decimal:
    """The angle in radians, above -pi to pi, of the point (x, y); 0 for the origin."""
    if not x:
        return numbers.divide(pi(numbers), TWO).copy_sign(y) if y else ZERO
    angle = atan(numbers, numbers.divide(y, x))
    if x > 0:
        return angle
    half_turn = pi(numbers)
    return numbers.add(angle, half_turn if y >= 0 else half_turn.copy_negate())


def sinh(numbers: Numbers, value: Decimal) -> Decimal:
    grown = numbers.exp(value.copy_abs())
    difference = numbers.subtract(grown, numbers.divide(ONE, grown))
    return numbers.divide(difference, TWO).copy_sign(value)


def cosh(numbers: Numbers, value: Decimal) -> Decimal:
    grown = numbers.exp(value.copy_abs())
    return numbers.divide(numbers.add(grown, numbers.divide(ONE, grown)), TWO)


def tanh(numbers: Numbers, value: Decimal) -> Decimal:
    faded = numbers.exp(numbers.multiply(value.copy_abs(), Decimal(-2)))
    quotient = numbers.divide(numbers.subtract(ONE, faded), numbers.add(ONE, faded))
    return quotient.copy_sign(value)


def asinh(numbers: Numbers, value: Decimal) -> Decimal:
    return _area(numbers, value.copy_abs(), ONE).copy_sign(value)


def acosh(numbers: Numbers, value: Decimal) -> Decimal:
    if value < 1:
        raise CannotCalculate("acosh is defined from 1 upwards")
    return _area(numbers, value, Decimal(-1))


def atanh(numbers: Numbers, value: Decimal) -> Decimal:
    if value.copy_abs() >= 1:
        raise CannotCalculate("atanh is defined between -1 and 1 only")
    quotient = numbers.divide(numbers.add(ONE, value), numbers.subtract(ONE, value))
    return numbers.divide(numbers.ln(quotient), TWO)


def _area(numbers: Numbers, size: Decimal, one: Decimal) -> Decimal:
    """The logarithm of x + sqrt(x² ± 1), without squaring what is too large for it."""
    if size.adjusted() >= MAX_DIGITS // 2:
        return numbers.add(numbers.ln(size), numbers.ln(TWO))
    square = numbers.multiply(size, size)
    return numbers.ln(numbers.add(size, numbers.sqrt(numbers.add(square, one))))


def _beside(numbers: Numbers, value: Decimal, name: str) -> Decimal:
    """1 - value², the square of the other side of the triangle."""
    if numbers.compare(value.copy_abs(), ONE) > 0:
        raise CannotCalculate(f"the {name} is defined from -1 to 1 only")
    rest = numbers.multiply(numbers.subtract(ONE, value), numbers.add(ONE, value))
    return max(rest, ZERO)


def _reduced(numbers: Numbers, angle: Decimal) -> tuple[int, int]:
    """The quarter of the circle, 0 to 3, and the rest of the angle, at `_SCALE`.

    A rest that is but the rounding of the angle itself counts as 0, so that `sin(pi)` is 0.
    """
    numbers.spend(HARD)
    scale = _SCALE + max(0, angle.adjusted() if angle else 0)
    fixed = int(numbers.context.scaleb(angle, scale))
    right_angle = _pi() // (2 * 10 ** (_PI_SCALE - scale))
    turns = (2 * fixed + right_angle) // (2 * right_angle)
    rest = fixed - turns * right_angle
    if turns and abs(rest) < abs(fixed) // 10**SURE_DIGITS:
        rest = 0
    return turns % 4, rest // 10 ** (scale - _SCALE)


def _sine(angle: int) -> int:
    return _circular(angle, angle, 1)


def _cosine(angle: int) -> int:
    return _circular(angle, 10**_SCALE, 0)


def _circular(angle: int, term: int, number: int) -> int:
    """The alternating series that begins with `term`, the power `number` of the angle."""
    unit = 10**_SCALE
    square = angle * angle // unit
    total = 0
    while term:
        total += term
        term = -(term * square // unit) // ((number + 1) * (number + 2))
        if term == -1:
            break
        number += 2
    return total


def _arctangent(tangent: int) -> int:
    unit = 10**_SCALE
    square = tangent * tangent // unit
    power, number, total = abs(tangent), 1, 0
    while power:
        total += power // number if number % 4 == 1 else -(power // number)
        power = power * square // unit
        number += 2
    return total if tangent >= 0 else -total


@cache
def _pi() -> int:
    """Pi at `_PI_SCALE`, by Machin's formula."""
    guarded = 10 ** (_PI_SCALE + 10)
    return (16 * _inverse_arctangent(5, guarded) - 4 * _inverse_arctangent(239, guarded)) // 10**10


def _inverse_arctangent(divisor: int, unit: int) -> int:
    """The arctangent of 1/divisor, times `unit`."""
    power, number, total = unit // divisor, 1, 0
    while power:
        total += power // number if number % 4 == 1 else -(power // number)
        power //= divisor * divisor
        number += 2
    return total


def _decimal(numbers: Numbers, fixed: int, scale: int = _SCALE) -> Decimal:
    return numbers.kept(numbers.context.scaleb(Decimal(fixed), -scale))
