# SPDX-License-Identifier: Apache-2.0
"""Connections of the record store on PostgreSQL: made when needed, dropped when in doubt."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, Protocol

import asyncpg as untyped  # pyright: ignore[reportMissingTypeStubs]
from sqlalchemy.engine import URL

from rollcall.backends.sql.postgres import CONNECT_TIMEOUT, SESSION, shown
from rollcall.kernel.errors import Closed, OutcomeUnknown, StoreUnavailable, Unavailable

asyncpg: Final[Any] = untyped

FAILURES: Final[tuple[type[BaseException], ...]] = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    # What its state machine says where a connection breaks in the middle of something.
    asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.PostgresSystemError,
    asyncpg.TransactionRollbackError,
    asyncpg.LockNotAvailableError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    OSError,
    TimeoutError,
)
"""What says that the server does not answer as it should now."""
COMMAND_TIMEOUT: Final = 5.0
"""Seconds that one statement may take; whoever wrote waits for a 503 that long."""
GOODBYE: Final = 2.0
"""Seconds that a connection is given to end in order."""


class Connection(Protocol):
    """What is used of a connection of asyncpg, whose types say little."""

    async def execute(self, query: str, *args: object) -> str: ...
    async def fetch(self, query: str, *args: object) -> list[Sequence[Any]]: ...
    async def fetchrow(self, query: str, *args: object) -> Sequence[Any] | None: ...
    async def fetchval(self, query: str, *args: object) -> Any: ...
    def cursor(self, query: str, *args: object, prefetch: int) -> AsyncIterator[Sequence[Any]]: ...
    def is_closed(self) -> bool: ...
    def terminate(self) -> None: ...
    async def close(self, *, timeout: float) -> None: ...
    def add_termination_listener(self, callback: Callable[[object], None]) -> None: ...
    async def add_listener(self, channel: str, callback: Callable[..., None]) -> None: ...


class Link:
    """One connection, for one user at a time.

    A connection on which anything went wrong is cut: the server then rolls back what was open on
    it, and the next user is given a new one.
    """

    def __init__(self, url: URL) -> None:
        self._url = url
        self._free = asyncio.Lock()
        self._connection: Connection | None = None
        self._ended = False

    def open(self) -> None:
        """Take users, also again after a `close`."""
        self._ended = False

    @asynccontextmanager
    async def use(self) -> AsyncGenerator[Connection]:
        """The connection.

        Raises:
            StoreUnavailable: The server does not answer, or stopped to.
            Closed: It was closed.
        """
        async with self._free:
            try:
                connection = await self._connected()
                yield connection
            except FAILURES as error:
                self.cut()
                raise unavailable(self._url, error) from error
            except BaseException:
                self.cut()
                raise

    @asynccontextmanager
    async def transaction(
        self, torn: type[Unavailable] = StoreUnavailable
    ) -> AsyncGenerator[Connection]:
        """The connection in a transaction, committed at the end.

        Raises:
            StoreUnavailable: The server does not answer; nothing was written.
            Unavailable: As `torn` says: it broke off in the commit.
        """
        async with self.use() as connection:
            await connection.execute("BEGIN")
            yield connection
            try:
                await connection.execute("COMMIT")
            except FAILURES as error:
                self.cut()
                raise torn(f"{shown(self._url)}: broke off in a commit: {_said(error)}") from error

    def cut(self) -> None:
        """Let go of the connection without a word to the server."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    async def close(self) -> None:
        """Say good-bye, or cut it where nobody listens; who uses it now is left without."""
        self._ended = True
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            await connection.close(timeout=GOODBYE)
        except FAILURES:
            connection.terminate()

    async def listen(self, channel: str, told: Callable[[], None]) -> None:
        """Have `told` called when somebody notifies, and when the connection is lost.

        Raises:
            StoreUnavailable: The server does not answer.
        """
        if self._connection is not None and not self._connection.is_closed():
            return
        async with self.use() as connection:

            def wake(*_: object) -> None:
                told()

            connection.add_termination_listener(wake)
            await connection.add_listener(channel, wake)

    async def _connected(self) -> Connection:
        connection = self._connection
        if connection is None or connection.is_closed():
            connection = await _connect(self._url)
            self._connection = connection
        if self._ended:
            # Meanwhile, while it was being made.
            await self.close()
            raise Closed(f"the store {shown(self._url)} is not open")
        return connection


def unavailable(url: URL, error: BaseException) -> StoreUnavailable | OutcomeUnknown:
    """What it means that `error` came from the server at `url`."""
    return StoreUnavailable(f"{shown(url)} does not answer: {_said(error)}")


def _said(error: BaseException) -> str:
    return str(error) or type(error).__name__


async def _connect(url: URL) -> Connection:
    return await asyncpg.connect(
        host=url.host,
        port=url.port or 5432,
        user=url.username,
        password=url.password,
        database=url.database,
        timeout=CONNECT_TIMEOUT,
        command_timeout=COMMAND_TIMEOUT,
        server_settings=SESSION,
    )
