# SPDX-License-Identifier: Apache-2.0
"""A connection to SQLite that executes a statement and fetches what it finds in one go.

The driver's own cursors go to the connection's thread and back four times for a statement: to be
made, to execute, to fetch, to be closed. That takes longer than most statements do.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple, ParamSpec, Self, TypeVar

import aiosqlite

P = ParamSpec("P")
T = TypeVar("T")
FIRST: Final = 1000
"""Rows that come with their statement; those behind them are fetched by themselves."""
_PRAGMAS: Final = ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON")


async def connected(path: Path, busy_timeout: float) -> Link:
    """A connection to a file, which leaves transactions to whoever uses it.

    Args:
        busy_timeout: Seconds to wait for a lock.
    """
    link = Link(partial(_opened, path, busy_timeout), FIRST)
    # It must not keep the process from ending.
    link._thread.daemon = True  # pyright: ignore[reportPrivateUsage]
    await link
    return link


def _opened(path: Path, busy_timeout: float) -> sqlite3.Connection:
    # In one step with its settings: whoever is called off between them would leave it open.
    connection = sqlite3.connect(path, timeout=busy_timeout, isolation_level=None)
    try:
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


class Link(aiosqlite.Connection):
    """The driver's connection, with cursors that go to its thread once."""

    def cursor(self) -> LinkCursor:  # pyright: ignore[reportIncompatibleMethodOverride]
        return LinkCursor(self)

    async def turn(self, do: Callable[P, T], *given: P.args, **named: P.kwargs) -> T:
        """Do something in the connection's thread, after what it does already."""
        return await self._execute(do, *given, **named)  # pyright: ignore[reportUnknownMemberType]

    async def found(self, how: str, sql: str, parameters: Any) -> _Found:
        """What a statement found, and its first rows."""
        return await self.turn(_executed, self._conn, how, sql, parameters)


class _Found(NamedTuple):
    description: Any
    rowcount: int
    lastrowid: int | None
    rows: list[Any]
    more: sqlite3.Cursor | None
    """What may have more rows."""


class LinkCursor:
    """As much of a cursor as SQLAlchemy uses."""

    def __init__(self, link: Link) -> None:
        self.arraysize = 1
        self._link = link
        self._found = _Found(None, -1, None, [], None)

    async def __aenter__(self) -> Self:
        return self

    @property
    def description(self) -> Any:
        return self._found.description

    @property
    def rowcount(self) -> int:
        return self._found.rowcount

    @property
    def lastrowid(self) -> int | None:
        return self._found.lastrowid

    async def execute(self, sql: str, parameters: Any = ()) -> None:
        self._found = await self._link.found("execute", sql, parameters)

    async def executemany(self, sql: str, parameters: Any) -> None:
        self._found = await self._link.found("executemany", sql, parameters)

    async def fetchall(self) -> list[Any]:
        first, more = self._found.rows, self._found.more
        self._found = self._found._replace(rows=[])
        return first if more is None else first + await self._link.turn(more.fetchall)

    async def fetchmany(self, size: int) -> list[Any]:
        first, more = self._found.rows, self._found.more
        self._found = self._found._replace(rows=first[size:])
        rows = first[:size]
        if more is not None and len(rows) < size:
            rows += await self._link.turn(more.fetchmany, size - len(rows))
        return rows

    async def close(self) -> None:
        more = self._found.more
        if more is not None:
            await self._link.turn(more.close)


def _executed(connection: sqlite3.Connection, how: str, sql: str, parameters: Any) -> _Found:
    cursor = connection.cursor()
    getattr(cursor, how)(sql, parameters)
    if not cursor.description:
        return _Found(None, cursor.rowcount, cursor.lastrowid, [], None)
    # What writes is brought to its end: while it stands, nothing can be committed, and whoever
    # asked for it may be gone.
    reads = sql.lstrip()[:6].upper() == "SELECT"
    rows = cursor.fetchmany(FIRST) if reads else cursor.fetchall()
    more = cursor if reads and len(rows) == FIRST else None
    return _Found(cursor.description, cursor.rowcount, cursor.lastrowid, rows, more)
