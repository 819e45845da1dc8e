# SPDX-License-Identifier: Apache-2.0
"""Double-entry bookkeeping: pure. What each act of business writes into the ledger.

Every transaction sums to zero, and none is ever changed: what was wrong is set right by another
one. Amounts are whole smallest units of their currency, debits positive.

One number says how an invoice stands: its *net*, which is what was invoiced less what was credited
and paid, plus what was refunded. What is above zero is owed (receivable), what is below is the
customer's (customer credit). Each act moves the net, and the two accounts follow.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

import msgspec

from rollcall.billing.ledger_accounts import Account
from rollcall.kernel.errors import RollcallError


class Act(StrEnum):
    """What a transaction is about."""

    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"
    PAYMENT = "payment"
    REFUND = "refund"
    PAYOUT = "payout"


class Unbalanced(RollcallError):
    """Entries that do not sum to zero: a fault of ours, which must not reach the books."""

    def __init__(self, total: int) -> None:
        super().__init__(f"the entries sum to {total}, not to zero")
        self.total = total


class Entry(msgspec.Struct, frozen=True):
    """One side of a transaction.

    Args:
        account: Which account.
        amount: In smallest units; a debit is positive, a credit negative, and never zero.
    """

    account: Account
    amount: int


class Transaction(msgspec.Struct, frozen=True, kw_only=True):
    """What is written into the ledger as a whole, once.

    Args:
        id: Derived from what it is about, so that nothing is written twice.
        act: What happened.
        invoice_id: The invoice that it belongs to.
        reference: The credit note, payment or refund that it comes from, or the invoice itself.
        currency: Of all entries, ISO 4217.
        at: When it was written.
        entries: They sum to zero.

    Raises:
        Unbalanced: They do not.
    """

    namespace: str
    id: str
    act: Act
    invoice_id: str
    reference: str
    currency: str
    at: datetime
    entries: tuple[Entry, ...]

    def __post_init__(self) -> None:
        total = sum(one.amount for one in self.entries)
        if total:
            raise Unbalanced(total)


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How an invoice stands, in smallest units.

    Args:
        total: What was invoiced, tax included.
        credited: What was credited of that.
        paid: What was paid.
        refunded: What was paid back of that.
    """

    total: int
    credited: int = 0
    paid: int = 0
    refunded: int = 0

    @property
    def net(self) -> int:
        """What is owed; below zero it is the customer's."""
        return self.total - self.credited - self.paid + self.refunded

    @property
    def due(self) -> int:
        return max(0, self.net)

    @property
    def credit(self) -> int:
        return max(0, -self.net)


def moved(before: int, after: int) -> tuple[Entry, ...]:
    """The entries of receivable and customer credit when an invoice's net moves."""
    receivable = max(0, after) - max(0, before)
    credit = max(0, -before) - max(0, -after)
    return _entries((Account.RECEIVABLE, receivable), (Account.CUSTOMER_CREDIT, credit))


def invoiced(subtotal: int, tax: int) -> tuple[Entry, ...]:
    """What finalising an invoice writes."""
    return _entries(
        (Account.RECEIVABLE, subtotal + tax),
        (Account.REVENUE, -subtotal),
        (Account.TAX_PAYABLE, -tax),
    )


def credited(before: int, subtotal: int, tax: int) -> tuple[Entry, ...]:
    """What a credit note writes, for an invoice whose net was `before`."""
    return (
        *_entries((Account.REVENUE, subtotal), (Account.TAX_PAYABLE, tax)),
        *moved(before, before - subtotal - tax),
    )


def paid(before: int, amount: int) -> tuple[Entry, ...]:
    """What a payment writes, for an invoice whose net was `before`."""
    return (Entry(Account.CASH, amount), *moved(before, before - amount))


def refunded(before: int, amount: int) -> tuple[Entry, ...]:
    """What granting a refund writes: first out of the customer's credit, then it is owed again."""
    return (*moved(before, before + amount), Entry(Account.REFUNDS_PAYABLE, -amount))


def paid_out(amount: int) -> tuple[Entry, ...]:
    """What paying a refund out writes."""
    return Entry(Account.REFUNDS_PAYABLE, amount), Entry(Account.CASH, -amount)


def balances(transactions: Iterable[Transaction]) -> dict[tuple[str, Account], int]:
    """The balance of each account in each currency; without those that nothing was written to."""
    found: dict[tuple[str, Account], int] = {}
    for one in transactions:
        for entry in one.entries:
            key = one.currency, entry.account
            found[key] = found.get(key, 0) + entry.amount
    return found


def _entries(*parts: tuple[Account, int]) -> tuple[Entry, ...]:
    return tuple(Entry(account, amount) for account, amount in parts if amount)
