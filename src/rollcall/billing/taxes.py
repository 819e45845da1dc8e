# SPDX-License-Identifier: Apache-2.0
"""Taxes: pure. One rate on the subtotal of an invoice, rounded once."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from rollcall.billing.currencies import rounded


class Parts(NamedTuple):
    """An amount in smallest units, split into what was sold and the tax on it."""

    subtotal: int
    tax: int

    @property
    def total(self) -> int:
        return self.subtotal + self.tax


def tax_on(subtotal: Decimal, rate: Decimal, currency: str) -> Decimal:
    """The tax on a subtotal.

    Args:
        subtotal: The sum of an invoice's rounded lines.
        rate: As a fraction: 0.08 for 8 %; 0 for who is exempt.
        currency: ISO 4217; the tax is in whole smallest units of it, half to even.
    """
    return rounded(subtotal * rate, currency)


def split_total(amount: int, of: Parts, left: Parts) -> Parts:
    """How much of `amount`, tax included, is tax.

    Args:
        amount: At most what is left.
        of: What was invoiced; the tax is in the same proportion.
        left: What of it was not credited yet; the last of it takes what rounding left over.
    """
    tax = round(Fraction(of.tax * amount, of.total)) if of.total else 0
    # Neither part may exceed what is left of it.
    tax = min(max(tax, amount - left.subtotal), left.tax)
    return Parts(amount - tax, tax)


def split_subtotal(subtotal: int, of: Parts, left: Parts) -> Parts:
    """The tax that belongs to `subtotal`; arguments as for `split_total`."""
    if subtotal == left.subtotal:
        return left
    tax = round(Fraction(of.tax * subtotal, of.subtotal)) if of.subtotal else 0
    return Parts(subtotal, min(tax, left.tax))
