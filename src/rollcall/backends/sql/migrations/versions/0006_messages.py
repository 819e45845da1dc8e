# SPDX-License-Identifier: Apache-2.0
"""Messages, and the index of their words: FTS5 on SQLite, a tsvector on PostgreSQL."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TSVECTOR

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    op.create_table(
        "messages",
        sa.Column("number", number, autoincrement=True, nullable=False),
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("sent_at", sa.Double, nullable=False, comment="seconds since the epoch"),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("conversation_id", sa.Text),
        sa.Column("sender_id", sa.Text),
        sa.Column("metadata", sa.Text, comment="JSON; null: none"),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("words", sa.Text, nullable=False, comment="folded, a space between them"),
        *((sa.Column("vector", TSVECTOR, nullable=False),) if on_postgresql else ()),
        sa.PrimaryKeyConstraint("number", name="pk_messages"),
        sa.UniqueConstraint("namespace", "id", name="uq_messages_namespace_id"),
    )
    op.create_index(
        "ix_messages_namespace_conversation_id", "messages", ["namespace", "conversation_id"]
    )
    if on_postgresql:
        op.create_index("ix_messages_vector", "messages", ["vector"], postgresql_using="gin")
    else:
        _index_words()


def _index_words() -> None:
    # Words are folded already, and hold no ASCII but letters and digits: this tokenizer takes them
    # as they are.
    op.execute(
        "CREATE VIRTUAL TABLE message_words USING fts5"
        " (words, content = 'messages', content_rowid = 'number', tokenize = 'ascii',"
        " prefix = '2 3')"
    )
    op.execute(
        "CREATE TRIGGER message_added AFTER INSERT ON messages BEGIN"
        " INSERT INTO message_words (rowid, words) VALUES (new.number, new.words); END"
    )
    op.execute(
        "CREATE TRIGGER message_removed AFTER DELETE ON messages BEGIN"
        " INSERT INTO message_words (message_words, rowid, words)"
        " VALUES ('delete', old.number, old.words); END"
    )
