# SPDX-License-Identifier: Apache-2.0
"""Queries for words in PostgreSQL's text search.

See <https://www.postgresql.org/docs/current/textsearch.html>. Vectors and queries are written with
the folded words themselves, not made by the server's parser, which has a mind of its own about
words. A vector keeps no more than 256 places of a word and none behind 16,383, so phrases are
compared with the words as they stand; the index finds the rows that have all words of one.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import ColumnElement, Float, Integer, and_, cast, func, literal, not_, or_
from sqlalchemy.dialects.postgresql import TSQUERY

from rollcall.kernel.word_query import Alternative, Clause, Query

_LENGTH: Final = 1
"""Divides a score by 1 + the logarithm of the row's length."""
_FRACTION: Final = 32
"""Brings a score between 0 and 1."""


def tsquery(query: Query, key: str = "") -> str:
    """A tsquery that every row which answers the query passes: phrases are no more than their
    words in it. Folded words hold nothing that would have a meaning in its language.

    Args:
        key: Stands before each word in the vector: lower-case letters and digits.
    """
    return " | ".join(f"({_alternative(part, key)})" for part in query.alternatives)


def answers(
    vector: ColumnElement[Any], words: ColumnElement[str], query: Query, key: str = ""
) -> ColumnElement[bool]:
    """Whether a row answers the query.

    Args:
        vector: Its words, each with `key` before it.
        words: Its words without that, a space between them.
    """
    found = _has(vector, tsquery(query, key))
    if all(len(clause.terms) == 1 for clause in _clauses(query)):
        return found
    return and_(found, or_(*(_exactly(vector, words, part, key) for part in query.alternatives)))


def score(vector: ColumnElement[Any], query: Query, key: str = "") -> ColumnElement[Any]:
    """How close together the words stand and how often, after how many alternatives there are."""
    asked = cast(literal(tsquery(query, key)), TSQUERY)
    total: ColumnElement[Any] = func.ts_rank_cd(vector, asked, _LENGTH | _FRACTION, type_=Float)
    if len(query.alternatives) == 1:
        return total
    for part in query.alternatives:
        total = total + cast(_has(vector, _alternative(part, key)), Integer)
    return total


def _alternative(part: Alternative, key: str) -> str:
    wanted = [_all_of(clause, key) for clause in part.wanted]
    # A row may hold all words of an excluded phrase, and not the phrase.
    excluded = [f"!{_all_of(clause, key)}" for clause in part.excluded if len(clause.terms) == 1]
    return " & ".join([*wanted, *excluded])


def _all_of(clause: Clause, key: str) -> str:
    terms = [f"'{key}{term}'" for term in clause.terms]
    if clause.prefix:
        terms[-1] += ":*"
    return " & ".join(terms)


def _has(vector: ColumnElement[Any], asked: str) -> ColumnElement[bool]:
    return vector.bool_op("@@")(cast(literal(asked), TSQUERY))


def _exactly(
    vector: ColumnElement[Any], words: ColumnElement[str], part: Alternative, key: str
) -> ColumnElement[bool]:
    return and_(
        *(_holds(vector, words, clause, key) for clause in part.wanted),
        *(not_(_holds(vector, words, clause, key)) for clause in part.excluded),
    )


def _holds(
    vector: ColumnElement[Any], words: ColumnElement[str], clause: Clause, key: str
) -> ColumnElement[bool]:
    if len(clause.terms) == 1:
        return _has(vector, _all_of(clause, key))
    phrase = f" {' '.join(clause.terms)}{'' if clause.prefix else ' '}"
    return func.strpos(literal(" ") + words + literal(" "), phrase) > 0


def _clauses(query: Query) -> list[Clause]:
    return [one for part in query.alternatives for one in (*part.wanted, *part.excluded)]
