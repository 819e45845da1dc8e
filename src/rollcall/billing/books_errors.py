# SPDX-License-Identifier: Apache-2.0
"""The errors of invoices, payments and the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from rollcall.billing.amounts import amount_text
from rollcall.kernel.errors import RollcallError


class InvoiceNotFound(RollcallError, LookupError):
    """There is no invoice of this id."""

    def __init__(self, invoice_id: str) -> None:
        super().__init__(f"there is no invoice {invoice_id!r}")
        self.invoice_id = invoice_id


class LineNotFound(RollcallError, LookupError):
    """The invoice has no line of this number."""

    def __init__(self, invoice_id: str, line: int) -> None:
        super().__init__(f"invoice {invoice_id!r} has no line {line}")
        self.invoice_id = invoice_id
        self.line = line


class PaymentNotFound(RollcallError, LookupError):
    """There is no payment of this id."""

    def __init__(self, payment_id: str) -> None:
        super().__init__(f"there is no payment {payment_id!r}")
        self.payment_id = payment_id


class InvoiceMoveRefused(RollcallError):
    """An invoice may not go from one status to another."""

    def __init__(self, invoice_id: str, old: str, new: str, allowed: Sequence[str]) -> None:
        may = ", ".join(allowed) or "nothing: that is final"
        super().__init__(f"invoice {invoice_id!r} is {old}, which {new} cannot follow, but {may}")
        self.invoice_id = invoice_id
        self.old = old
        self.new = new
        self.allowed = tuple(allowed)


class StillDue(RollcallError):
    """An invoice is paid by payments, not by saying so."""

    def __init__(self, invoice_id: str, due: Decimal, currency: str) -> None:
        text = amount_text(due, currency)
        super().__init__(
            f"{text} {currency} of invoice {invoice_id!r} are due: it is paid once payments of that"
            " much are recorded (POST /api/payments)"
        )
        self.invoice_id = invoice_id
        self.amount_due = text
        self.currency = currency


class NotFinal(RollcallError):
    """An invoice is a draft, or voided, and so takes no payments and no credit notes."""

    def __init__(self, invoice_id: str, status: str, what: str) -> None:
        super().__init__(f"invoice {invoice_id!r} is {status} and takes no {what}")
        self.invoice_id = invoice_id
        self.invoice_status = status


class MoreThanLeft(RollcallError):
    """More is to be credited or refunded than there is."""

    def __init__(self, what: str, of: str, amount: Decimal, left: Decimal, currency: str) -> None:
        self.amount = amount_text(amount, currency)
        self.amount_left = amount_text(left, currency)
        super().__init__(f"cannot {what} {self.amount} of {of}: {self.amount_left} is left")


class WebhookRefused(RollcallError):
    """A webhook is not from who it says it is from, or nobody can tell."""

    def __init__(self, provider: str, problem: str) -> None:
        super().__init__(f"the webhook of {provider!r} is refused: {problem}")
        self.provider = provider


class BooksDamaged(RollcallError):
    """Something stands in the books that was never written there: it cannot be read, or it does
    not sum to zero. Nobody's request can mend that; a backup can.

    Args:
        where: What it is about, such as `transaction txn_...`.
        problem: What is wrong with it.
    """

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(f"the books are damaged: {where} {problem}")
        self.where = where
        self.problem = problem
