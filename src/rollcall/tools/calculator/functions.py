# SPDX-License-Identifier: Apache-2.0
"""The functions and constants that an expression may name: one table for the walker and for those
who ask what there is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce
from typing import Final

from rollcall.tools.calculator import series
from rollcall.tools.calculator.errors import CannotCalculate
from rollcall.tools.calculator.grammar import Arity
from rollcall.tools.calculator.limits import MAX_DIGITS, context
from rollcall.tools.calculator.numbers import HUNDRED, ONE, TWO, ZERO, Numbers, snapped

_HALF_TURN = Decimal(180)
_WIDE = context(2 * MAX_DIGITS + 200)

Run = Callable[[Numbers, Sequence[Decimal]], Decimal]


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the calculator.

    Args:
        signature: How it is written, with the names of its arguments.
        description: What it gives, in plain words.
        example: An expression that uses it.
        arity: How many arguments it takes.
        run: Works it out.
    """

    signature: str
    description: str
    example: str
    arity: Arity
    run: Run


@dataclass(frozen=True, slots=True)
class Constant:
    """A number with a name."""

    description: str
    example: str
    run: Callable[[Numbers], Decimal]


def _one(run: Callable[[Numbers, Decimal], Decimal]) -> Run:
    return lambda numbers, given: run(numbers, given[0])


def _two(run: Callable[[Numbers, Decimal, Decimal], Decimal]) -> Run:
    return lambda numbers, given: run(numbers, given[0], given[1])


def _root(numbers: Numbers, value: Decimal, degree: Decimal) -> Decimal:
    whole = numbers.whole(degree, "the degree of a root")
    if whole == 0:
        raise CannotCalculate("there is no root of degree 0")
    if whole == 2:
        return numbers.sqrt(value)
    if value < 0 and whole % 2 == 0:
        raise CannotCalculate("an even root of a negative number is not a real number")
    size = numbers.power(value.copy_abs(), numbers.divide(ONE, degree))
    return snapped(size).copy_sign(value)


def _cbrt(numbers: Numbers, value: Decimal) -> Decimal:
    return _root(numbers, value, Decimal(3))


def _log(numbers: Numbers, given: Sequence[Decimal]) -> Decimal:
    if len(given) == 1 or given[1] == 10:
        return numbers.log10(given[0])
    if given[1] == ONE:
        raise CannotCalculate("there is no logarithm to base 1")
    return snapped(numbers.divide(numbers.ln(given[0]), numbers.ln(given[1])))


def _log2(numbers: Numbers, value: Decimal) -> Decimal:
    return _log(numbers, (value, TWO))


def _round(numbers: Numbers, given: Sequence[Decimal]) -> Decimal:
    places = numbers.whole(given[1], "the number of places") if len(given) == 2 else 0
    if abs(places) > MAX_DIGITS:
        raise CannotCalculate(f"numbers are rounded to at most {MAX_DIGITS} places")
    return numbers.kept(_WIDE.quantize(snapped(given[0]), Decimal((0, (1,), -places))))


def _sum(numbers: Numbers, given: Sequence[Decimal]) -> Decimal:
    return reduce(numbers.add, given, ZERO)


def _product(numbers: Numbers, given: Sequence[Decimal]) -> Decimal:
    return reduce(numbers.multiply, given, ONE)


def _mean(numbers: Numbers, given: Sequence[Decimal]) -> Decimal:
    return numbers.divide(_sum(numbers, given), Decimal(len(given)))


def _median(numbers: Numbers, given: Sequence[Decimal]) -> Decimal:
    numbers.spend(len(given))
    ordered = sorted(given)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else _mean(numbers, ordered[middle - 1 : middle + 1])


def _hypot(numbers: Numbers, given: Sequence[Decimal]) -> Decimal:
    return numbers.sqrt(_sum(numbers, [numbers.multiply(one, one) for one in given]))


def _whole(numbers: Numbers, given: Sequence[Decimal], what: str) -> list[int]:
    return [numbers.whole(one, what) for one in given]


def _gcd(numbers: Numbers, given: Sequence[Decimal]) -> Decimal:
    numbers.spend(10 * len(given))
    return Decimal(math.gcd(*_whole(numbers, given, "the greatest common divisor")))


def _lcm(numbers: Numbers, given: Sequence[Decimal]) -> Decimal:
    return numbers.common_multiple(_whole(numbers, given, "the least common multiple"))


def _counted(numbers: Numbers, given: Sequence[Decimal], what: str) -> tuple[int, int]:
    items, chosen = _whole(numbers, given, what)
    if items < 0 or chosen < 0:
        raise CannotCalculate(f"{what} is defined for numbers from 0 upwards only")
    return items, chosen


def _comb(numbers: Numbers, given: Sequence[Decimal]) -> Decimal:
    return numbers.combinations(*_counted(numbers, given, "the number of combinations"))


def _perm(numbers: Numbers, given: Sequence[Decimal]) -> Decimal:
    items, chosen = _counted(numbers, given, "the number of permutations")
    return numbers.permutations(items, chosen) if chosen <= items else ZERO


def _degrees(numbers: Numbers, angle: Decimal) -> Decimal:
    return numbers.divide(numbers.multiply(angle, _HALF_TURN), series.pi(numbers))


def radians(numbers: Numbers, angle: Decimal) -> Decimal:
    """An angle of degrees in radians."""
    return numbers.divide(numbers.multiply(angle, series.pi(numbers)), _HALF_TURN)


def percent(numbers: Numbers, value: Decimal) -> Decimal:
    """A hundredth of `value`."""
    return numbers.divide(value, HUNDRED)


def _percent_of(numbers: Numbers, share: Decimal, value: Decimal) -> Decimal:
    return numbers.multiply(percent(numbers, share), value)


def _sign(_: Numbers, value: Decimal) -> Decimal:
    return ONE.copy_sign(value) if value else ZERO


def _abs(_: Numbers, value: Decimal) -> Decimal:
    return value.copy_abs()


_1: Final = Arity(1, 1)
_2: Final = Arity(2, 2)
_1_2: Final = Arity(1, 2)
_ANY: Final = Arity(1, None)

FUNCTIONS: Final[Mapping[str, Function]] = {
    made.signature.partition("(")[0]: made
    for made in (
        Function("sqrt(x)", "The square root of x, also written √x.", "sqrt(16)",
                 _1, _one(Numbers.sqrt)),
        Function("cbrt(x)", "The cube root of x, of negative numbers too.", "cbrt(-27)",
                 _1, _one(_cbrt)),
        Function("root(x, n)", "The n-th root of x.", "root(81, 4)", _2, _two(_root)),
        Function("pow(x, y)", "x to the power of y, also written x ** y or x ^ y.", "pow(2, 10)",
                 _2, _two(Numbers.power)),
        Function("square(x)", "x times x, also written x².", "square(12)",
                 _1, lambda numbers, given: numbers.power(given[0], TWO)),
        Function("cube(x)", "x times x times x, also written x³.", "cube(3)",
                 _1, lambda numbers, given: numbers.power(given[0], Decimal(3))),
        Function("exp(x)", "e to the power of x, the exponential function.", "exp(1)",
                 _1, _one(Numbers.exp)),
        Function("ln(x)", "The natural logarithm of x, to base e.", "ln(e)",
                 _1, _one(Numbers.ln)),
        Function("log(x, base=10)", "The logarithm of x to a base; to base 10 where none is given."
                 " The natural logarithm is ln.", "log(8, 2)", _1_2, _log),
        Function("log2(x)", "The logarithm of x to base 2.", "log2(1024)", _1, _one(_log2)),
        Function("log10(x)", "The logarithm of x to base 10.", "log10(1000)",
                 _1, _one(Numbers.log10)),
        Function("sin(x)", "The sine of an angle in radians; write sin(30°) for degrees.",
                 "sin(30°)", _1, _one(series.sin)),
        Function("cos(x)", "The cosine of an angle in radians; write cos(60°) for degrees.",
                 "cos(60°)", _1, _one(series.cos)),
        Function("tan(x)", "The tangent of an angle in radians; write tan(45°) for degrees.",
                 "tan(45°)", _1, _one(series.tan)),
        Function("asin(x)", "The angle in radians whose sine is x (arcsine, inverse sine).",
                 "asin(1)", _1, _one(series.asin)),
        Function("acos(x)", "The angle in radians whose cosine is x (arccosine).", "acos(0)",
                 _1, _one(series.acos)),
        Function("atan(x)", "The angle in radians whose tangent is x (arctangent).", "atan(1)",
                 _1, _one(series.atan)),
        Function("atan2(y, x)", "The angle in radians of the point (x, y), seen from the origin.",
                 "atan2(1, -1)", _2, _two(series.atan2)),
        Function("sinh(x)", "The hyperbolic sine of x.", "sinh(1)", _1, _one(series.sinh)),
        Function("cosh(x)", "The hyperbolic cosine of x.", "cosh(1)", _1, _one(series.cosh)),
        Function("tanh(x)", "The hyperbolic tangent of x.", "tanh(1)", _1, _one(series.tanh)),
        Function("asinh(x)", "The inverse hyperbolic sine of x.", "asinh(1)",
                 _1, _one(series.asinh)),
        Function("acosh(x)", "The inverse hyperbolic cosine of x.", "acosh(2)",
                 _1, _one(series.acosh)),
        Function("atanh(x)", "The inverse hyperbolic tangent of x.", "atanh(0.5)",
                 _1, _one(series.atanh)),
        Function("degrees(x)", "An angle in radians, turned into degrees.", "degrees(pi)",
                 _1, _one(_degrees)),
        Function("radians(x)", "An angle in degrees, turned into radians.", "radians(180)",
                 _1, _one(radians)),
        Function("abs(x)", "The absolute value of x, its size without its sign.", "abs(-5)",
                 _1, _one(_abs)),
        Function("sign(x)", "-1, 0 or 1: whether x is negative, zero or positive.", "sign(-5)",
                 _1, _one(_sign)),
        Function("floor(x)", "x rounded down to a whole number.", "floor(2.7)",
                 _1, _one(Numbers.floor)),
        Function("ceil(x)", "x rounded up to a whole number (ceiling).", "ceil(2.1)",
                 _1, _one(Numbers.ceil)),
        Function("trunc(x)", "x without what is behind the point (truncated).", "trunc(-2.7)",
                 _1, _one(Numbers.trunc)),
        Function("round(x, places=0)", "x rounded to so many decimal places, halves away from 0;"
                 " negative places round to tens and hundreds.", "round(2.675, 2)", _1_2, _round),
        Function("mod(x, y)", "What is left over when x is divided by y (remainder, modulo).",
                 "mod(7, 3)", _2, _two(Numbers.modulo)),
        Function("gcd(a, b, ...)", "The greatest common divisor of whole numbers.", "gcd(12, 18)",
                 _ANY, _gcd),
        Function("lcm(a, b, ...)", "The least common multiple of whole numbers.", "lcm(4, 6)",
                 _ANY, _lcm),
        Function("factorial(n)", "The product of all whole numbers up to n, also written n!.",
                 "factorial(5)", _1, _one(Numbers.factorial)),
        Function("comb(n, k)", "In how many ways k of n things can be chosen, in no order.",
                 "comb(49, 6)", _2, _comb),
        Function("perm(n, k)", "In how many orders k of n things can be chosen.", "perm(10, 3)",
                 _2, _perm),
        Function("min(a, b, ...)", "The smallest of the numbers (minimum).", "min(3, 1, 2)",
                 _ANY, lambda _, given: min(given)),
        Function("max(a, b, ...)", "The largest of the numbers (maximum).", "max(3, 1, 2)",
                 _ANY, lambda _, given: max(given)),
        Function("sum(a, b, ...)", "The numbers added up (total).", "sum(1, 2, 3)", _ANY, _sum),
        Function("product(a, b, ...)", "The numbers multiplied.", "product(2, 3, 4)",
                 _ANY, _product),
        Function("mean(a, b, ...)", "The average of the numbers.", "mean(1, 2, 6)", _ANY, _mean),
        Function("avg(a, b, ...)", "The average of the numbers, the same as mean.", "avg(1, 2, 6)",
                 _ANY, _mean),
        Function("average(a, b, ...)", "The average of the numbers, the same as mean.",
                 "average(1, 2, 6)", _ANY, _mean),
        Function("median(a, b, ...)", "The middle one of the numbers when they are in order.",
                 "median(1, 2, 6)", _ANY, _median),
        Function("hypot(a, b, ...)", "The square root of the sum of the squares: the longest side"
                 " of a right-angled triangle, the length of a vector.", "hypot(3, 4)",
                 _ANY, _hypot),
        Function("percent(p, x)", "p percent of x, also written p% of x.", "percent(12, 349.90)",
                 _2, _two(_percent_of)),
    )
}  # fmt: skip

CONSTANTS: Final[Mapping[str, Constant]] = {
    "pi": Constant("The circumference of a circle by its diameter, 3.14159…; also π.",
                   "2 * pi * 3", series.pi),
    "e": Constant("The base of the natural logarithm, 2.71828… (Euler's number).",
                  "e ** 2", series.e),
    "tau": Constant("Twice pi, 6.28318…: a full turn in radians; also τ.", "tau / 4",
                    lambda numbers: numbers.multiply(TWO, series.pi(numbers))),
}  # fmt: skip

ARITIES: Final[Mapping[str, Arity]] = {name: made.arity for name, made in FUNCTIONS.items()}
