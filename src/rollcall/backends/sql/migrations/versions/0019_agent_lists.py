# SPDX-License-Identifier: Apache-2.0
"""Definitions are listed by priority, and by what they were listed by before without an index."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

TABLE = "agent_definitions"
# A content says nothing of what is medium.
PRIORITY = {
    "sqlite": "coalesce(json_extract(content, '$.priority'), 'medium')",
    "postgresql": "coalesce(content::json ->> 'priority', 'medium')",
}


def upgrade() -> None:
    op.add_column(TABLE, sa.Column("priority", sa.Text, nullable=False, server_default="medium"))
    definitions = sa.table(TABLE, sa.column("priority"))
    priority = sa.literal_column(PRIORITY[op.get_bind().dialect.name], sa.Text)
    op.execute(sa.update(definitions).values(priority=priority))
    for name in ("status", "priority", "industry"):
        columns = ["namespace", name, "created_at", "id"]
        op.create_index(f"ix_agent_definitions_{name}", TABLE, columns)
    op.create_index("ix_agent_definitions_updated", TABLE, ["namespace", "updated_at", "id"])
