# SPDX-License-Identifier: Apache-2.0
"""What groups that read Kafka have taken, what they hold, and keys of what is personal."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "kafka_inbox",
        sa.Column("group_name", sa.Text, nullable=False),
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("event_id", sa.Text, nullable=False),
        sa.Column("taken_at", sa.Double, nullable=False, comment="seconds since the epoch"),
        sa.PrimaryKeyConstraint(
            "group_name", "namespace", "source", "event_id", name="pk_kafka_inbox"
        ),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_kafka_inbox_taken_at", "kafka_inbox", ["taken_at"])
    op.create_table(
        "kafka_held",
        sa.Column("ticket", NUMBER, autoincrement=True, nullable=False),
        sa.Column("group_name", sa.Text, nullable=False),
        sa.Column("topic", sa.Text, nullable=False, comment="the type of events that it is for"),
        sa.Column("partition", sa.Integer, nullable=False),
        sa.Column("message_offset", NUMBER, nullable=False),
        sa.Column("timestamp", NUMBER, nullable=False, comment="milliseconds since the epoch"),
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("retry_at", sa.Double, comment="seconds since the epoch; null: parked"),
        sa.Column("failed_at", sa.Double, nullable=False, comment="seconds since the epoch"),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("event", sa.Text, nullable=False, comment="the message, or a stand-in"),
        sa.Column("value", sa.LargeBinary, comment="the message, where it is no event"),
        sa.PrimaryKeyConstraint("ticket", name="pk_kafka_held"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_kafka_held_group_name", "kafka_held", ["group_name"])
    op.create_table(
        "event_keys",
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("key", sa.LargeBinary, nullable=False, comment="AES-256"),
        sa.PrimaryKeyConstraint("namespace", "subject", name="pk_event_keys"),
        sqlite_with_rowid=False,
    )
