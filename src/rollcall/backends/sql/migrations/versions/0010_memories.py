# SPDX-License-Identifier: Apache-2.0
"""Memories, with the indexes of their words and of what they mean, and of events by subject."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TSVECTOR

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    words = (
        sa.Column("words", sa.Text, nullable=False, comment="folded, a space between them"),
        sa.Column("vector", TSVECTOR, nullable=False),
    )
    op.create_table(
        "memories",
        sa.Column("number", number, autoincrement=True, nullable=False),
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text),
        sa.Column("agent_id", sa.Text),
        sa.Column("session_id", sa.Text),
        sa.Column("scope", sa.Text, nullable=False, comment="names the three ids together"),
        sa.Column("content_hash", sa.Text, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False, comment="seconds since the epoch"),
        sa.Column("updated_at", sa.Double, nullable=False, comment="seconds since the epoch"),
        sa.Column("expires_at", sa.Double, comment="seconds since the epoch; null: never"),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("metadata", sa.Text, nullable=False, comment="an object of JSON"),
        sa.Column("content", sa.Text, nullable=False),
        *(words if on_postgresql else ()),
        sa.PrimaryKeyConstraint("number", name="pk_memories"),
    )
    op.create_index("uq_memories_id", "memories", ["namespace", "id"], unique=True)
    op.create_index(
        "uq_memories_content", "memories", ["namespace", "scope", "content_hash"], unique=True
    )
    for name in ("user", "agent", "session"):
        op.create_index(f"ix_memories_{name}", "memories", ["namespace", f"{name}_id", "number"])
    op.create_index("ix_memories_expires", "memories", ["expires_at"])
    op.create_table(
        "memory_versions",
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("memory_id", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, autoincrement=False, nullable=False),
        sa.Column(
            "at", sa.Double, nullable=False, comment="seconds since the epoch; when it was made"
        ),
        sa.Column("metadata", sa.Text, nullable=False, comment="an object of JSON"),
        sa.Column("content", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("namespace", "memory_id", "version", name="pk_memory_versions"),
    )
    op.create_table(
        "memory_vectors",
        sa.Column("number", number, autoincrement=False, nullable=False),
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("encoder", sa.Text, nullable=False),
        sa.Column("vector", sa.LargeBinary, nullable=False, comment="32-bit floats"),
        sa.PrimaryKeyConstraint("number", name="pk_memory_vectors"),
    )
    op.create_index("ix_outbox_namespace_subject", "outbox", ["namespace", "subject"])
    if on_postgresql:
        op.create_index(
            "ix_memories_vector",
            "memories",
            ["vector"],
            postgresql_using="gin",
            # What waits to be merged into the index is looked through at every search.
            postgresql_with={"fastupdate": "off"},
        )
    else:
        # Words are folded already, and hold no ASCII but letters and digits: this tokenizer takes
        # them as they are.
        op.execute("CREATE VIRTUAL TABLE memory_words USING fts5 (terms, tokenize = 'ascii')")
