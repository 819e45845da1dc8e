# SPDX-License-Identifier: Apache-2.0
"""The outbox, and the position of its last event."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    position = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "outbox",
        sa.Column("position", position, autoincrement=False, nullable=False),
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("event_id", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("event", sa.Text, nullable=False, comment="CloudEvents 1.0 in JSON"),
        sa.PrimaryKeyConstraint("position", name="pk_outbox"),
        sa.UniqueConstraint(
            "namespace", "source", "event_id", name="uq_outbox_namespace_source_event_id"
        ),
    )
    head = op.create_table(
        "outbox_head",
        sa.Column("only", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("position", position, nullable=False),
        sa.Column(
            "compacted", position, nullable=False, comment="the last position that was forgotten"
        ),
        sa.PrimaryKeyConstraint("only", name="pk_outbox_head"),
        sa.CheckConstraint('"only" = 1', name="ck_outbox_head_only"),
    )
    op.bulk_insert(head, [{"only": 1, "position": 0, "compacted": 0}])
