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
from rollcall.tools.messages.models import Message
from rollcall.tools.messages.query import Alternative, Clause, Query

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


def match(query: Query) -> str:
    """The query in FTS5's language. Folded words hold nothing that would have a meaning in it."""
    return " OR ".join(f"({_alternative(one)})" for one in query.alternatives)


def _alternative(part: Alternative) -> str:
    wanted = " AND ".join(map(_clause, part.wanted))
    if not part.excluded:
        return wanted
    return f"({wanted}) NOT ({' OR '.join(map(_clause, part.excluded))})"


def _clause(clause: Clause) -> str:
    return f'"{" ".join(clause.terms)}"{" *" if clause.prefix else ""}'
