# SPDX-License-Identifier: Apache-2.0
"""What the routes of invoices, payments and the ledger share."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Final

from fastapi import Depends

from rollcall.billing.books_service import BooksService
from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.money import Amount, money
from rollcall.web.lines import check_id
from rollcall.web.services import service

LARGEST: Final = Decimal(10) ** 12
"""More than that nobody pays at once: it is a mistake, and sums stay within 64 bits."""

Books = Annotated[BooksService, Depends(service("books_service"))]


async def _invoice_id(invoice_id: str) -> str:
    return check_id("invoice_id", invoice_id)


async def _payment_id(payment_id: str) -> str:
    return check_id("payment_id", payment_id)


InvoiceId = Annotated[str, Depends(_invoice_id)]
PaymentId = Annotated[str, Depends(_payment_id)]


def amount_of(value: Amount | None, field: str = "amount") -> Decimal | None:
    """An amount as it came in.

    Raises:
        InvalidInput: It is no amount, or too large.
    """
    if value is None:
        return None
    amount = money(value, field)
    if amount.copy_abs() > LARGEST:
        raise InvalidInput(field, f"must be at most {LARGEST:.0e}")
    return amount
