# SPDX-License-Identifier: Apache-2.0
"""Looking up many rows by several columns at once, such that it stays quick with a thousand."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Column, Text, func, literal, select, tuple_
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql import ColumnElement

from rollcall.sql import on_postgresql


def among(
    connection: AsyncConnection, columns: Sequence[Column[str]], rows: Collection[tuple[str, ...]]
) -> ColumnElement[bool]:
    """Whether the values of `columns` are one of `rows`.

    Args:
        rows: One or more; as many values as SQLite takes in a statement, 32,766, at most.
    """
    if not on_postgresql(connection):
        return tuple_(*columns).in_(list(rows))
    # PostgreSQL would look for each row of a list by itself, and first plan how.
    arrays: list[ColumnElement[Any]] = [
        literal(list(values), ARRAY(Text)) for values in zip(*rows, strict=True)
    ]
    found = func.unnest(*arrays).table_valued(*(column.name for column in columns))
    return tuple_(*columns).in_(select(*found.render_derived().c))
