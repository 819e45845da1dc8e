# SPDX-License-Identifier: Apache-2.0
"""Invoices: what they are, and how their status moves. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from rollcall.billing.currencies import minor
from rollcall.billing.invoice_lines import InvoiceLine
from rollcall.billing.issuers import NOBODY, Issuer
from rollcall.billing.taxes import Parts, tax_on

SERIES: Final = "INV"
"""Begins the numbers of invoices."""


class InvoiceStatus(StrEnum):
    """Where an invoice stands (document 4)."""

    DRAFT = "draft"
    SENT = "sent"
    PAID = "paid"
    OVERDUE = "overdue"
    VOID = "void"


MOVES: Final[Mapping[InvoiceStatus, tuple[InvoiceStatus, ...]]] = {
    InvoiceStatus.DRAFT: (InvoiceStatus.SENT, InvoiceStatus.VOID),
    InvoiceStatus.SENT: (InvoiceStatus.PAID, InvoiceStatus.OVERDUE, InvoiceStatus.VOID),
    InvoiceStatus.OVERDUE: (InvoiceStatus.PAID, InvoiceStatus.VOID),
    InvoiceStatus.PAID: (),
    InvoiceStatus.VOID: (),
}
"""Which statuses somebody may ask for."""


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What an account's invoices are written by; each invoice keeps those that it was written by.

    Args:
        currency: ISO 4217.
        time_zone: The IANA name of the account's zone, in which its days begin and end.
        tax_rate: As a fraction: 0.08 for 8 %.
        terms_days: Days until an invoice is due.
        issuer: Who sends it.
    """

    currency: str
    time_zone: str
    tax_rate: Decimal
    terms_days: int
    issuer: Issuer = NOBODY


class Invoice(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent's usage of a period costs.

    Args:
        namespace: Whose it is.
        id: The same however often the draft is made.
        sequence: Which invoice of the agent and the period it is, from 1.
        number: Without gaps, by namespace; None: a draft, or voided as one.
        billing_period_id: As in `per_2026-11`.
        agent_id: Whose usage it charges.
        business_name: To whom it goes.
        status: Where it stands.
        terms: What it was written by.
        subtotal: The sum of the lines.
        tax_amount: The tax on that, rounded once.
        generated_date: When the draft was made first.
        finalised_date: When it left draft: number, lines and prices are fixed since.
        due_date: The last day on which it is paid in time, in the account's zone.
        paid_date: When nothing was due any more.
        voided_date: When it was voided.
        usages: How many usages it charges.
        revision: Grows with every change.
    """

    namespace: str
    id: str
    sequence: int
    number: str | None
    billing_period_id: str
    agent_id: str
    business_name: str
    status: InvoiceStatus
    terms: Terms
    subtotal: Decimal
    tax_amount: Decimal
    generated_date: datetime
    finalised_date: datetime | None = None
    due_date: date | None = None
    paid_date: datetime | None = None
    voided_date: datetime | None = None
    usages: int = 0
    revision: int = 1
    lines: tuple[InvoiceLine, ...] = ()

    @property
    def currency(self) -> str:
        return self.terms.currency

    @property
    def total_amount(self) -> Decimal:
        return self.subtotal + self.tax_amount

    @property
    def parts(self) -> Parts:
        """Subtotal and tax in smallest units."""
        return Parts(minor(self.subtotal, self.currency), minor(self.tax_amount, self.currency))


def totals(lines: tuple[InvoiceLine, ...], terms: Terms) -> tuple[Decimal, Decimal]:
    """The subtotal and the tax of rounded lines."""
    subtotal = sum((line.amount for line in lines), Decimal(0))
    return subtotal, tax_on(subtotal, terms.tax_rate, terms.currency)


def due_on(finalised: datetime, terms: Terms) -> date:
    """The day by whose end, in the account's zone, an invoice of `finalised` must be paid."""
    day = finalised.astimezone(ZoneInfo(terms.time_zone)).date()
    return day + timedelta(days=terms.terms_days)


def is_overdue(invoice: Invoice, now: datetime) -> bool:
    """Whether the day on which it was due is over in the account's zone."""
    if invoice.due_date is None:
        return False
    return now.astimezone(ZoneInfo(invoice.terms.time_zone)).date() > invoice.due_date


def standing_status(invoice: Invoice, due: int, now: datetime) -> InvoiceStatus:
    """What the status of a finalised invoice is when `due` smallest units of it are owed.

    Nobody pays an invoice of nothing: that one stays sent until somebody says that it is paid.
    """
    if invoice.status in (InvoiceStatus.DRAFT, InvoiceStatus.VOID):
        return invoice.status
    if due == 0:
        return InvoiceStatus.PAID if invoice.total_amount else invoice.status
    return InvoiceStatus.OVERDUE if is_overdue(invoice, now) else InvoiceStatus.SENT


def numbered(series: str, count: int) -> str:
    """The number of the `count`th document of a series: `INV-000001`."""
    return f"{series}-{count:06}"
