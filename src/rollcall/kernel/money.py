# SPDX-License-Identifier: Apache-2.0
"""Amounts of money: `Decimal` from end to end, made in one place.

An amount has at most 15 digits before the point and 12 behind it. That is fine enough for the price
of one token and coarse enough that sums of amounts are exact in the 28 digits of Python's default
decimal context: books add up without a tolerance.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation, localcontext
from typing import TypeAlias

from rollcall.kernel.errors import InvalidInput

Amount: TypeAlias = Decimal | int | float | str
"""What `money` reads. A float means the shortest decimal that prints like it: 0.1 is 0.1."""

DIGITS = 12
"""Digits kept behind the point; what is finer is rounded half to even, once, by `money`."""

LARGEST = Decimal(10) ** 15
"""Every amount is nearer to zero than this."""

# A context of our own: an application may have set the ambient one to few digits or other traps.
_CONTEXT = Context(prec=64, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation])


def money(value: Amount, field: str = "amount") -> Decimal:
    """`value` as an exact, finite amount in whatever currency the caller means.

    Args:
        value: A number, or a decimal string such as "12.50" or "1.5e-7".
        field: The name that an error gives to the value.

    Raises:
        InvalidInput: It is no number, not finite, or has more than 15 digits before the point.
    """
    amount = _decimal(value, field)
    if not amount.is_finite():
        raise InvalidInput(field, f"must be finite, not {amount}")
    if not amount:
        return Decimal(0)
    # The exponent first: quantising 1e999999 would need a million digits.
    if amount.adjusted() < LARGEST.adjusted():
        exponent = amount.as_tuple().exponent
        if isinstance(exponent, int) and -DIGITS <= exponent <= 0:
            return amount
        amount = _plain(quantised(amount, DIGITS))
        if amount.copy_abs() < LARGEST:
            return amount
    raise InvalidInput(field, f"must be nearer to zero than {LARGEST:.0e}")


def non_negative(value: Amount, field: str = "amount") -> Decimal:
    """`money(value, field)`, which must not be below zero.

    Raises:
        InvalidInput: As for `money`, or the amount is negative.
    """
    amount = money(value, field)
    if amount < 0:
        raise InvalidInput(field, f"must not be negative, not {amount}")
    return amount


def quantised(amount: Decimal, digits: int) -> Decimal:
    """`amount` with exactly `digits` behind the point, rounded half to even.

    For USD 2 digits, for other currencies the exponent of ISO 4217. Round each line once, and
    sum the rounded lines.
    """
    return amount.quantize(Decimal((0, (1,), -digits)), context=_CONTEXT)


def _decimal(value: object, field: str) -> Decimal:
    if isinstance(value, Decimal):
        return value
    # A bool is an int to Python, and a float's own digits are not what anybody wrote.
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            with localcontext(_CONTEXT):
                return Decimal(value if isinstance(value, int) else str(value))
        except InvalidOperation:
            pass
    raise InvalidInput(field, f"must be a number such as '12.50', not {value!r:.80}")


def _plain(amount: Decimal) -> Decimal:
    """Without the zeros that rounding appended, a sign of zero, or an exponent such as 1E+3."""
    if amount == amount.to_integral_value():
        return Decimal(int(amount))
    return amount.normalize(_CONTEXT)
