# SPDX-License-Identifier: Apache-2.0
"""The lines of an invoice: usages of the same price added up, each line rounded once. Pure."""

from __future__ import annotations

from datetime import datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal, Inexact
from typing import Final

import msgspec

from rollcall.billing.currencies import rounded
from rollcall.kernel.clock import utc

# Wide enough for any sum of amounts (15 digits before the point, 12 behind it); if ever it is not,
# that is an error and no loss.
_EXACT: Final = Context(prec=64, rounding=ROUND_HALF_EVEN, traps=[Inexact])


class LineKey(msgspec.Struct, frozen=True, order=True, kw_only=True):
    """What usages of one line have in common. Text is empty where there is nothing to say.

    Args:
        late: Whether they are of an earlier period, whose invoice was out already.
        service_period: The period in which they were used.
        unit: What is charged (`input_token`, `request`, ...).
        model: The model that the price is for; `*`: any.
        rate_card_id: The card that the price is of.
        rate_card_version: Its version.
        item: The place of the price in that version, from 0 on.
        tier: The place of the tier in the item, from 0 on; -1: it has none.
        unit_price: The frozen price of one unit, a decimal string.
        markup: The share that was laid upon the provider's cost, a decimal string.
        estimated: Whether quantities were estimated.
        note: What is to be known of the price.
    """

    late: bool
    service_period: str
    unit: str
    model: str
    rate_card_id: str
    rate_card_version: int
    item: int = 0
    tier: int = -1
    unit_price: str = ""
    markup: str = ""
    estimated: bool = False
    note: str = ""


class Charge(msgspec.Struct, frozen=True):
    """What one usage adds to one line.

    Args:
        key: Which line.
        quantity: How much was used.
        amount: What that costs, not rounded to the currency.
        at: When it was used, in seconds since the epoch.
    """

    key: LineKey
    quantity: Decimal
    amount: Decimal
    at: float


class InvoiceLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line of an invoice.

    Args:
        number: Its place, from 1.
        key: What its usages have in common.
        quantity: Their sum.
        exact_amount: What they cost together, not rounded.
        amount: The same in whole smallest units of the currency, half to even.
        usages: How many they are.
        service_from: When the first one was.
        service_to: When the last one was.
    """

    number: int
    key: LineKey
    quantity: Decimal
    exact_amount: Decimal
    amount: Decimal
    usages: int
    service_from: datetime
    service_to: datetime


class _Sum:
    """A line that grows."""

    __slots__ = ("amount", "count", "first", "last", "quantity")

    def __init__(self, at: float) -> None:
        self.quantity = self.amount = Decimal(0)
        self.count = 0
        self.first = self.last = at


class Gathering:
    """Adds charges up to lines; it holds one sum for each line, however many charges there are."""

    def __init__(self) -> None:
        self._sums: dict[LineKey, _Sum] = {}

    def add(self, charge: Charge) -> None:
        """Take one charge in; the order does not matter."""
        found = self._sums.get(charge.key)
        if found is None:
            found = self._sums[charge.key] = _Sum(charge.at)
        found.quantity = _EXACT.add(found.quantity, charge.quantity)
        found.amount = _EXACT.add(found.amount, charge.amount)
        found.count += 1
        if charge.at < found.first:
            found.first = charge.at
        if charge.at > found.last:
            found.last = charge.at

    def lines(self, currency: str) -> tuple[InvoiceLine, ...]:
        """The lines, in an order that depends on nothing but them."""
        return tuple(
            InvoiceLine(
                number=number,
                key=key,
                quantity=one.quantity,
                exact_amount=one.amount,
                amount=rounded(one.amount, currency),
                usages=one.count,
                service_from=utc(one.first),
                service_to=utc(one.last),
            )
            for number, (key, one) in enumerate(sorted(self._sums.items()), start=1)
        )
