# SPDX-License-Identifier: Apache-2.0
"""What has happened lately, as the dashboard shows it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "dashboard_heads",
        sa.Column("namespace", sa.Text, primary_key=True),
        sa.Column("last", sa.BigInteger, nullable=False, comment="id of the newest activity"),
    )
    op.create_table(
        "dashboard_activities",
        sa.Column("namespace", sa.Text, primary_key=True),
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("at", sa.Double, nullable=False, comment="seconds since the epoch"),
        sa.Column("agent_id", sa.Text),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("details", sa.Text, nullable=False, comment="JSON"),
    )
