# SPDX-License-Identifier: Apache-2.0
"""The secret that services on one database share, made by the first that asks for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sqlalchemy import Column, Double, Integer, LargeBinary, Table, insert, select
from sqlalchemy.exc import IntegrityError

from rollcall.backends.sql.database import Database
from rollcall.backends.sql.tables import METADATA
from rollcall.kernel.errors import StoreUnavailable, Unavailable

SECRET: Final = Table(
    "service_secret",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False, comment="1"),
    Column("secret", LargeBinary, nullable=False, comment="signs passes between services"),
    Column("created_at", Double, nullable=False, comment="seconds since the epoch"),
)
SIZE: Final = 32
"""Bytes."""
_ONLY: Final = 1


async def service_secret(database: Database, now: float, random: Callable[[int], bytes]) -> bytes:
    """The secret of this database, the same for whoever asks.

    Args:
        database: Where it is kept.
        now: Seconds since the epoch.
        random: So many random bytes, where there is none yet.

    Raises:
        Unavailable: The database does not answer.
    """
    found = await _read(database)
    if found is not None:
        return found
    row = {"id": _ONLY, "secret": random(SIZE), "created_at": now}
    try:
        async with database.begin() as work:
            await work.connection.execute(insert(SECRET).values(row))
    except IntegrityError:
        # Another process was quicker: its secret is the one.
        pass
    except Unavailable as error:
        # Not `from error`: behind that stands the statement with what it was to write.
        raise StoreUnavailable(str(error)) from None
    found = await _read(database)
    if found is None:
        raise StoreUnavailable("the secret of the services was made, and is not there")
    return found


async def _read(database: Database) -> bytes | None:
    wanted = select(SECRET.c.secret).where(SECRET.c.id == _ONLY)
    async with database.reading() as connection:
        return (await connection.execute(wanted)).scalar_one_or_none()
