# SPDX-License-Identifier: Apache-2.0
"""The integration events of invoices and payments: pure. Their ids are derived from what they tell
of, so that a retry is the same event.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from rollcall.billing.amounts import amount_text, decimal_text
from rollcall.billing.invoice_lines import InvoiceLine
from rollcall.billing.invoices import Invoice
from rollcall.billing.payments import Payment
from rollcall.events.envelope import Event
from rollcall.kernel.ids import derived

SOURCE: Final = "/billing"


def finalised(invoice: Invoice, at: datetime) -> Event:
    """What tells that an invoice is final."""
    data: dict[str, Any] = {
        "invoice_id": invoice.id,
        "number": invoice.number,
        "agent_id": invoice.agent_id,
        "period": invoice.billing_period_id,
        "currency": invoice.currency,
        "subtotal": amount_text(invoice.subtotal, invoice.currency),
        "tax_amount": amount_text(invoice.tax_amount, invoice.currency),
        "total_amount": amount_text(invoice.total_amount, invoice.currency),
        "lines": [_line(one, invoice.currency) for one in invoice.lines],
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
    refunded = format(payment.refunded_amount, "f")
    return Event(
        id=derived("payment", payment.id, payment.status.value, refunded),
        type="payment.recorded",
        source=SOURCE,
        subject=invoice.id,
        time=at,
        data={
            "payment_id": payment.id,
            "invoice_id": invoice.id,
            "agent_id": invoice.agent_id,
            "amount": amount_text(payment.amount, payment.currency),
            "refunded_amount": amount_text(payment.refunded_amount, payment.currency),
            "currency": payment.currency,
            "status": payment.status.value,
            "payment_method": payment.payment_method,
            "invoice_status": invoice.status.value,
            "amount_due": amount_text(due, payment.currency),
        },
        namespace=invoice.namespace,
    )


def _line(line: InvoiceLine, currency: str) -> dict[str, Any]:
    return {
        "number": line.number,
        "unit": line.key.unit,
        "model": line.key.model,
        "quantity": decimal_text(line.quantity),
        "amount": amount_text(line.amount, currency),
        "late": line.key.late,
        "service_period": line.key.service_period,
        "rate_card_id": line.key.rate_card_id,
        "rate_card_version": line.key.rate_card_version,
        "usages": line.usages,
    }
