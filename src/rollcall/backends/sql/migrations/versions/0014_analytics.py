# SPDX-License-Identifier: Apache-2.0
"""What people have said, for analytics; on PostgreSQL the facts too, which are in a DuckDB file
elsewhere.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_MONEY = sa.Numeric(27, 12)
_SUM = sa.Numeric(38, 12)


def upgrade() -> None:
    op.create_table(
        "analytics_texts",
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("conversation_id", sa.Text, nullable=False),
        sa.Column("agent_id", sa.Text, nullable=False),
        sa.Column("session_id", sa.Text),
        sa.Column("user_id", sa.Text),
        sa.Column("user_message", sa.Text, comment="null: erased"),
        sa.Column("agent_response", sa.Text),
        sa.Column("time_us", sa.BigInteger, nullable=False, comment="microseconds since the epoch"),
        sa.Column(
            "digest", sa.Text, comment="of what was posted; null: told by an event, or erased"
        ),
        sa.PrimaryKeyConstraint("namespace", "conversation_id", name="pk_analytics_texts"),
    )
    for name in ("session", "user", "agent"):
        columns = ["namespace", f"{name}_id"]
        op.create_index(f"ix_analytics_texts_{name}", "analytics_texts", columns)
    if op.get_bind().dialect.name == "postgresql":
        _facts()
        _sums()


def _facts() -> None:
    _fact(
        "conversations",
        sa.Column("agent_id", sa.Text, nullable=False),
        sa.Column("agent_version", sa.Text),
        sa.Column("session", sa.BigInteger, comment="stands for a session"),
        sa.Column("model", sa.Text),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("error_type", sa.Text),
        sa.Column("response_us", sa.BigInteger, comment="microseconds"),
        sa.Column(
            "bucket", sa.Integer, comment="of the response time; longer ones are in higher ones"
        ),
        sa.Column("satisfaction", sa.Integer, comment="1 to 5"),
        sa.Column("hidden", sa.Boolean, nullable=False),
    )
    talk = "analytics_conversations"
    op.create_index(f"ix_{talk}_session", talk, ["session"])
    op.create_index(f"ix_{talk}_newest", talk, ["namespace", "time_us", "id"])
    op.create_index(f"ix_{talk}_agent", talk, ["namespace", "agent_id", "time_us", "id"])
    _fact(
        "usages",
        sa.Column("agent_id", sa.Text, nullable=False),
        *_texts("agent_version", "model", "provider"),
        sa.Column("requests", sa.BigInteger, nullable=False),
        sa.Column("tokens", sa.BigInteger, nullable=False),
        *_numbers("input_tokens", "output_tokens", "cached_tokens"),
        sa.Column("estimated", sa.Boolean, nullable=False),
        sa.Column("cost", _MONEY),
        sa.Column("currency", sa.Text),
    )
    _fact(
        "charges",
        sa.Column("agent_id", sa.Text, nullable=False),
        *_texts("conversation_id", "model", "period"),
        sa.Column("amount", _MONEY, nullable=False),
        sa.Column("currency", sa.Text),
        sa.Column("provider_cost", _MONEY),
        sa.Column("estimated", sa.Boolean, nullable=False),
    )
    _fact(
        "invoice_lines",
        sa.Column("invoice_id", sa.Text, nullable=False),
        sa.Column("number", sa.Text, nullable=False),
        sa.Column("line", sa.Integer, nullable=False),
        *_texts("agent_id", "period", "unit", "model"),
        sa.Column("quantity", _MONEY),
        sa.Column("amount", _MONEY, nullable=False),
        sa.Column("currency", sa.Text),
    )
    _fact(
        "agents",
        *_texts("name", "industry", "status"),
        sa.Column("deleted", sa.Boolean, nullable=False),
    )


def _sums() -> None:
    op.create_table(
        "analytics_sessions",
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("agent_id", sa.Text, nullable=False),
        sa.Column("session", sa.BigInteger, nullable=False),
        sa.Column(
            "first", sa.Integer, nullable=False, comment="quarter in which something was said"
        ),
        sa.Column(
            "last", sa.Integer, nullable=False, comment="quarter in which something was said"
        ),
    )
    op.create_index("ix_analytics_sessions_session", "analytics_sessions", ["session"])
    op.create_index("ix_analytics_sessions_first", "analytics_sessions", ["namespace", "first"])
    _sum(
        "conversation",
        *_texts("agent_id", "agent_version", "status"),
        *_numbers("conversations", "failed", "responses", "response_us"),
        *_numbers("ratings", "satisfaction", "last_us"),
    )
    _sum(
        "usage",
        *_texts("agent_id", "agent_version", "model", "provider", "currency"),
        *_numbers("usages", "requests", "tokens", "input_tokens", "output_tokens"),
        *_numbers("cached_tokens", "estimated_tokens", "priced"),
        sa.Column("cost", _SUM),
    )
    _sum(
        "charge",
        *_texts("agent_id", "period", "currency"),
        *_numbers("charges"),
        sa.Column("amount", _SUM),
    )


def _fact(kind: str, *columns: sa.Column[Any]) -> None:
    name = f"analytics_{kind}"
    op.create_table(
        name,
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("key", sa.BigInteger, nullable=False, comment="stands for namespace and id"),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("time_us", sa.BigInteger, nullable=False, comment="microseconds since the epoch"),
        sa.Column("quarter", sa.Integer, nullable=False, comment="of an hour, since the epoch"),
        *columns,
    )
    op.create_index(f"uq_{name}_id", name, ["namespace", "id"], unique=True)
    op.create_index(f"ix_{name}_time", name, ["namespace", "quarter"])
    op.create_index(f"ix_{name}_key", name, ["key"])


def _sum(of: str, *columns: sa.Column[Any]) -> None:
    name = f"analytics_{of}_quarters"
    op.create_table(
        name,
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("quarter", sa.Integer, nullable=False, comment="of an hour, since the epoch"),
        *columns,
    )
    op.create_index(f"ix_{name}", name, ["namespace", "quarter"])


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text) for name in names]


def _numbers(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger) for name in names]
