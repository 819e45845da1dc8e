# SPDX-License-Identifier: Apache-2.0
"""Memories on SQLite: FTS5, scored by bm25. `memory_words` has a row for each memory, with all its
words once for each of its scopes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Float,
    Integer,
    Select,
    Text,
    and_,
    column,
    delete,
    exists,
    func,
    insert,
    literal,
    literal_column,
    select,
    table,
    text,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from rollcall.backends.memories.store import SqlMemoryStore
from rollcall.backends.sql.fts5 import match
from rollcall.kernel.word_query import Query
from rollcall.memory.models import Memory, Selection
from rollcall.memory.tables import MEMORIES
from rollcall.memory.terms import indexed, key, keys

_WORDS: Final = table("memory_words", column("rowid", Integer), column("terms", Text))
# In FTS5 a table is a column of itself as well.
_MATCHED: Final = literal_column("memory_words", Text)
_MERGE: Final = text("INSERT INTO memory_words (memory_words) VALUES ('optimize')")


class SqliteMemoryStore(SqlMemoryStore):
    """Memories in a SQLite file."""

    table = MEMORIES

    def ranked(self, namespace: str, query: Query, selection: Selection) -> Select[Any, Any]:
        asked = match(query, key(namespace, selection.filters))
        # FTS5 says less for better.
        found = (
            select(
                _WORDS.c.rowid.label("number"),
                (-func.bm25(_MATCHED, type_=Float)).label("score"),
            )
            .where(_MATCHED.bool_op("MATCH")(literal(asked)))
            .cte("found")
            # Else the words might be looked up again for each memory that passes the filters.
            .prefix_with("MATERIALIZED")
        )
        return select(found.c.number, found.c.score).join(
            MEMORIES, MEMORIES.c.number == found.c.number
        )

    def has(self, name: str, value: Any) -> ColumnElement[bool]:
        pairs = func.json_each(MEMORIES.c.metadata).table_valued("key", "value", "type")
        is_so: ColumnElement[bool]
        if value is None or isinstance(value, bool):
            is_so = pairs.c.type == {None: "null", True: "true", False: "false"}[value]
        elif isinstance(value, str):
            is_so = and_(pairs.c.type == "text", pairs.c.value == value)
        else:
            is_so = and_(pairs.c.type.in_(("integer", "real")), pairs.c.value == value)
        return exists().where(pairs.c.key == name, is_so)

    def words_of(self, memory: Memory) -> Mapping[str, Any]:
        return {}

    async def index(self, connection: AsyncConnection, number: int, memory: Memory) -> None:
        await connection.execute(insert(_WORDS).values(rowid=number, terms=_terms(memory)))

    async def reindex(self, connection: AsyncConnection, number: int, memory: Memory) -> None:
        await connection.execute(
            update(_WORDS).where(_WORDS.c.rowid == number).values(terms=_terms(memory))
        )

    async def unindex(self, connection: AsyncConnection, numbers: list[int]) -> None:
        await connection.execute(delete(_WORDS).where(_WORDS.c.rowid.in_(numbers)))

    async def scrub(self) -> bool:
        # FTS5 keeps the words of rows that are gone, until it merges what they are in.
        async with self._database.begin() as work:
            await work.connection.execute(_MERGE)
        return await super().scrub()


def _terms(memory: Memory) -> str:
    words = indexed(memory.content)
    scopes = keys(memory.namespace, memory.filters)
    return " ".join(scope + word for scope in scopes for word in words)
