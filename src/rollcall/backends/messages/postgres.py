# SPDX-License-Identifier: Apache-2.0
"""The index of messages on PostgreSQL: a tsvector under a GIN index.

See <https://www.postgresql.org/docs/current/textsearch.html>. Vectors and queries are written with
the folded words themselves, not made by the server's parser, which has a mind of its own about
words. A vector keeps no more than 256 places of a word and none behind 16,383, so phrases are
compared with the words as they stand; the index finds the messages that have all words of one.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    Column,
    ColumnElement,
    Float,
    Index,
    Integer,
    MetaData,
    Select,
    Table,
    and_,
    cast,
    func,
    literal,
    not_,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import TSQUERY, TSVECTOR

from rollcall.backends.messages.tables import MESSAGES, SqlMessageIndex, row_of
from rollcall.tools.messages.models import Message
from rollcall.tools.messages.query import Alternative, Clause, Query

METADATA: Final = MetaData(naming_convention=MESSAGES.metadata.naming_convention)


def _with_vector() -> Table:
    table = MESSAGES.to_metadata(METADATA)
    vector = Column("vector", TSVECTOR, nullable=False)
    table.append_column(vector)
    Index("ix_messages_vector", vector, postgresql_using="gin")
    return table


TABLE: Final = _with_vector()
_VECTOR: Final = TABLE.c.vector
_LENGTH: Final = 1
"""Divides a score by 1 + the logarithm of the message's length."""
_FRACTION: Final = 32
"""Brings a score between 0 and 1."""


class PostgresMessageIndex(SqlMessageIndex):
    """An index of messages on a PostgreSQL server."""

    table = TABLE

    def ranked(self, query: Query) -> Select[Any, Any]:
        chosen = select(TABLE.c.number, _score(query).label("score")).where(_has(tsquery(query)))
        if any(len(clause.terms) > 1 for clause in _clauses(query)):
            chosen = chosen.where(or_(*(_exactly(part) for part in query.alternatives)))
        return chosen

    def row(self, message: Message) -> dict[str, Any]:
        row = row_of(message)
        places = enumerate(row["words"].split(" ") if row["words"] else (), 1)
        return {**row, "vector": " ".join(f"'{word}':{place}" for place, word in places)}


def tsquery(query: Query) -> str:
    """A tsquery that every message which answers the query passes: phrases are no more than their
    words in it. Folded words hold nothing that would have a meaning in its language.
    """
    return " | ".join(f"({_alternative(part)})" for part in query.alternatives)


def _alternative(part: Alternative) -> str:
    wanted = [_all_of(clause) for clause in part.wanted]
    # A message may hold all words of an excluded phrase, and not the phrase.
    excluded = [f"!{_all_of(clause)}" for clause in part.excluded if len(clause.terms) == 1]
    return " & ".join([*wanted, *excluded])


def _all_of(clause: Clause) -> str:
    terms = [f"'{term}'" for term in clause.terms]
    if clause.prefix:
        terms[-1] += ":*"
    return " & ".join(terms)


def _score(query: Query) -> ColumnElement[Any]:
    """How close together the words stand and how often, after how many alternatives there are."""
    asked = cast(literal(tsquery(query)), TSQUERY)
    score: ColumnElement[Any] = func.ts_rank_cd(_VECTOR, asked, _LENGTH | _FRACTION, type_=Float)
    if len(query.alternatives) == 1:
        return score
    for part in query.alternatives:
        score = score + cast(_has(_alternative(part)), Integer)
    return score


def _has(asked: str) -> ColumnElement[bool]:
    return _VECTOR.bool_op("@@")(cast(literal(asked), TSQUERY))


def _exactly(part: Alternative) -> ColumnElement[bool]:
    return and_(
        *(_holds(clause) for clause in part.wanted),
        *(not_(_holds(clause)) for clause in part.excluded),
    )


def _holds(clause: Clause) -> ColumnElement[bool]:
    if len(clause.terms) == 1:
        return _has(_all_of(clause))
    phrase = f" {' '.join(clause.terms)}{'' if clause.prefix else ' '}"
    return func.strpos(literal(" ") + TABLE.c.words + literal(" "), phrase) > 0


def _clauses(query: Query) -> list[Clause]:
    return [one for part in query.alternatives for one in (*part.wanted, *part.excluded)]
