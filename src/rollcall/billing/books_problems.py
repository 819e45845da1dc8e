# SPDX-License-Identifier: Apache-2.0
"""How the errors of invoices, payments and the ledger look over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rollcall.billing.books_errors import (
    BooksDamaged,
    InvoiceMoveRefused,
    InvoiceNotFound,
    LineNotFound,
    MoreThanLeft,
    NotFinal,
    PaymentNotFound,
    StillDue,
    WebhookRefused,
)
from rollcall.web.problems import Kind

PROBLEMS: Final[Mapping[type[Exception], Kind]] = {
    InvoiceNotFound: Kind(404, "invoice-not-found", "There is no such invoice", ("invoice_id",)),
    LineNotFound: Kind(
        404, "line-not-found", "The invoice has no such line", ("invoice_id", "line")
    ),
    PaymentNotFound: Kind(404, "payment-not-found", "There is no such payment", ("payment_id",)),
    InvoiceMoveRefused: Kind(
        409,
        "invoice-move-refused",
        "The invoice may not go to this status",
        ("invoice_id", "old", "new", "allowed"),
    ),
    StillDue: Kind(
        409, "still-due", "The invoice is not paid yet", ("invoice_id", "amount_due", "currency")
    ),
    NotFinal: Kind(
        409, "not-final", "The invoice takes no such thing now", ("invoice_id", "invoice_status")
    ),
    MoreThanLeft: Kind(
        409, "more-than-left", "There is less left than that", ("amount", "amount_left")
    ),
    BooksDamaged: Kind(
        500,
        "books-damaged",
        "The books were changed by somebody else: restore a backup",
        ("where", "problem"),
    ),
    WebhookRefused: Kind(
        403, "webhook-refused", "Nobody can tell who sent the webhook", ("provider",)
    ),
}
