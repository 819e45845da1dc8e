# SPDX-License-Identifier: Apache-2.0
"""Invoices, credit notes, payments and the ledger."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_SECONDS = "seconds since the epoch"


def upgrade() -> None:
    _create_invoices()
    _create_credit_notes()
    _create_payments()
    _create_ledger()


def _create_invoices() -> None:
    op.create_table(
        "billing_invoices",
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("agent_id", sa.Text, nullable=False),
        sa.Column("period_id", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False, comment="ISO 4217"),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("number", sa.Text),
        sa.Column("business_name", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("time_zone", sa.Text, nullable=False, comment="IANA"),
        sa.Column("tax_rate", sa.Text, nullable=False, comment="decimal, a fraction"),
        sa.Column("terms_days", sa.Integer, nullable=False),
        sa.Column("subtotal", sa.Text, nullable=False, comment="decimal"),
        sa.Column("tax_amount", sa.Text, nullable=False, comment="decimal"),
        sa.Column("usages", sa.Integer, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("generated_at", sa.Double, nullable=False, comment=_SECONDS),
        sa.Column("finalised_at", sa.Double, comment=_SECONDS),
        sa.Column("due_date", sa.Text, comment="ISO 8601"),
        sa.Column("paid_at", sa.Double, comment=_SECONDS),
        sa.Column("voided_at", sa.Double, comment=_SECONDS),
        sa.PrimaryKeyConstraint("namespace", "id", name="pk_billing_invoices"),
        sa.UniqueConstraint("namespace", "number", name="uq_billing_invoices_number"),
        sa.UniqueConstraint(
            "namespace", "agent_id", "period_id", "sequence", name="uq_billing_invoices_sequence"
        ),
    )
    op.create_index(
        "ix_billing_invoices_generated", "billing_invoices", ["namespace", "generated_at", "id"]
    )
    op.create_index("ix_billing_invoices_due", "billing_invoices", ["status", "due_date"])
    op.create_index("ix_billing_invoices_id", "billing_invoices", ["id"])
    op.create_table(
        "billing_invoice_lines",
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("invoice_id", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("key", sa.Text, nullable=False, comment="JSON: what its usages have in common"),
        sa.Column("quantity", sa.Text, nullable=False, comment="decimal"),
        sa.Column("exact_amount", sa.Text, nullable=False, comment="decimal, not rounded"),
        sa.Column("amount", sa.Text, nullable=False, comment="decimal, rounded once"),
        sa.Column("usages", sa.Integer, nullable=False),
        sa.Column("service_from", sa.Double, nullable=False, comment=_SECONDS),
        sa.Column("service_to", sa.Double, nullable=False, comment=_SECONDS),
        sa.PrimaryKeyConstraint(
            "namespace", "invoice_id", "number", name="pk_billing_invoice_lines"
        ),
    )
    op.create_table(
        "billing_numbers",
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("series", sa.Text, nullable=False),
        sa.Column("last", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("namespace", "series", name="pk_billing_numbers"),
    )


def _create_credit_notes() -> None:
    op.create_table(
        "billing_credit_notes",
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("number", sa.Text, nullable=False),
        sa.Column("invoice_id", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("subtotal", sa.Text, nullable=False, comment="decimal"),
        sa.Column("tax_amount", sa.Text, nullable=False, comment="decimal"),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("lines", sa.Text, nullable=False, comment="JSON"),
        sa.Column("idempotency_key", sa.Text),
        sa.Column("created_at", sa.Double, nullable=False, comment=_SECONDS),
        sa.PrimaryKeyConstraint("namespace", "id", name="pk_billing_credit_notes"),
        sa.UniqueConstraint("namespace", "number", name="uq_billing_credit_notes_number"),
        sa.UniqueConstraint("namespace", "idempotency_key", name="uq_billing_credit_notes_key"),
    )
    op.create_index(
        "ix_billing_credit_notes_invoice", "billing_credit_notes", ["namespace", "invoice_id"]
    )


def _create_payments() -> None:
    op.create_table(
        "billing_payments",
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("invoice_id", sa.Text, nullable=False),
        sa.Column("amount", sa.Text, nullable=False, comment="decimal"),
        sa.Column("refunded_amount", sa.Text, nullable=False, comment="decimal"),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("payment_method", sa.Text, nullable=False),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False, comment="whose transaction ids these are"),
        sa.Column("transaction_id", sa.Text),
        sa.Column("idempotency_key", sa.Text),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False, comment=_SECONDS),
        sa.Column("processed_at", sa.Double, comment=_SECONDS),
        sa.PrimaryKeyConstraint("namespace", "id", name="pk_billing_payments"),
        sa.UniqueConstraint("namespace", "idempotency_key", name="uq_billing_payments_key"),
        sa.UniqueConstraint(
            "namespace", "channel", "transaction_id", name="uq_billing_payments_transaction"
        ),
    )
    op.create_index(
        "ix_billing_payments_created", "billing_payments", ["namespace", "created_at", "id"]
    )
    op.create_index("ix_billing_payments_invoice", "billing_payments", ["namespace", "invoice_id"])
    op.create_table(
        "billing_refunds",
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("payment_id", sa.Text, nullable=False),
        sa.Column("invoice_id", sa.Text, nullable=False),
        sa.Column("amount", sa.Text, nullable=False, comment="decimal"),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("idempotency_key", sa.Text),
        sa.Column("created_at", sa.Double, nullable=False, comment=_SECONDS),
        sa.PrimaryKeyConstraint("namespace", "id", name="pk_billing_refunds"),
        sa.UniqueConstraint("namespace", "idempotency_key", name="uq_billing_refunds_key"),
    )
    op.create_index("ix_billing_refunds_invoice", "billing_refunds", ["namespace", "invoice_id"])
    op.create_table(
        "billing_webhooks",
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("received_at", sa.Double, nullable=False, comment=_SECONDS),
        sa.PrimaryKeyConstraint("provider", "id", name="pk_billing_webhooks"),
    )


def _create_ledger() -> None:
    op.create_table(
        "billing_transactions",
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("act", sa.Text, nullable=False),
        sa.Column("invoice_id", sa.Text, nullable=False),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column(
            "place", sa.Integer, nullable=False, comment="among those of the invoice, from 1"
        ),
        sa.Column("at", sa.Double, nullable=False, comment=_SECONDS),
        sa.PrimaryKeyConstraint("namespace", "id", name="pk_billing_transactions"),
        sa.UniqueConstraint(
            "namespace", "invoice_id", "place", name="uq_billing_transactions_place"
        ),
    )
    op.create_index("ix_billing_transactions_at", "billing_transactions", ["namespace", "at", "id"])
    op.create_table(
        "billing_entries",
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("transaction_id", sa.Text, nullable=False),
        sa.Column("place", sa.Integer, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column(
            "amount", sa.BigInteger, nullable=False, comment="smallest units; debits are positive"
        ),
        sa.Column("invoice_id", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("namespace", "transaction_id", "place", name="pk_billing_entries"),
    )
    op.create_index(
        "ix_billing_entries_account", "billing_entries", ["namespace", "currency", "account"]
    )
    op.create_index("ix_billing_entries_invoice", "billing_entries", ["namespace", "invoice_id"])
