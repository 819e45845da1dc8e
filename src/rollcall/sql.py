# SPDX-License-Identifier: Apache-2.0
"""What features ask of the SQL database of the services, whichever of the two it is.

Their repositories write SQLAlchemy Core; `backends.sql` has the database itself.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeAlias

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from rollcall.events.log import UnitOfWork

Insert: TypeAlias = postgresql.Insert | sqlite.Insert


class Work(UnitOfWork, Protocol):
    """A unit of work in the SQL database."""

    @property
    def connection(self) -> AsyncConnection:
        """In its transaction."""
        ...


class Readable(Protocol):
    """Where transactions begin that only read."""

    def reading(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A connection in such a transaction: all that it reads is of one moment."""
        ...


class Sql(Readable, Protocol):
    """The SQL database of the services."""

    def begin(self) -> AbstractAsyncContextManager[Work]:
        """A unit of work; it is committed at the end of the block, unless that raises."""
        ...


def on_postgresql(connection: AsyncConnection) -> bool:
    """Whether the database is PostgreSQL: else it is SQLite, with one writer at a time."""
    return connection.dialect.name == "postgresql"


def upsert(connection: AsyncConnection, table: Table) -> Insert:
    """An `INSERT` that knows what to do about rows that are there already.

    Both dialects have `on_conflict_do_nothing` and `on_conflict_do_update`, in the same words and
    from two places.
    """
    return (postgresql if on_postgresql(connection) else sqlite).insert(table)
