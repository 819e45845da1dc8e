# SPDX-License-Identifier: Apache-2.0
"""The index of messages on PostgreSQL: a tsvector under a GIN index."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Column, Index, MetaData, Select, Table, select
from sqlalchemy.dialects.postgresql import TSVECTOR

from rollcall.backends.messages.tables import MESSAGES, SqlMessageIndex, row_of
from rollcall.backends.sql.tsvector import answers, score
from rollcall.kernel.word_query import Query
from rollcall.tools.messages.models import Message

METADATA: Final = MetaData(naming_convention=MESSAGES.metadata.naming_convention)


def _with_vector() -> Table:
    table = MESSAGES.to_metadata(METADATA)
    vector = Column("vector", TSVECTOR, nullable=False)
    table.append_column(vector)
    Index("ix_messages_vector", vector, postgresql_using="gin")
    return table


TABLE: Final = _with_vector()
_VECTOR: Final = TABLE.c.vector


class PostgresMessageIndex(SqlMessageIndex):
    """An index of messages on a PostgreSQL server."""

    table = TABLE

    def ranked(self, query: Query) -> Select[Any, Any]:
        matched = answers(_VECTOR, TABLE.c.words, query)
        return select(TABLE.c.number, score(_VECTOR, query).label("score")).where(matched)

    def row(self, message: Message) -> dict[str, Any]:
        row = row_of(message)
        places = enumerate(row["words"].split(" ") if row["words"] else (), 1)
        return {**row, "vector": " ".join(f"'{word}':{place}" for place, word in places)}
