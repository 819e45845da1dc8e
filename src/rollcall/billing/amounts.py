# SPDX-License-Identifier: Apache-2.0
"""How amounts are printed wherever billing speaks of them: one value has one spelling. Pure.

What is stored keeps its digits as they came; this is for who reads.
"""

from __future__ import annotations

from decimal import Decimal

from rollcall.billing.currencies import exponent


def amount_text(amount: Decimal, currency: str) -> str:
    """All digits that mean something, no exponent, and at least those of the currency:
    `0.055`, `12.50` and `0.00` in USD, `12` in JPY.

    Raises:
        InvalidInput: ISO 4217 lists no such currency.
    """
    whole, _, behind = decimal_text(amount).partition(".")
    behind = behind.ljust(exponent(currency), "0")
    return f"{whole}.{behind}" if behind else whole


def optional_amount(amount: Decimal | None, currency: str) -> str | None:
    """As `amount_text`, where there is one."""
    return None if amount is None else amount_text(amount, currency)


def decimal_text(value: Decimal) -> str:
    """A quantity, share or rate with the digits that mean something and no exponent: `0.5`."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def optional_decimal(value: Decimal | None) -> str | None:
    """As `decimal_text`, where there is one."""
    return None if value is None else decimal_text(value)
