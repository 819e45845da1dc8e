# SPDX-License-Identifier: Apache-2.0
"""How far the registry's changes were told to the event log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    position = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    relay = op.create_table(
        "registry_relay",
        sa.Column("only", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("epoch", sa.Text, nullable=False, comment="of the record store; empty: none"),
        sa.Column("revision", position, nullable=False),
        sa.Column("ordinal", position, nullable=False),
        sa.PrimaryKeyConstraint("only", name="pk_registry_relay"),
        sa.CheckConstraint('"only" = 1', name="ck_registry_relay_only"),
    )
    op.bulk_insert(relay, [{"only": 1, "epoch": "", "revision": 0, "ordinal": 0}])
