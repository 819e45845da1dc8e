# SPDX-License-Identifier: Apache-2.0
"""Credit notes: what takes back what an invoice charged. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

import msgspec

from rollcall.billing.books_errors import MoreThanLeft
from rollcall.billing.currencies import major, minor
from rollcall.billing.invoices import Invoice
from rollcall.billing.taxes import Parts, split_subtotal, split_total
from rollcall.kernel.errors import InvalidInput

SERIES: Final = "CN"
"""Begins the numbers of credit notes."""


class CreditedLine(msgspec.Struct, frozen=True):
    """How much of a line is taken back, without tax."""

    number: int
    amount: Decimal


class CreditNote(msgspec.Struct, frozen=True, kw_only=True):
    """What an invoice charged, taken back in whole or in part.

    Args:
        number: Without gaps, by namespace.
        subtotal: What is taken back without tax.
        tax_amount: The tax on that.
        reason: Why, for people.
        lines: Which lines it takes back; empty: it names none.
        idempotency_key: Given by who asked; None: none was.
    """

    namespace: str
    id: str
    number: str
    invoice_id: str
    currency: str
    subtotal: Decimal
    tax_amount: Decimal
    reason: str
    created_date: datetime
    lines: tuple[CreditedLine, ...] = ()
    idempotency_key: str | None = None

    @property
    def total_amount(self) -> Decimal:
        return self.subtotal + self.tax_amount

    @property
    def parts(self) -> Parts:
        """Subtotal and tax in smallest units."""
        return Parts(minor(self.subtotal, self.currency), minor(self.tax_amount, self.currency))


def left_of(invoice: Invoice, notes: Sequence[CreditNote]) -> Parts:
    """What of an invoice was not credited yet, in smallest units."""
    subtotal, tax = invoice.parts
    for note in notes:
        subtotal -= note.parts.subtotal
        tax -= note.parts.tax
    return Parts(subtotal, tax)


def parts_of_amount(amount: Decimal, invoice: Invoice, notes: Sequence[CreditNote]) -> Parts:
    """How a credit note over `amount`, tax included, is split.

    Raises:
        InvalidInput: The amount is not above zero, or has a fraction of the smallest unit.
        MoreThanLeft: The invoice has less left to credit.
    """
    units = minor(amount, invoice.currency)
    if units <= 0:
        raise InvalidInput("amount", "must be above zero")
    left = left_of(invoice, notes)
    if units > left.total:
        there = major(left.total, invoice.currency)
        raise MoreThanLeft("credit", invoice.id, amount, there, invoice.currency)
    return split_total(units, invoice.parts, left)


def parts_of_lines(
    wanted: Mapping[int, Decimal | None], invoice: Invoice, notes: Sequence[CreditNote]
) -> tuple[Parts, tuple[CreditedLine, ...]]:
    """How a credit note over lines is split, and how much of each line it takes back.

    Args:
        wanted: By the number of a line, how much of it without tax; None: all that is left.

    Raises:
        InvalidInput: There is no such line, or an amount is not above zero or has a fraction of the
            smallest unit.
        MoreThanLeft: The line, or the invoice, has less left to credit.
    """
    by_number = {line.number: line for line in invoice.lines}
    lines: list[CreditedLine] = []
    for number, asked in wanted.items():
        if number not in by_number:
            raise InvalidInput("lines", f"the invoice has no line {number}")
        before = sum(
            (one.amount for note in notes for one in note.lines if one.number == number), Decimal(0)
        )
        left = by_number[number].amount - before
        amount = left if asked is None else asked
        if minor(amount, invoice.currency, f"lines.{number}.amount") <= 0:
            raise InvalidInput(f"lines.{number}.amount", "must be above zero")
        if amount > left:
            of = f"{invoice.id}, line {number}"
            raise MoreThanLeft("credit", of, amount, left, invoice.currency)
        lines.append(CreditedLine(number, amount))
    subtotal = sum(minor(one.amount, invoice.currency) for one in lines)
    rest = left_of(invoice, notes)
    if subtotal > rest.subtotal:
        asked_for, there = major(subtotal, invoice.currency), major(rest.subtotal, invoice.currency)
        raise MoreThanLeft("credit", invoice.id, asked_for, there, invoice.currency)
    return split_subtotal(subtotal, invoice.parts, rest), tuple(lines)
