# SPDX-License-Identifier: Apache-2.0
"""The knowledge graph."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_SECONDS = "seconds since the epoch"


def upgrade() -> None:
    bytewise = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.create_table(
        "graph_entities",
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column(
            "owner",
            sa.Text,
            nullable=False,
            comment="whose it is: user:..., session:..., agent:...",
        ),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("key", bytewise, nullable=False, comment="its name, folded"),
        sa.Column(
            "canonical_id", sa.Text, nullable=False, comment="where its merges lead, or itself"
        ),
        sa.Column("merged_into", sa.Text, comment="null: it was not merged into another"),
        sa.PrimaryKeyConstraint("namespace", "id", name="pk_graph_entities"),
    )
    op.create_table(
        "graph_words",
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("word", bytewise, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("entity_id", sa.Text, nullable=False),
        sa.Column("place", sa.Integer, nullable=False, comment="in the name, from 0"),
        sa.PrimaryKeyConstraint(
            "namespace", "word", "owner", "entity_id", "place", name="pk_graph_words"
        ),
    )
    op.create_table(
        "graph_relationships",
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column(
            "source_id", sa.Text, nullable=False, comment="the entity, where its merges lead"
        ),
        sa.Column(
            "target_id", sa.Text, nullable=False, comment="the entity, where its merges lead"
        ),
        sa.Column(
            "source_said", sa.Text, nullable=False, comment="the entity that facts are about"
        ),
        sa.Column(
            "target_said", sa.Text, nullable=False, comment="the entity that facts are about"
        ),
        sa.PrimaryKeyConstraint("namespace", "id", name="pk_graph_relationships"),
    )
    op.create_table(
        "graph_facts",
        sa.Column(
            "number",
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            primary_key=True,
            autoincrement=True,
        ),
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column(
            "about", sa.Text, nullable=False, comment="the id of an entity or a relationship"
        ),
        sa.Column("memory_id", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text),
        sa.Column("agent_id", sa.Text),
        sa.Column("session_id", sa.Text),
        sa.Column("name", sa.Text, comment="of an entity, as the memory has it"),
        sa.Column("attributes", sa.Text, nullable=False, comment="JSON"),
        sa.Column("confidence", sa.Double, nullable=False),
        sa.Column("valid_from", sa.Double, comment=_SECONDS),
        sa.Column("valid_to", sa.Double, comment=_SECONDS),
        sa.Column("recorded_at", sa.Double, nullable=False, comment=_SECONDS),
        sa.Column("retracted_at", sa.Double, comment=_SECONDS),
    )
    op.create_table(
        "graph_sources",
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("memory_id", sa.Text, nullable=False),
        sa.Column(
            "event_id", sa.Text, comment="the last event whose facts are in; null: forgotten"
        ),
        sa.PrimaryKeyConstraint("namespace", "memory_id", name="pk_graph_sources"),
    )
    for table, name, *columns in (
        ("graph_entities", "canonical", "namespace", "canonical_id"),
        ("graph_entities", "key", "namespace", "key", "id"),
        ("graph_entities", "owner", "namespace", "owner", "key", "id"),
        ("graph_entities", "type", "namespace", "type", "key", "id"),
        ("graph_entities", "merged", "namespace", "merged_into"),
        ("graph_words", "entity", "namespace", "entity_id", "word"),
        ("graph_words", "owner", "namespace", "owner", "word", "entity_id"),
        ("graph_relationships", "source", "namespace", "source_id", "target_id"),
        ("graph_relationships", "target", "namespace", "target_id", "source_id"),
        ("graph_relationships", "source_said", "namespace", "source_said"),
        ("graph_relationships", "target_said", "namespace", "target_said"),
        ("graph_facts", "about", "namespace", "about"),
        ("graph_facts", "memory", "namespace", "memory_id"),
    ):
        op.create_index(f"ix_{table}_{name}", table, columns)
