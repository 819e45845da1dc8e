# SPDX-License-Identifier: Apache-2.0
"""Consumer groups, their inbox, and the events that they hold."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    position = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "event_groups",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("position", position, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_event_groups"),
    )
    op.create_table(
        "inbox",
        sa.Column("group_name", sa.Text, nullable=False),
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("event_id", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("group_name", "namespace", "source", "event_id", name="pk_inbox"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "held_events",
        sa.Column("group_name", sa.Text, nullable=False),
        sa.Column("position", position, autoincrement=False, nullable=False),
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("retry_at", sa.Double, comment="seconds since the epoch; null: parked"),
        sa.Column("failed_at", sa.Double, nullable=False, comment="seconds since the epoch"),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("event", sa.Text, nullable=False, comment="CloudEvents 1.0 in JSON"),
        sa.PrimaryKeyConstraint("group_name", "position", name="pk_held_events"),
    )
