# SPDX-License-Identifier: Apache-2.0
"""A look at a database from outside, which changes nothing there."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from rollcall.backends.sql.database import dialect_of
from rollcall.backends.sql.migrate import revision_of, revisions
from rollcall.kernel.errors import StoreUnavailable

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Checkup:
    """What was seen.

    Args:
        version: The server's, as short as it says it.
        time: Its clock, in seconds since the epoch.
        revision: The form of our tables; None: they are not there.
        newest: The newest form that this version of Rollcall knows.
        known: Whether it knows the form that the tables have.
    """

    version: str
    time: float
    revision: str | None
    newest: str
    known: bool


async def checkup(url: str) -> Checkup:
    """Look at the database on a server that `url` names.

    Raises:
        InvalidInput: The URL cannot be used.
        MissingExtra: The driver is not installed.
        StoreUnavailable: It does not answer, or lets us not in.
    """
    return await looked_at(url, _seen)


def file_looked_at(path: Path, look: Callable[[Connection], T]) -> T:
    """What is seen in a SQLite file, which another process may be writing.

    Raises:
        StoreUnavailable: It cannot be read.
    """

    def connected() -> sqlite3.Connection:
        return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)

    engine = create_engine("sqlite://", creator=connected, poolclass=NullPool)
    try:
        with engine.connect() as connection:
            return look(connection)
    except (OSError, SQLAlchemyError) as error:
        cause = getattr(error, "orig", None) or error
        raise StoreUnavailable(f"{path} cannot be read: {cause}") from error
    finally:
        engine.dispose()


async def looked_at(url: str, look: Callable[[Connection], T]) -> T:
    """What is seen in the database on a server that `url` names.

    Raises:
        InvalidInput: The URL cannot be used.
        MissingExtra: The driver is not installed.
        StoreUnavailable: It does not answer, or lets us not in.
    """
    dialect = dialect_of(url, pool_size=1)
    engine = dialect.open()
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(look)
    except (OSError, TimeoutError, SQLAlchemyError) as error:
        cause = getattr(error, "orig", None) or error
        raise StoreUnavailable(f"{dialect} does not answer: {cause}") from error
    finally:
        await engine.dispose()
        dialect.close()


def _seen(connection: Connection) -> Checkup:
    version = connection.scalar(text("SHOW server_version"))
    time = connection.scalar(text("SELECT extract(epoch FROM clock_timestamp())"))
    revision, known = revision_of(connection), revisions()
    return Checkup(
        str(version).partition(" ")[0],
        float(time or 0),
        revision,
        known[-1],
        revision is None or revision in known,
    )
