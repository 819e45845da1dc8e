# SPDX-License-Identifier: Apache-2.0
"""What the routes of invoices, payments and the ledger share."""

from __future__ import annotations

import base64
import binascii
from decimal import Decimal
from typing import Annotated, Final

import msgspec
from fastapi import Depends, Header

from rollcall.billing.books_reads import Place
from rollcall.billing.books_service import BooksService
from rollcall.kernel.caller import ADMIN, READ, Caller
from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.money import Amount, money
from rollcall.web.auth import require
from rollcall.web.lines import check_id, check_line
from rollcall.web.services import service

LARGEST: Final = Decimal(10) ** 12
"""More than that nobody pays at once: it is a mistake, and sums stay within 64 bits."""

Books = Annotated[BooksService, Depends(service("books_service"))]
Reader = Annotated[Caller, Depends(require(READ))]
Bookkeeper = Annotated[Caller, Depends(require(ADMIN))]
"""Whoever may move money: an agent's own key may not."""
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        max_length=200,
        description="The same key with the same content is the same act, done once.",
    ),
]

_place: Final = msgspec.json.Decoder(tuple[float, str]).decode


async def _invoice_id(invoice_id: str) -> str:
    return check_id("invoice_id", invoice_id)


async def _payment_id(payment_id: str) -> str:
    return check_id("payment_id", payment_id)


InvoiceId = Annotated[str, Depends(_invoice_id)]
PaymentId = Annotated[str, Depends(_payment_id)]


def key_of(header: str | None, field: str | None) -> str | None:
    """The idempotency key of a request, from its header or its body.

    Raises:
        InvalidInput: They differ, or it is no line of text.
    """
    if header is not None and field is not None and header != field:
        raise InvalidInput("idempotency_key", "must be that of the header Idempotency-Key")
    found = field if header is None else header
    return None if found is None else check_line("idempotency_key", found, 200)


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


def cursor(place: Place) -> str:
    """An opaque word for where a page ended."""
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def place_of(text: str | None) -> Place | None:
    """The place that `cursor` made the word of.

    Raises:
        InvalidInput: It is none of our words.
    """
    if text is None:
        return None
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        at, key = _place(raw)
        return Place(at, check_id("cursor", key))
    except (binascii.Error, UnicodeError, ValueError, msgspec.MsgspecError) as error:
        raise InvalidInput("cursor", "must be taken from the Link of a page before") from error
