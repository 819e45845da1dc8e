# SPDX-License-Identifier: Apache-2.0
"""Widgets, and what is counted of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _widgets()
    op.create_table(
        "widget_visitors",
        sa.Column("namespace", sa.Text, primary_key=True),
        sa.Column("widget_id", sa.Text, primary_key=True),
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("heard_at", sa.Double, nullable=False, comment="seconds since the epoch"),
        _hour("view_hour"),
        _hour("interaction_hour"),
        sa.Column("messages", sa.Integer, nullable=False),
    )
    op.create_index("ix_widget_visitors_heard", "widget_visitors", ["heard_at"])
    op.create_table(
        "widget_turns",
        sa.Column("namespace", sa.Text, primary_key=True),
        sa.Column("turn_id", sa.Text, primary_key=True),
        sa.Column("widget_id", sa.Text, nullable=False),
        sa.Column("visitor_id", sa.Text, nullable=False),
        sa.Column("at", sa.Double, nullable=False, comment="seconds since the epoch"),
        sa.Column("failed", sa.Boolean, nullable=False),
    )
    visitor = ["namespace", "widget_id", "visitor_id"]
    op.create_index("ix_widget_turns_visitor", "widget_turns", visitor)
    op.create_index("ix_widget_turns_at", "widget_turns", ["at"])
    op.create_table(
        "widget_days",
        sa.Column("namespace", sa.Text, primary_key=True),
        sa.Column("widget_id", sa.Text, primary_key=True),
        sa.Column("day", sa.Text, primary_key=True, comment="UTC, as in 2026-01-31"),
        sa.Column("views", sa.Integer, nullable=False),
        sa.Column("interactions", sa.Integer, nullable=False),
        sa.Column("visitors", sa.Integer, nullable=False),
        sa.Column("conversations", sa.Integer, nullable=False),
        sa.Column("messages", sa.Integer, nullable=False),
        sa.Column("failed", sa.Integer, nullable=False),
    )
    op.create_table(
        "widget_scripts",
        sa.Column("hash", sa.Text, primary_key=True),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("kept_at", sa.Double, nullable=False, comment="seconds since the epoch"),
    )


def _hour(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=False, comment="hours since the epoch; -1: none")


def _widgets() -> None:
    op.create_table(
        "widgets",
        sa.Column("namespace", sa.Text, primary_key=True),
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column(
            "public_key", sa.Text, nullable=False, comment="pages name it by this; no secret"
        ),
        sa.Column("agent_id", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("paused", sa.Boolean, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False, comment="seconds since the epoch"),
        sa.Column("updated_at", sa.Double, nullable=False, comment="seconds since the epoch"),
        sa.Column("idempotency_key", sa.Text, comment="of the request that made it"),
        sa.Column("fingerprint", sa.Text, nullable=False, comment="of what that request said"),
        sa.Column("content", sa.Text, nullable=False, comment="JSON"),
    )
    op.create_index("ix_widgets_public_key", "widgets", ["public_key"], unique=True)
    op.create_index(
        "ix_widgets_key", "widgets", ["namespace", "owner", "idempotency_key"], unique=True
    )
    op.create_index("ix_widgets_created", "widgets", ["namespace", "created_at", "id"])
    op.create_index("ix_widgets_agent", "widgets", ["namespace", "agent_id", "created_at", "id"])
