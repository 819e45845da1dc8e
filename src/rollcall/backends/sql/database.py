# SPDX-License-Identifier: Apache-2.0
"""The SQL database of the services: where units of work begin and reading transactions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from rollcall.backends.records.wakes import Wakes
from rollcall.backends.sql import outbox
from rollcall.backends.sql.dialect import WRITES, Dialect
from rollcall.backends.sql.migrate import upgrade
from rollcall.backends.sql.unit_of_work import SqlUnitOfWork
from rollcall.events.catalogue import CATALOGUE, Catalogue
from rollcall.events.nesting import alone
from rollcall.kernel.errors import Closed, InvalidInput, OutcomeUnknown, StoreUnavailable


class Database:
    """One SQL database with all tables of the services, brought to their newest form when opened.

    Args:
        dialect: Which database; `dialect_of` makes it from a URL.
        catalogue: What may be published.
    """

    def __init__(self, dialect: Dialect, catalogue: Catalogue = CATALOGUE) -> None:
        self._dialect = dialect
        self._catalogue = catalogue
        self._engine: AsyncEngine | None = None
        self._appended = 0
        self._wakes = Wakes()
        self._following: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Connect, and migrate.

        Raises:
            InvalidInput: There can be no database at this place.
            StoreInUse: Another process holds it.
            StoreUnavailable: It cannot be reached.
            IncompatibleStore: It is not ours, or was written by a newer version.
        """
        self._engine = self._dialect.open()
        try:
            async with self._writer() as connection:
                await connection.run_sync(upgrade)
                self._appended = await outbox.end(connection)
                await _to_its_end(connection.commit())
        except BaseException:
            await self.close()
            raise
        follow = self._dialect.follow(self._told)
        self._following = asyncio.create_task(follow, name="events of other processes")

    async def close(self) -> None:
        """Disconnect. Units of work that are under way must have ended."""
        engine, self._engine = self._engine, None
        self._wakes.wake()
        following, self._following = self._following, None
        if following is not None:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
        if engine is not None:
            await engine.dispose()
            self._dialect.close()

    def begin(self) -> AbstractAsyncContextManager[SqlUnitOfWork]:
        """A unit of work: committed when the block ends, rolled back when it raises.

        Raises:
            StoreUnavailable: The database does not answer; nothing was written.
            OutcomeUnknown: It broke off in the commit.
            NestedWork: The caller is inside a unit of work already.
            Closed: It is not open.
        """
        return self._begin()

    @asynccontextmanager
    async def reading(self) -> AsyncGenerator[AsyncConnection]:
        """A connection in a transaction that only reads: one state of the database throughout.

        Raises:
            StoreUnavailable: The database does not answer.
            Closed: It is not open.
        """
        with self._translated():
            async with self._open_engine().connect() as connection:
                await connection.execution_options(**self._dialect.reading)
                yield connection

    async def scrub(self) -> bool:
        """Have what was deleted leave the database's files too. Writers wait meanwhile, about as
        long as it takes to copy a SQLite file; on a server nothing is to be done.

        Returns:
            Whether it has; False: the files are in use, or there is no room on the disk.

        Raises:
            NestedWork: The caller is inside a unit of work.
            Closed: It is not open.
        """
        self._open_engine()
        with alone(self):
            async with self._dialect.writing():
                return await self._dialect.scrub()

    async def appended(self, after: int) -> None:
        """Return once this process knows of an event behind position `after`, or may do."""
        if self._appended <= after:
            await self._wakes.wait()

    def _told(self, position: int) -> None:
        self._appended = max(self._appended, position)
        self._wakes.wake()

    @asynccontextmanager
    async def _begin(self) -> AsyncGenerator[SqlUnitOfWork]:
        async with self._writer() as connection:
            work = SqlUnitOfWork(connection, self._catalogue)
            yield work
            last = 0
            if work.events:
                # First: from the append on others wait.
                await self._dialect.announce(connection)
                last = await outbox.append(connection, work.events)
            try:
                with self._translated(OutcomeUnknown):
                    await _to_its_end(connection.commit())
            finally:
                # Also if this was cancelled meanwhile: it may have been committed all the same.
                if last:
                    self._appended = max(self._appended, last)
                    self._wakes.wake()

    @asynccontextmanager
    async def _writer(self) -> AsyncGenerator[AsyncConnection]:
        """A connection in a transaction that writes; rolled back where it is not committed."""
        with alone(self), self._translated():
            async with self._dialect.writing(), self._open_engine().connect() as connection:
                await connection.execution_options(**{WRITES: True})
                await connection.begin()
                try:
                    yield connection
                except BaseException:
                    await _to_its_end(connection.rollback())
                    raise

    def _open_engine(self) -> AsyncEngine:
        if self._engine is None:
            raise Closed(f"the database {self._dialect} is not open")
        return self._engine

    @contextmanager
    def _translated(
        self, torn: type[StoreUnavailable | OutcomeUnknown] = StoreUnavailable
    ) -> Generator[None]:
        try:
            yield
        except PoolTimeout as error:
            raise StoreUnavailable(f"{self._dialect} is busy: {error}") from error
        except DBAPIError as error:
            meaning = self._dialect.meaning(error)
            if meaning is None:
                raise
            if meaning is StoreUnavailable:
                raise torn(f"{self._dialect} does not answer: {error.orig}") from error
            raise meaning(f"{self._dialect} cannot be read: {error.orig}") from error
        except Exception as error:
            if not self._dialect.broke(error):
                raise
            raise torn(f"{self._dialect} cannot be reached: {error}") from error


def dialect_of(url: str, *, pool_size: int = 5) -> Dialect:
    """The database that `url` names, not opened yet.

    `sqlite:///fleet.db` is a file in the working directory, `sqlite:////var/lib/fleet.db` one at an
    absolute path, `postgresql://user:password@host:5432/fleet` one on a server.

    Args:
        pool_size: How many connections are kept at most.

    Raises:
        InvalidInput: There is no such kind of database, or the URL names none.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        raise InvalidInput("database", "is no URL") from None
    if parts.scheme == "postgresql":
        from rollcall.backends.sql.postgres import PostgresDialect

        return PostgresDialect(url, pool_size)
    if parts.scheme != "sqlite":
        raise InvalidInput(
            "database",
            "must be like sqlite:///fleet.db or postgresql://user@host:5432/database",
        )
    path = unquote(parts.path[1:])
    if parts.netloc or not path or "\0" in path:
        raise InvalidInput("database", f"{url!r} names no file; try sqlite:///fleet.db")
    from rollcall.backends.sql.sqlite import SqliteDialect

    return SqliteDialect(Path(path), pool_size)


async def _to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Await `work` to its end, also when cancelled: the connection must not be left inside it."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
