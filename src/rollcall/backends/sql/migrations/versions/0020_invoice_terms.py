# SPDX-License-Identifier: Apache-2.0
"""Invoices keep who sent them; agents may have a tax rate of their own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "billing_invoices",
        sa.Column("issuer", sa.Text, comment="name and address, line by line; null: not named"),
    )
    op.add_column(
        "billing_invoices", sa.Column("issuer_tax_id", sa.Text, comment="null: not shown")
    )
    op.add_column(
        "billing_agents",
        sa.Column("tax_rate", sa.Text, comment="decimal, a fraction; null: the account's"),
    )
