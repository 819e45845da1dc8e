# SPDX-License-Identifier: Apache-2.0
"""Payments and refunds: what they are, and what may follow what. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final

import msgspec

from rollcall.billing.currencies import exponent, minor
from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.money import money


class PaymentStatus(StrEnum):
    """Where a payment stands (document 4). Only one that is completed, or was, is in the books."""

    PENDING = "pending"
    COMPLETED = "completed"
    FAILED = "failed"
    REFUNDED = "refunded"


FOLLOWS: Final[Mapping[PaymentStatus, frozenset[PaymentStatus]]] = {
    PaymentStatus.PENDING: frozenset({PaymentStatus.COMPLETED, PaymentStatus.FAILED}),
    PaymentStatus.COMPLETED: frozenset({PaymentStatus.REFUNDED}),
    # A provider may tell of a second try under the same transaction.
    PaymentStatus.FAILED: frozenset({PaymentStatus.COMPLETED}),
    PaymentStatus.REFUNDED: frozenset(),
}
"""What a provider may say next of a payment."""


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """Money that was paid for an invoice.

    Args:
        amount: Above zero, in whole smallest units of the currency.
        refunded_amount: What was paid back of it.
        payment_method: In the words of who pays: `card`, `bank_transfer`, ...
        provider: Who told of it: the name of a webhook's sender; empty: somebody by the API.
        transaction_id: The provider's id of it; one transaction is one payment.
        idempotency_key: Given by who asked; None: none was.
        processed_date: When it was completed or failed; None: it is pending.
    """

    namespace: str
    id: str
    invoice_id: str
    amount: Decimal
    currency: str
    payment_method: str
    provider: str = ""
    transaction_id: str | None = None
    idempotency_key: str | None = None
    status: PaymentStatus
    refunded_amount: Decimal = Decimal(0)
    created_date: datetime
    processed_date: datetime | None = None

    @property
    def channel(self) -> str:
        """Whose transaction ids `transaction_id` is one of."""
        return self.provider or self.payment_method

    @property
    def refundable(self) -> Decimal:
        """What is left to pay back."""
        taken = (PaymentStatus.COMPLETED, PaymentStatus.REFUNDED)
        return self.amount - self.refunded_amount if self.status in taken else Decimal(0)

    @property
    def content(self) -> tuple[str, int, str, str | None]:
        """What must be the same where the same payment is told of again."""
        units = minor(self.amount, self.currency)
        # A provider may learn of the method later.
        return self.invoice_id, units, self.channel, self.transaction_id


class Refund(msgspec.Struct, frozen=True, kw_only=True):
    """Money that was paid back."""

    namespace: str
    id: str
    payment_id: str
    invoice_id: str
    amount: Decimal
    currency: str
    idempotency_key: str | None
    created_date: datetime


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A payment as somebody tells of it."""

    invoice_id: str
    amount: Decimal
    payment_method: str
    currency: str | None = None
    provider: str = ""
    transaction_id: str | None = None
    idempotency_key: str | None = None
    status: PaymentStatus = PaymentStatus.COMPLETED


def positive_amount(amount: Decimal, currency: str, field: str = "amount") -> Decimal:
    """`amount` with the digits of `currency`.

    Raises:
        InvalidInput: It is zero or below, or has a fraction of the smallest unit.
    """
    if money(amount, field) <= 0:
        raise InvalidInput(field, f"must be above zero, not {amount}")
    minor(amount, currency, field)
    return amount.quantize(Decimal(1).scaleb(-exponent(currency)))
