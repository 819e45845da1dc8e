# SPDX-License-Identifier: Apache-2.0
"""The secret of the services: one for a database, whoever asks first."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from rollcall.backends.sql.database import Database, dialect_of
from rollcall.backends.sql.passes import SECRET, service_secret


async def test_the_first_who_asks_makes_it_and_all_others_get_it(
    url: str, database: Database
) -> None:
    first = await service_secret(database, 1.0, os.urandom)
    assert len(first) == 32
    assert await service_secret(database, 2.0, os.urandom) == first
    await database.close()
    again = Database(dialect_of(url))
    await again.open()
    assert await service_secret(again, 3.0, os.urandom) == first
    await again.close()


@pytest.mark.server
async def test_of_many_processes_that_ask_at_once_one_makes_it(
    fresh_database: Callable[[], str],
) -> None:
    url = fresh_database()
    databases = [Database(dialect_of(url, pool_size=2)) for _ in range(6)]
    try:
        await asyncio.gather(*(one.open() for one in databases))
        found = await asyncio.gather(*(service_secret(one, 1.0, os.urandom) for one in databases))
        assert len(set(found)) == 1
        async with databases[0].reading() as connection:
            count = await connection.execute(select(func.count()).select_from(SECRET))
            assert count.scalar_one() == 1
    finally:
        await asyncio.gather(*(one.close() for one in databases))
