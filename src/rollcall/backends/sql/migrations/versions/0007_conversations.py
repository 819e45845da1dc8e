# SPDX-License-Identifier: Apache-2.0
"""Sessions and turns of the agent service."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "conversation_sessions",
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("session_id", sa.Text, nullable=False),
        sa.Column("agent_id", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("turns", sa.Integer, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False, comment="seconds since the epoch"),
        sa.Column("updated_at", sa.Double, nullable=False, comment="seconds since the epoch"),
        sa.PrimaryKeyConstraint("namespace", "session_id", name="pk_conversation_sessions"),
    )
    op.create_index(
        "ix_conversation_sessions_updated",
        "conversation_sessions",
        ["namespace", "updated_at", "session_id"],
    )
    op.create_table(
        "conversation_turns",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("session_id", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("user_input", sa.Text, nullable=False),
        sa.Column("response", sa.Text, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False, comment="seconds since the epoch"),
        sa.Column("owner", sa.Text, nullable=False, comment="who sent it"),
        sa.Column("idempotency_key", sa.Text),
        sa.Column("fingerprint", sa.Text, nullable=False, comment="of what was asked"),
        sa.Column("runner", sa.Text, nullable=False, comment="the process that answers it"),
        sa.Column("alive_at", sa.Double, nullable=False, comment="when that process last said so"),
        sa.Column("call_off", sa.Boolean, nullable=False, comment="whether it is to be cancelled"),
        sa.Column("body", sa.Text, nullable=False, comment="what else it is made of, in JSON"),
        sa.PrimaryKeyConstraint("id", name="pk_conversation_turns"),
    )
    op.create_index(
        "uq_conversation_turns_number",
        "conversation_turns",
        ["namespace", "session_id", "number"],
        unique=True,
    )
    op.create_index(
        "uq_conversation_turns_key",
        "conversation_turns",
        ["namespace", "owner", "idempotency_key"],
        unique=True,
    )
    under_way = sa.text("status IN ('accepted', 'running')")
    op.create_index(
        "ix_conversation_turns_open",
        "conversation_turns",
        ["runner"],
        sqlite_where=under_way,
        postgresql_where=under_way,
    )
