# SPDX-License-Identifier: Apache-2.0
"""SQLite as the database of the services: one file, one process, one writer at a time."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from functools import partial
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout
from sqlalchemy import Connection, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from rollcall.backends.sql.dialect import WRITES
from rollcall.backends.sql.sqlite_link import connected
from rollcall.kernel.errors import IncompatibleStore, InvalidInput, StoreInUse, StoreUnavailable

_log = logging.getLogger(__name__)

BUSY_TIMEOUT: Final = 5.0
"""Seconds to wait for a lock of somebody who should not be there, such as a backup."""

_PATIENCE: Final = 500
"""Milliseconds that emptying the log waits for who reads it."""

_OUTAGES: Final = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
}
_DAMAGES: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class SqliteDialect:
    """A SQLite file; `<path>.lock` beside it is the lock. Folders above it are created.

    Transactions that write begin as such (`BEGIN IMMEDIATE`) and queue up in this process, so that
    none finds in its middle that it may not write. A commit is on the disk before it returns.
    """

    def __init__(self, path: Path, pool_size: int) -> None:
        self._path = path
        self._pool_size = pool_size
        self._lock: FileLock | None = None
        self._writing = asyncio.Lock()

    def __str__(self) -> str:
        return str(self._path)

    @property
    def reading(self) -> Mapping[str, str]:
        # As any transaction here does.
        return {}

    def open(self) -> AsyncEngine:
        path = self._path
        if path.is_dir():
            raise InvalidInput("database", f"{path} is a folder; name a file in it")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(f"{path}.lock", blocking=False, thread_local=False)
            lock.acquire()
        except Timeout:
            raise StoreInUse(str(path)) from None
        except (OSError, NotImplementedError) as error:
            raise StoreUnavailable(f"{path} cannot be locked: {error}") from error
        self._lock = lock
        engine = create_async_engine(
            URL.create("sqlite+aiosqlite", database=str(path)),
            pool_size=self._pool_size,
            # It leaves transactions alone: they begin below.
            async_creator=partial(connected, path, BUSY_TIMEOUT),
        )
        event.listen(engine.sync_engine, "begin", _begin)
        return engine

    def close(self) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def writing(self) -> AbstractAsyncContextManager[None]:
        return self._turn()

    async def scrub(self) -> bool:
        return await asyncio.to_thread(self._scrub)

    async def announce(self, connection: AsyncConnection) -> None:
        """Nobody else has the file."""

    async def follow(self, told: Callable[[int], None]) -> None:
        """Nobody else has the file."""

    def broke(self, error: Exception) -> bool:
        return isinstance(error, OSError)

    def meaning(self, error: DBAPIError) -> type[StoreUnavailable] | type[IncompatibleStore] | None:
        # The primary code is in the lower byte.
        code: int = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
        if code in _DAMAGES:
            return IncompatibleStore
        return StoreUnavailable if code in _OUTAGES else None

    def _scrub(self) -> bool:
        """Write the file anew, with what is there alone, and empty the log beside it.

        `PRAGMA secure_delete` is not enough: parts of a row stay where a page is rebuilt.
        """
        try:
            with closing(
                sqlite3.connect(self._path, timeout=BUSY_TIMEOUT, isolation_level=None)
            ) as connection:
                connection.execute("VACUUM")
                # Writers wait for us, so that we do not wait long for somebody who reads.
                connection.execute(f"PRAGMA busy_timeout = {_PATIENCE}")
                busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                return not busy
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in _OUTAGES:
                raise
            _log.warning("what was deleted is still in %s: %s", self._path, error)
            return False

    @asynccontextmanager
    async def _turn(self) -> AsyncGenerator[None]:
        async with self._writing:
            yield


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
