# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL as the database of the services: several processes, several writers."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Final
from urllib.parse import urlsplit

from sqlalchemy import text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from rollcall.kernel.errors import (
    IncompatibleStore,
    InvalidInput,
    MissingExtra,
    StoreUnavailable,
)

CONNECT_TIMEOUT: Final = 5.0
"""Seconds until a server that does not answer counts as away."""
COMMAND_TIMEOUT: Final = 10.0
"""Seconds that one statement may take."""
SESSION: Final = {
    "application_name": "rollcall",
    # What a process that was cut off has left open must not keep the others from writing.
    "idle_in_transaction_session_timeout": "15000",
    "lock_timeout": "10000",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}
"""Settings of every connection; times in milliseconds, keepalives in seconds."""

_OUTAGES: Final = ("08", "53", "57", "58", "55P03", "28", "3D", "40")
_DAMAGES: Final = ("XX001", "XX002")


class PostgresDialect:
    """A database on a PostgreSQL server.

    Raises:
        InvalidInput: The URL cannot be used.
        MissingExtra: The driver is not installed.
    """

    def __init__(self, url: str, pool_size: int) -> None:
        self._url = parsed(url)
        self._pool_size = pool_size

    def __str__(self) -> str:
        return shown(self._url)

    @property
    def reading(self) -> Mapping[str, str]:
        # By default each statement sees what was committed before it.
        return {"isolation_level": "REPEATABLE READ"}

    def open(self) -> AsyncEngine:
        return create_async_engine(
            self._url.set(drivername="postgresql+asyncpg"),
            pool_size=self._pool_size,
            # A connection that the server has closed meanwhile is found out before it is used.
            pool_pre_ping=True,
            pool_timeout=COMMAND_TIMEOUT,
            connect_args={
                "timeout": CONNECT_TIMEOUT,
                "command_timeout": COMMAND_TIMEOUT,
                "server_settings": SESSION,
            },
        )

    def close(self) -> None:
        """Nothing is held but the connections."""

    def writing(self) -> AbstractAsyncContextManager[None]:
        return nullcontext()

    async def scrub(self) -> bool:
        # No transaction sees it any more. The server writes over it in its own time (VACUUM).
        return True

    async def announce(self, connection: AsyncConnection) -> None:
        from rollcall.backends.sql.listener import CHANNEL

        await connection.execute(text(f"NOTIFY {CHANNEL}"))

    async def follow(self, told: Callable[[int], None]) -> None:
        # Not above: it stands on this module.
        from rollcall.backends.sql.listener import follow

        await follow(self._url, told)

    def broke(self, error: Exception) -> bool:
        import asyncpg  # pyright: ignore[reportMissingTypeStubs]

        # The driver's state machine says the latter where a server dies in the middle of something.
        return isinstance(error, OSError | asyncpg.InternalClientError)

    def meaning(self, error: DBAPIError) -> type[StoreUnavailable] | type[IncompatibleStore] | None:
        if error.connection_invalidated:
            return StoreUnavailable
        code: str = getattr(error.orig, "sqlstate", None) or ""
        if code.startswith(_DAMAGES):
            return IncompatibleStore
        return StoreUnavailable if code.startswith(_OUTAGES) else None


def parsed(url: str) -> URL:
    """What `url` says, once it is known that it can be used.

    Raises:
        InvalidInput: It names no server or no database.
        MissingExtra: The driver is not installed.
    """
    if importlib.util.find_spec("asyncpg") is None:
        raise MissingExtra("PostgreSQL", "postgres")
    problem = "must be like postgresql://user@host:5432/database"
    try:
        found = make_url(url)
        port = urlsplit(url).port
    except (ArgumentError, ValueError):
        raise InvalidInput("store", problem) from None
    if not found.host or not found.database or found.query or port == 0:
        raise InvalidInput("store", f"{shown(found)} {problem}")
    return found


def shown(url: URL) -> str:
    """The place, without the password."""
    return url.set(password=None).render_as_string()
