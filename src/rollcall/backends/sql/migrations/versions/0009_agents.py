# SPDX-License-Identifier: Apache-2.0
"""Definitions of agents, their versions, and capabilities."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "agent_definitions",
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False, comment="seconds since the epoch"),
        sa.Column("updated_at", sa.Double, nullable=False, comment="seconds since the epoch"),
        sa.Column("deleted_at", sa.Double, comment="seconds since the epoch"),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("industry", sa.Text),
        sa.Column("search", sa.Text, nullable=False, comment="what it is found by, case folded"),
        sa.Column("content", sa.Text, nullable=False, comment="JSON"),
        sa.PrimaryKeyConstraint("namespace", "id", name="pk_agent_definitions"),
    )
    op.create_index(
        "ix_agent_definitions_created", "agent_definitions", ["namespace", "created_at", "id"]
    )
    op.create_index("ix_agent_definitions_name", "agent_definitions", ["namespace", "name"])
    op.create_table(
        "agent_versions",
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("agent_id", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("at", sa.Double, nullable=False, comment="seconds since the epoch"),
        sa.Column("content", sa.Text, nullable=False, comment="JSON"),
        sa.PrimaryKeyConstraint("namespace", "agent_id", "number", name="pk_agent_versions"),
    )
    op.create_table(
        "agent_status_moves",
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("agent_id", sa.Text, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("old", sa.Text),
        sa.Column("new", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("at", sa.Double, nullable=False, comment="seconds since the epoch"),
        sa.PrimaryKeyConstraint("namespace", "agent_id", "revision", name="pk_agent_status_moves"),
    )
    _create_capabilities()


def _create_capabilities() -> None:
    op.create_table(
        "agent_capabilities",
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("tags", sa.Text, nullable=False, comment="JSON"),
        sa.Column("configuration_schema", sa.Text, nullable=False, comment="JSON"),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False, comment="seconds since the epoch"),
        sa.Column("updated_at", sa.Double, nullable=False, comment="seconds since the epoch"),
        sa.Column("search", sa.Text, nullable=False, comment="what it is found by, case folded"),
        sa.PrimaryKeyConstraint("namespace", "id", name="pk_agent_capabilities"),
    )
    op.create_table(
        "agent_capability_tags",
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("tag", sa.Text, nullable=False),
        sa.Column("capability_id", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint(
            "namespace", "tag", "capability_id", name="pk_agent_capability_tags"
        ),
    )
    op.create_index(
        "ix_agent_capability_tags_capability",
        "agent_capability_tags",
        ["namespace", "capability_id"],
    )
    op.create_table(
        "agent_attached",
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("agent_id", sa.Text, nullable=False),
        sa.Column("capability_id", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("namespace", "agent_id", "capability_id", name="pk_agent_attached"),
    )
    op.create_index(
        "ix_agent_attached_capability",
        "agent_attached",
        ["namespace", "capability_id", "agent_id"],
    )
