# SPDX-License-Identifier: Apache-2.0
"""Records on PostgreSQL: the table of document 2 with what it lacks, leases, and the change log.

SQLite keeps records in a file of their own, so there is nothing to do there.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    op.create_table(
        "registry_store",
        sa.Column("only", sa.Integer, sa.CheckConstraint('"only" = 1'), primary_key=True),
        sa.Column("epoch", sa.Text, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("compacted", sa.BigInteger, nullable=False),
        sa.Column("alive_at", sa.Double, nullable=False, comment="seconds since the epoch"),
        comment="One row: the number of the last change, locked by whoever writes.",
    )
    op.create_table(
        "agent_registry",
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("agent_id", sa.Text, nullable=False),
        sa.Column("agent_name", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("base_url", sa.Text),
        sa.Column("status", sa.Text, nullable=False, comment="as reported"),
        sa.Column("capabilities", JSONB, nullable=False),
        sa.Column("words", sa.Text, nullable=False, comment="folded, for search"),
        *_document(),
        sa.Column(
            "last_heartbeat",
            sa.DateTime(timezone=True),
            sa.Computed("to_timestamp(renewed_at)", persisted=True),
        ),
        sa.PrimaryKeyConstraint("namespace", "agent_id", name="pk_agent_registry"),
        comment="Records of every kind; `doc` is the whole of each, the rest is for people.",
    )
    op.create_index(
        "ix_agent_registry_lease",
        "agent_registry",
        ["namespace", "lease"],
        postgresql_where=sa.text("lease IS NOT NULL"),
    )
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    op.create_index(
        "ix_agent_registry_words",
        "agent_registry",
        ["words"],
        postgresql_using="gin",
        postgresql_ops={"words": "gin_trgm_ops"},
    )
    op.create_table(
        "registry_documents",
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        *_document(),
        sa.PrimaryKeyConstraint("kind", "namespace", "id", name="pk_registry_documents"),
        comment="Leases that records share, and holds of self-preservation.",
    )
    op.create_table(
        "registry_changes",
        sa.Column("revision", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("at", sa.Double, nullable=False, comment="seconds since the epoch"),
        sa.Column("op", sa.Text, nullable=False),
        sa.Column("cause", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("doc", sa.Text, comment="JSON; null: removed"),
        sa.PrimaryKeyConstraint("revision", name="pk_registry_changes"),
        sa.UniqueConstraint("op", name="uq_registry_changes_op"),
        comment="Every change in its order; operation ids settle unknown outcomes.",
    )


def _document() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("renewed_at", sa.Double, nullable=False, comment="seconds since the epoch"),
        sa.Column("epoch", sa.Integer, comment="of its own lease"),
        sa.Column("lease", sa.Text, comment="the shared lease that covers it"),
        sa.Column("doc", sa.Text, nullable=False, comment="JSON"),
    )
