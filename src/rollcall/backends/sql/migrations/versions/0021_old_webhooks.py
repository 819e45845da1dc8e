# SPDX-License-Identifier: Apache-2.0
"""Webhooks are found by their age, to be forgotten."""

from __future__ import annotations

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_billing_webhooks_received", "billing_webhooks", ["received_at"])
