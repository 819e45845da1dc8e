# SPDX-License-Identifier: Apache-2.0
"""Queries for words in the language of SQLite's FTS5.

See <https://www.sqlite.org/fts5.html>.
"""

from __future__ import annotations

from rollcall.kernel.word_query import Alternative, Clause, Query


def match(query: Query, key: str = "") -> str:
    """The query in FTS5's language. Folded words hold nothing that would have a meaning in it.

    Args:
        key: Stands before each word in the index: lower-case letters and digits.
    """
    return " OR ".join(f"({_alternative(one, key)})" for one in query.alternatives)


def _alternative(part: Alternative, key: str) -> str:
    wanted = " AND ".join(_clause(one, key) for one in part.wanted)
    if not part.excluded:
        return wanted
    return f"({wanted}) NOT ({' OR '.join(_clause(one, key) for one in part.excluded)})"


def _clause(clause: Clause, key: str) -> str:
    terms = " ".join(key + term for term in clause.terms)
    return f'"{terms}"{" *" if clause.prefix else ""}'
