# SPDX-License-Identifier: Apache-2.0
"""Sessions keep the version of the definition that they began with."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "conversation_sessions",
        sa.Column(
            "agent_version", sa.Integer, comment="that it began with; null: of no definition"
        ),
    )
