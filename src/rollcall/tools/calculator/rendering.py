# SPDX-License-Identifier: Apache-2.0
"""Numbers as an answer in JSON shows them."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from rollcall.tools.calculator.limits import DEFAULT_PRECISION, context

Number = int | float | str

MAX_WHOLE: Final = 2**53 - 1
"""The largest whole number that every reader of JSON takes for what it is (RFC 8259, section 6)."""

_DOUBLE_PRECISION: Final = 15
_NOISE: Final = Decimal("1e-300")
_LEAST_DIGITS: Final = 6
_CONTEXT: Final = context(1500)


def rounded(value: Decimal, precision: int) -> Decimal:
    """`value` with `precision` places behind the point, halves away from 0.

    From the default precision on, a small number keeps six significant digits, so that
    `1.6e-19 * 2` is not 0. What is smaller than 1e-300 is.
    """
    if value.copy_abs() < _NOISE:
        return Decimal(0)
    places = precision
    if precision >= DEFAULT_PRECISION:
        places = max(places, _LEAST_DIGITS - 1 - value.adjusted())
    return _CONTEXT.quantize(value, Decimal((0, (1,), -places)))


def rendered(value: Decimal, precision: int = DEFAULT_PRECISION) -> Number:
    """`value` as people expect it: 4 and not 4.0, 0.1 and not 0.1000000000000000055.

    Whole numbers are an int, and beyond `MAX_WHOLE` a string of their digits. Others are a
    float; they are a string of digits instead where the whole part is beyond `MAX_WHOLE`, or
    where a `precision` above 15 was asked for and a float does not hold the digits.
    """
    result = rounded(value, precision)
    whole = result.to_integral_value()
    beyond = result.copy_abs() > MAX_WHOLE
    if whole == result:
        return _digits(whole) if beyond else int(whole)
    nearest = float(result)
    if beyond or (precision > _DOUBLE_PRECISION and Decimal(repr(nearest)) != result):
        return _digits(result)
    return nearest


def _digits(value: Decimal) -> str:
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
