# SPDX-License-Identifier: Apache-2.0
"""The accounts of the ledger."""

from __future__ import annotations

from enum import StrEnum


class Account(StrEnum):
    """Where money is, or what it is owed for. Debits are positive, credits negative."""

    RECEIVABLE = "receivable"
    """What customers owe on invoices; a debit balance."""
    CASH = "cash"
    """What was paid in; a debit balance."""
    REVENUE = "revenue"
    """What was invoiced, without tax; a credit balance."""
    TAX_PAYABLE = "tax_payable"
    """Tax that was invoiced and is owed to the state; a credit balance."""
    CUSTOMER_CREDIT = "customer_credit"
    """What customers have paid beyond what they owe; a credit balance."""
    REFUNDS_PAYABLE = "refunds_payable"
    """Refunds that were granted and not paid out yet; a credit balance."""

    @property
    def normal(self) -> str:
        """The side on which its balance is expected: `debit` or `credit`."""
        return "debit" if self in (Account.RECEIVABLE, Account.CASH) else "credit"
