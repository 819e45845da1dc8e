# SPDX-License-Identifier: Apache-2.0
"""The secret that signs passes between services."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "service_secret",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False, comment="1"),
        sa.Column(
            "secret", sa.LargeBinary, nullable=False, comment="signs passes between services"
        ),
        sa.Column("created_at", sa.Double, nullable=False, comment="seconds since the epoch"),
        sa.PrimaryKeyConstraint("id", name="pk_service_secret"),
    )
