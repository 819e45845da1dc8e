# SPDX-License-Identifier: Apache-2.0
"""Usage and what it is charged, rate cards, budgets and reservations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_accounts()
    _create_cards()
    _create_usage()
    _create_budgets()


def _create_accounts() -> None:
    op.create_table(
        "billing_accounts",
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("time_zone", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("tax_rate", sa.Text, nullable=False),
        sa.Column("terms_days", sa.Integer, nullable=False),
        sa.Column("plan", sa.Text),
        sa.Column("rate_card_id", sa.Text),
        sa.Column("business_name", sa.Text),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("namespace", name="pk_billing_accounts"),
    )
    op.create_table(
        "billing_agents",
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("agent_id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("tracked_since", sa.Double, nullable=False),
        sa.Column("deleted_at", sa.Double),
        sa.PrimaryKeyConstraint("namespace", "agent_id", name="pk_billing_agents"),
    )


def _create_cards() -> None:
    op.create_table(
        "billing_rate_cards",
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("namespace", "id", name="pk_billing_rate_cards"),
    )
    op.create_table(
        "billing_rate_card_versions",
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("card_id", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("effective_from", sa.Double, comment="null: from the beginning of time"),
        sa.Column("items", sa.Text, nullable=False, comment="JSON"),
        sa.Column("unsplit", sa.Text, nullable=False),
        sa.Column("unpriced", sa.Text, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint(
            "namespace", "card_id", "version", name="pk_billing_rate_card_versions"
        ),
    )
    op.create_table(
        "billing_assignments",
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False, comment="agents or plans"),
        sa.Column("key", sa.Text, nullable=False, comment="the agent's id, or the plan"),
        sa.Column("rate_card_id", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("namespace", "kind", "key", name="pk_billing_assignments"),
    )
    op.create_index(
        "ix_billing_assignments_card", "billing_assignments", ["namespace", "rate_card_id"]
    )


def _create_usage() -> None:
    op.create_table(
        "billing_agent_periods",
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("agent_id", sa.Text, nullable=False),
        sa.Column("period_id", sa.Text, nullable=False),
        sa.Column("usages", sa.BigInteger, nullable=False),
        sa.Column("tokens", sa.BigInteger, nullable=False),
        sa.Column("amount", sa.Text, nullable=False, comment="the sum of its usages"),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column(
            "invoice_id",
            sa.Text,
            comment="what closed it: no usage gets in any more; null: open",
        ),
        sa.Column("closed_at", sa.Double),
        sa.PrimaryKeyConstraint(
            "namespace", "agent_id", "period_id", name="pk_billing_agent_periods"
        ),
    )
    op.create_index(
        "ix_billing_agent_periods_period", "billing_agent_periods", ["namespace", "period_id"]
    )
    op.create_table(
        "billing_counters",
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("agent_id", sa.Text, nullable=False),
        sa.Column("period_id", sa.Text, nullable=False),
        sa.Column("card_id", sa.Text, nullable=False),
        sa.Column("item", sa.Text, nullable=False, comment="version/place, or flat"),
        sa.Column("quantity", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint(
            "namespace", "agent_id", "period_id", "card_id", "item", name="pk_billing_counters"
        ),
    )
    op.create_table(
        "billing_usage",
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("agent_id", sa.Text, nullable=False),
        sa.Column("conversation_id", sa.Text),
        sa.Column("model", sa.Text),
        sa.Column("provider", sa.Text),
        sa.Column("key", sa.Text, comment="idempotency key, or id of the event"),
        sa.Column("source", sa.Text, nullable=False, comment="api, or the event's source"),
        sa.Column("raw", sa.Text, nullable=False, comment="what was told, JSON"),
        sa.Column("content_hash", sa.Text, nullable=False),
        sa.Column("tokens", sa.BigInteger, nullable=False),
        sa.Column("input_tokens", sa.BigInteger, nullable=False),
        sa.Column("output_tokens", sa.BigInteger, nullable=False),
        sa.Column("cached_tokens", sa.BigInteger, nullable=False),
        sa.Column("requests", sa.BigInteger, nullable=False),
        sa.Column("conversations", sa.Integer, nullable=False),
        sa.Column("minutes", sa.Text, nullable=False),
        sa.Column("estimated", sa.Boolean, nullable=False),
        sa.Column("served_at", sa.Double, nullable=False),
        sa.Column("recorded_at", sa.Double, nullable=False),
        sa.Column("period_id", sa.Text, nullable=False),
        sa.Column("late", sa.Boolean, nullable=False),
        sa.Column("rate_card_id", sa.Text, nullable=False),
        sa.Column("rate_card_version", sa.Integer, nullable=False),
        sa.Column("lines", sa.Text, nullable=False, comment="JSON, with the prices"),
        sa.Column("amount", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("provider_cost", sa.Text, comment="US dollars; null: nobody knows"),
        sa.Column("price_source", sa.Text),
        sa.Column("reported_cost", sa.Text),
        sa.Column("invoice_id", sa.Text, comment="null: not billed for good yet"),
        sa.PrimaryKeyConstraint("namespace", "id", name="pk_billing_usage"),
    )
    for name, columns in (
        ("agent", ["agent_id", "served_at", "id"]),
        ("period", ["agent_id", "period_id", "id"]),
        ("conversation", ["conversation_id"]),
        ("card", ["rate_card_id", "served_at"]),
        ("served", ["served_at"]),
        ("invoice", ["invoice_id", "id"]),
    ):
        op.create_index(f"ix_billing_usage_{name}", "billing_usage", ["namespace", *columns])


def _create_budgets() -> None:
    op.create_table(
        "billing_budgets",
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("agent_id", sa.Text),
        sa.Column("limit", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("period", sa.Text, nullable=False),
        sa.Column("hard", sa.Boolean, nullable=False),
        sa.Column("alert_at", sa.Text, nullable=False, comment="JSON"),
        sa.Column("window", sa.Text, nullable=False),
        sa.Column("spent", sa.Text, nullable=False),
        sa.Column("alerted", sa.Text, nullable=False, comment="JSON"),
        sa.Column("exhausted", sa.Boolean, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("namespace", "id", name="pk_billing_budgets"),
    )
    op.create_index("ix_billing_budgets_agent", "billing_budgets", ["namespace", "agent_id"])
    op.create_table(
        "billing_reservations",
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("agent_id", sa.Text, nullable=False),
        sa.Column("amount", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False, comment="open, settled, released"),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("expires_at", sa.Double, nullable=False),
        sa.Column("conversation_id", sa.Text),
        sa.Column("usage_id", sa.Text),
        sa.PrimaryKeyConstraint("namespace", "id", name="pk_billing_reservations"),
    )
    op.create_index(
        "ix_billing_reservations_conversation",
        "billing_reservations",
        ["namespace", "conversation_id"],
    )
    op.create_index(
        "ix_billing_reservations_agent",
        "billing_reservations",
        ["namespace", "agent_id", "expires_at"],
    )
    op.create_table(
        "billing_holds",
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("budget_id", sa.Text, nullable=False),
        sa.Column("reservation_id", sa.Text, nullable=False),
        sa.Column("amount", sa.Text, nullable=False),
        sa.Column("expires_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint(
            "namespace", "budget_id", "reservation_id", name="pk_billing_holds"
        ),
    )
    op.create_index(
        "ix_billing_holds_reservation", "billing_holds", ["namespace", "reservation_id"]
    )
