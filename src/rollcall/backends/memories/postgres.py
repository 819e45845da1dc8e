# SPDX-License-Identifier: Apache-2.0
"""Memories on PostgreSQL: a tsvector under a GIN index, with all words of a memory once for each of
its scopes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from sqlalchemy import (
    Column,
    ColumnElement,
    Index,
    MetaData,
    Select,
    Table,
    Text,
    cast,
    literal,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR
from sqlalchemy.ext.asyncio import AsyncConnection

from rollcall.backends.memories.store import SqlMemoryStore
from rollcall.backends.sql.tsvector import answers, score
from rollcall.kernel.word_query import Query
from rollcall.memory.models import Memory, Selection
from rollcall.memory.tables import MEMORIES
from rollcall.memory.terms import indexed, key, keys

METADATA: Final = MetaData()


def _with_vector() -> Table:
    table = MEMORIES.to_metadata(METADATA)
    table.append_column(
        Column("words", Text, nullable=False, comment="folded, a space between them")
    )
    vector = Column("vector", TSVECTOR, nullable=False)
    table.append_column(vector)
    # What waits to be merged into the index is looked through at every search.
    fast = {"fastupdate": "off"}
    Index("ix_memories_vector", vector, postgresql_using="gin", postgresql_with=fast)
    return table


TABLE: Final = _with_vector()
_VECTOR: Final = literal_column("memories.vector", TSVECTOR)
_WORDS: Final = literal_column("memories.words", Text)


class PostgresMemoryStore(SqlMemoryStore):
    """Memories on a PostgreSQL server."""

    table = TABLE

    def ranked(self, namespace: str, query: Query, selection: Selection) -> Select[Any, Any]:
        scope = key(namespace, selection.filters)
        return select(MEMORIES.c.number, score(_VECTOR, query, scope).label("score")).where(
            answers(_VECTOR, _WORDS, query, scope)
        )

    def has(self, name: str, value: Any) -> ColumnElement[bool]:
        pair = msgspec.json.encode({name: value}).decode()
        return cast(MEMORIES.c.metadata, JSONB).bool_op("@>")(cast(literal(pair), JSONB))

    def words_of(self, memory: Memory) -> Mapping[str, Any]:
        words = indexed(memory.content)
        scopes = keys(memory.namespace, memory.filters)
        vector = (
            f"'{scope}{word}':{place}" for scope in scopes for place, word in enumerate(words, 1)
        )
        return {"words": " ".join(words), "vector": " ".join(vector)}

    async def index(self, connection: AsyncConnection, number: int, memory: Memory) -> None:
        """The words stand in the row itself."""

    async def reindex(self, connection: AsyncConnection, number: int, memory: Memory) -> None:
        """The words stand in the row itself."""

    async def unindex(self, connection: AsyncConnection, numbers: list[int]) -> None:
        """The words stand in the row itself."""
