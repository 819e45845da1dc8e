# SPDX-License-Identifier: Apache-2.0
"""The tables of invoices, payments and the ledger."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

METADATA: Final = MetaData()

INVOICES: Final = Table(
    "billing_invoices",
    METADATA,
    Column("namespace", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("agent_id", Text, nullable=False),
    Column("period_id", Text, nullable=False),
    Column("currency", Text, nullable=False, comment="ISO 4217"),
    Column("sequence", Integer, nullable=False),
    Column("number", Text),
    Column("business_name", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("time_zone", Text, nullable=False, comment="IANA"),
    Column("tax_rate", Text, nullable=False, comment="decimal, a fraction"),
    Column("terms_days", Integer, nullable=False),
    Column("issuer", Text, comment="name and address, line by line; null: not named"),
    Column("issuer_tax_id", Text, comment="null: not shown"),
    Column("subtotal", Text, nullable=False, comment="decimal"),
    Column("tax_amount", Text, nullable=False, comment="decimal"),
    Column("usages", Integer, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("generated_at", Double, nullable=False, comment="seconds since the epoch"),
    Column("finalised_at", Double, comment="seconds since the epoch"),
    Column("due_date", Text, comment="ISO 8601"),
    Column("paid_at", Double, comment="seconds since the epoch"),
    Column("voided_at", Double, comment="seconds since the epoch"),
    UniqueConstraint("namespace", "number", name="uq_billing_invoices_number"),
    UniqueConstraint(
        "namespace", "agent_id", "period_id", "sequence", name="uq_billing_invoices_sequence"
    ),
    Index("ix_billing_invoices_generated", "namespace", "generated_at", "id"),
    Index("ix_billing_invoices_due", "status", "due_date"),
    # Providers know an invoice by its id alone.
    Index("ix_billing_invoices_id", "id"),
)

LINES: Final = Table(
    "billing_invoice_lines",
    METADATA,
    Column("namespace", Text, primary_key=True),
    Column("invoice_id", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("key", Text, nullable=False, comment="JSON: what its usages have in common"),
    Column("quantity", Text, nullable=False, comment="decimal"),
    Column("exact_amount", Text, nullable=False, comment="decimal, not rounded"),
    Column("amount", Text, nullable=False, comment="decimal, rounded once"),
    Column("usages", Integer, nullable=False),
    Column("service_from", Double, nullable=False, comment="seconds since the epoch"),
    Column("service_to", Double, nullable=False, comment="seconds since the epoch"),
)

NUMBERS: Final = Table(
    "billing_numbers",
    METADATA,
    Column("namespace", Text, primary_key=True),
    Column("series", Text, primary_key=True),
    Column("last", BigInteger, nullable=False),
)

CREDIT_NOTES: Final = Table(
    "billing_credit_notes",
    METADATA,
    Column("namespace", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("number", Text, nullable=False),
    Column("invoice_id", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("subtotal", Text, nullable=False, comment="decimal"),
    Column("tax_amount", Text, nullable=False, comment="decimal"),
    Column("reason", Text, nullable=False),
    Column("lines", Text, nullable=False, comment="JSON"),
    Column("idempotency_key", Text),
    Column("created_at", Double, nullable=False, comment="seconds since the epoch"),
    UniqueConstraint("namespace", "number", name="uq_billing_credit_notes_number"),
    UniqueConstraint("namespace", "idempotency_key", name="uq_billing_credit_notes_key"),
    Index("ix_billing_credit_notes_invoice", "namespace", "invoice_id"),
)

PAYMENTS: Final = Table(
    "billing_payments",
    METADATA,
    Column("namespace", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("invoice_id", Text, nullable=False),
    Column("amount", Text, nullable=False, comment="decimal"),
    Column("refunded_amount", Text, nullable=False, comment="decimal"),
    Column("currency", Text, nullable=False),
    Column("payment_method", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("channel", Text, nullable=False, comment="whose transaction ids these are"),
    Column("transaction_id", Text),
    Column("idempotency_key", Text),
    Column("status", Text, nullable=False),
    Column("created_at", Double, nullable=False, comment="seconds since the epoch"),
    Column("processed_at", Double, comment="seconds since the epoch"),
    UniqueConstraint("namespace", "idempotency_key", name="uq_billing_payments_key"),
    UniqueConstraint(
        "namespace", "channel", "transaction_id", name="uq_billing_payments_transaction"
    ),
    Index("ix_billing_payments_created", "namespace", "created_at", "id"),
    Index("ix_billing_payments_invoice", "namespace", "invoice_id"),
)

REFUNDS: Final = Table(
    "billing_refunds",
    METADATA,
    Column("namespace", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("payment_id", Text, nullable=False),
    Column("invoice_id", Text, nullable=False),
    Column("amount", Text, nullable=False, comment="decimal"),
    Column("currency", Text, nullable=False),
    Column("idempotency_key", Text),
    Column("created_at", Double, nullable=False, comment="seconds since the epoch"),
    UniqueConstraint("namespace", "idempotency_key", name="uq_billing_refunds_key"),
    Index("ix_billing_refunds_invoice", "namespace", "invoice_id"),
)

WEBHOOKS: Final = Table(
    "billing_webhooks",
    METADATA,
    Column("provider", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("received_at", Double, nullable=False, comment="seconds since the epoch"),
    Index("ix_billing_webhooks_received", "received_at"),
)

TRANSACTIONS: Final = Table(
    "billing_transactions",
    METADATA,
    Column("namespace", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("act", Text, nullable=False),
    Column("invoice_id", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("place", Integer, nullable=False, comment="among those of the invoice, from 1"),
    Column("at", Double, nullable=False, comment="seconds since the epoch"),
    UniqueConstraint("namespace", "invoice_id", "place", name="uq_billing_transactions_place"),
    Index("ix_billing_transactions_at", "namespace", "at", "id"),
)

ENTRIES: Final = Table(
    "billing_entries",
    METADATA,
    Column("namespace", Text, primary_key=True),
    Column("transaction_id", Text, primary_key=True),
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("account", Text, nullable=False),
    Column("amount", BigInteger, nullable=False, comment="smallest units; debits are positive"),
    # Both also stand with the transaction: balances are asked for all the time.
    Column("invoice_id", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Index("ix_billing_entries_account", "namespace", "currency", "account"),
    Index("ix_billing_entries_invoice", "namespace", "invoice_id"),
)
