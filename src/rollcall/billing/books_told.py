# SPDX-License-Identifier: Apache-2.0
"""The integration events of invoices and payments: pure. Their ids are derived from what they tell
of, so that a retry is the same event.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from rollcall.billing.invoice_lines import InvoiceLine
from rollcall.billing.invoices import Invoice
from rollcall.billing.payments import Payment
from rollcall.events.catalogue import EventType
from rollcall.events.envelope import Event
from rollcall.kernel.ids import derived

SOURCE: Final = "/billing"

TYPES: Final = (
    EventType(
        "invoice.finalised",
        "billing",
        "An invoice has left draft: its number, its prices and its lines are fixed.",
        {
            "invoice_id": "the invoice",
            "number": "its number",
            "agent_id": "whose usage it charges",
            "period": "the billing period",
            "currency": "of all amounts, ISO 4217",
            "subtotal": "without tax, a decimal string",
            "tax_amount": "the tax, a decimal string",
            "total_amount": "what is owed, a decimal string",
            "lines": "what it charges: number, unit, model, quantity, amount, late, ... of each",
        },
        {
            "due_date": "the last day on which it is paid in time",
            "business_name": "to whom it goes",
        },
    ),
    EventType(
        "payment.recorded",
        "billing",
        "Money was paid for an invoice, paid back, or not paid after all.",
        {
            "payment_id": "the payment",
            "invoice_id": "the invoice",
            "agent_id": "whose usage the invoice charges",
            "amount": "of the payment, a decimal string",
            "refunded_amount": "what was paid back of it, a decimal string",
            "currency": "of all amounts, ISO 4217",
            "status": "pending, completed, failed or refunded",
            "invoice_status": "where the invoice stands now",
            "amount_due": "what is owed on the invoice now, a decimal string",
        },
        {"payment_method": "in the words of who pays"},
    ),
)


def finalised(invoice: Invoice, at: datetime) -> Event:
    """What tells that an invoice is final."""
    data: dict[str, Any] = {
        "invoice_id": invoice.id,
        "number": invoice.number,
        "agent_id": invoice.agent_id,
        "period": invoice.billing_period_id,
        "currency": invoice.currency,
        "subtotal": _plain(invoice.subtotal),
        "tax_amount": _plain(invoice.tax_amount),
        "total_amount": _plain(invoice.total_amount),
        "lines": [_line(one) for one in invoice.lines],
        "due_date": None if invoice.due_date is None else invoice.due_date.isoformat(),
        "business_name": invoice.business_name,
    }
    return Event(
        id=derived("invoice", invoice.id, "finalised"),
        type="invoice.finalised",
        source=SOURCE,
        subject=invoice.id,
        time=at,
        data=data,
        namespace=invoice.namespace,
    )


def recorded(payment: Payment, invoice: Invoice, due: Decimal, at: datetime) -> Event:
    """What tells how a payment stands, and with it its invoice."""
    return Event(
        id=derived("payment", payment.id, payment.status.value, _plain(payment.refunded_amount)),
        type="payment.recorded",
        source=SOURCE,
        subject=invoice.id,
        time=at,
        data={
            "payment_id": payment.id,
            "invoice_id": invoice.id,
            "agent_id": invoice.agent_id,
            "amount": _plain(payment.amount),
            "refunded_amount": _plain(payment.refunded_amount),
            "currency": payment.currency,
            "status": payment.status.value,
            "payment_method": payment.payment_method,
            "invoice_status": invoice.status.value,
            "amount_due": _plain(due),
        },
        namespace=invoice.namespace,
    )


def _line(line: InvoiceLine) -> dict[str, Any]:
    return {
        "number": line.number,
        "unit": line.key.unit,
        "model": line.key.model,
        "quantity": _plain(line.quantity),
        "amount": _plain(line.amount),
        "late": line.key.late,
        "service_period": line.key.service_period,
        "rate_card_id": line.key.rate_card_id,
        "rate_card_version": line.key.rate_card_version,
        "usages": line.usages,
    }


def _plain(amount: Decimal) -> str:
    return format(amount, "f")
