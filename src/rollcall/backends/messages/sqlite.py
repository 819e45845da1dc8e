# SPDX-License-Identifier: Apache-2.0
"""The index of messages on SQLite: FTS5, scored by bm25.

See <https://www.sqlite.org/fts5.html>. `message_words` indexes the folded words of `messages`;
triggers keep it current.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    Float,
    Integer,
    Select,
    Text,
    column,
    func,
    literal,
    literal_column,
    select,
    table,
)

from rollcall.backends.messages.tables import MESSAGES, SqlMessageIndex, row_of
from rollcall.backends.sql.fts5 import match
from rollcall.kernel.word_query import Query
from rollcall.tools.messages.models import Message

_WORDS: Final = table("message_words", column("rowid", Integer))
# In FTS5 a table is a column of itself as well.
_MATCHED: Final = literal_column("message_words", Text)


class SqliteMessageIndex(SqlMessageIndex):
    """An index of messages in a SQLite file."""

    table = MESSAGES

    def ranked(self, query: Query) -> Select[Any, Any]:
        # FTS5 says less for better.
        score = -func.bm25(_MATCHED, type_=Float)
        found = (
            select(_WORDS.c.rowid.label("number"), score.label("score"))
            .where(_MATCHED.bool_op("MATCH")(literal(match(query))))
            .cte("found")
            # Else the words might be looked up again for each message that passes the filters.
            .prefix_with("MATERIALIZED")
        )
        return select(found.c.number, found.c.score).join(
            MESSAGES, MESSAGES.c.number == found.c.number
        )

    def row(self, message: Message) -> dict[str, Any]:
        return row_of(message)
