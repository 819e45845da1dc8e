# SPDX-License-Identifier: Apache-2.0
"""The tables of usage, prices and budgets; `rows` says what their rows mean.

Amounts and quantities that may have a fraction are decimal strings, moments are seconds since the
epoch, lines and items are JSON.

Whoever changes what an agent has used, or closes a period of it, first locks the agent's row in
`billing_agents`. Locks are taken in the order agents, rate cards, budgets, each by their ids.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
)

METADATA: Final = MetaData()

ACCOUNTS: Final = Table(
    "billing_accounts",
    METADATA,
    Column("namespace", Text, primary_key=True),
    Column("time_zone", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("tax_rate", Text, nullable=False),
    Column("terms_days", Integer, nullable=False),
    Column("plan", Text),
    Column("rate_card_id", Text),
    Column("business_name", Text),
    Column("revision", Integer, nullable=False),
)

AGENTS: Final = Table(
    "billing_agents",
    METADATA,
    Column("namespace", Text, primary_key=True),
    Column("agent_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("tracked_since", Double, nullable=False),
    Column("deleted_at", Double),
    Column("tax_rate", Text, comment="decimal, a fraction; null: the account's"),
)

CARDS: Final = Table(
    "billing_rate_cards",
    METADATA,
    Column("namespace", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("created_at", Double, nullable=False),
)

CARD_VERSIONS: Final = Table(
    "billing_rate_card_versions",
    METADATA,
    Column("namespace", Text, primary_key=True),
    Column("card_id", Text, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("effective_from", Double, comment="null: from the beginning of time"),
    Column("items", Text, nullable=False, comment="JSON"),
    Column("unsplit", Text, nullable=False),
    Column("unpriced", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("author", Text, nullable=False),
)

ASSIGNMENTS: Final = Table(
    "billing_assignments",
    METADATA,
    Column("namespace", Text, primary_key=True),
    Column("kind", Text, primary_key=True, comment="agents or plans"),
    Column("key", Text, primary_key=True, comment="the agent's id, or the plan"),
    Column("rate_card_id", Text, nullable=False),
    Index("ix_billing_assignments_card", "namespace", "rate_card_id"),
)

PERIODS: Final = Table(
    "billing_agent_periods",
    METADATA,
    Column("namespace", Text, primary_key=True),
    Column("agent_id", Text, primary_key=True),
    Column("period_id", Text, primary_key=True),
    Column("usages", BigInteger, nullable=False),
    Column("tokens", BigInteger, nullable=False),
    Column("amount", Text, nullable=False, comment="the sum of its usages"),
    Column("currency", Text, nullable=False),
    Column("invoice_id", Text, comment="what closed it: no usage gets in any more; null: open"),
    Column("closed_at", Double),
    Index("ix_billing_agent_periods_period", "namespace", "period_id"),
)

COUNTERS: Final = Table(
    "billing_counters",
    METADATA,
    Column("namespace", Text, primary_key=True),
    Column("agent_id", Text, primary_key=True),
    Column("period_id", Text, primary_key=True),
    Column("card_id", Text, primary_key=True),
    Column("item", Text, primary_key=True, comment="version/place, or flat"),
    Column("quantity", Text, nullable=False),
)

USAGE: Final = Table(
    "billing_usage",
    METADATA,
    Column("namespace", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("agent_id", Text, nullable=False),
    Column("conversation_id", Text),
    Column("model", Text),
    Column("provider", Text),
    Column("key", Text, comment="idempotency key, or id of the event"),
    Column("source", Text, nullable=False, comment="api, or the event's source"),
    Column("raw", Text, nullable=False, comment="what was told, JSON"),
    Column("content_hash", Text, nullable=False),
    Column("tokens", BigInteger, nullable=False),
    Column("input_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    Column("cached_tokens", BigInteger, nullable=False),
    Column("requests", BigInteger, nullable=False),
    Column("conversations", Integer, nullable=False),
    Column("minutes", Text, nullable=False),
    Column("estimated", Boolean, nullable=False),
    Column("served_at", Double, nullable=False),
    Column("recorded_at", Double, nullable=False),
    Column("period_id", Text, nullable=False),
    Column("late", Boolean, nullable=False),
    Column("rate_card_id", Text, nullable=False),
    Column("rate_card_version", Integer, nullable=False),
    Column("lines", Text, nullable=False, comment="JSON, with the prices"),
    Column("amount", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("provider_cost", Text, comment="US dollars; null: nobody knows"),
    Column("price_source", Text),
    Column("reported_cost", Text),
    Column("invoice_id", Text, comment="null: not billed for good yet"),
    Index("ix_billing_usage_agent", "namespace", "agent_id", "served_at", "id"),
    Index("ix_billing_usage_period", "namespace", "agent_id", "period_id", "id"),
    Index("ix_billing_usage_conversation", "namespace", "conversation_id"),
    Index("ix_billing_usage_card", "namespace", "rate_card_id", "served_at"),
    Index("ix_billing_usage_served", "namespace", "served_at"),
    Index("ix_billing_usage_invoice", "namespace", "invoice_id", "id"),
)

BUDGETS: Final = Table(
    "billing_budgets",
    METADATA,
    Column("namespace", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("scope", Text, nullable=False),
    Column("agent_id", Text),
    Column("limit", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("period", Text, nullable=False),
    Column("hard", Boolean, nullable=False),
    Column("alert_at", Text, nullable=False, comment="JSON"),
    Column("window", Text, nullable=False),
    Column("spent", Text, nullable=False),
    Column("alerted", Text, nullable=False, comment="JSON"),
    Column("exhausted", Boolean, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("created_at", Double, nullable=False),
    Index("ix_billing_budgets_agent", "namespace", "agent_id"),
)

RESERVATIONS: Final = Table(
    "billing_reservations",
    METADATA,
    Column("namespace", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("agent_id", Text, nullable=False),
    Column("amount", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("status", Text, nullable=False, comment="open, settled, released"),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False),
    Column("conversation_id", Text),
    Column("usage_id", Text),
    Index("ix_billing_reservations_conversation", "namespace", "conversation_id"),
    Index("ix_billing_reservations_agent", "namespace", "agent_id", "expires_at"),
)

HOLDS: Final = Table(
    "billing_holds",
    METADATA,
    Column("namespace", Text, primary_key=True),
    Column("budget_id", Text, primary_key=True),
    Column("reservation_id", Text, primary_key=True),
    Column("amount", Text, nullable=False),
    Column("expires_at", Double, nullable=False),
    Index("ix_billing_holds_reservation", "namespace", "reservation_id"),
)
"""What open reservations keep of which budget."""
