# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import astuple
from pathlib import Path

import pytest_asyncio
from sqlalchemy import insert

from rollcall.backends.eventlog.kafka_tables import HELD as FROM_KAFKA
from rollcall.backends.eventlog.parked import SqlParked
from rollcall.backends.sql.consumers import HELD
from rollcall.backends.sql.database import Database, dialect_of


@pytest_asyncio.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    one = Database(dialect_of(f"sqlite:///{tmp_path}/x.db"))
    await one.open()
    yield one
    await one.close()


async def test_what_waits_for_an_operator_is_counted_by_group_and_namespace(
    database: Database,
) -> None:
    rows = [
        ("facts", 1, "acme", None, 20.0),
        ("facts", 2, "acme", None, 10.0),
        ("facts", 3, "zoo", None, 5.0),
        ("facts", 4, "acme", 99.0, 5.0),
        ("usage", 5, "acme", None, 30.0),
    ]
    names = ("group_name", "position", "namespace", "retry_at", "failed_at")
    rest = {"attempts": 9, "error": "", "event": "{}"}
    async with database.begin() as work:
        await work.connection.execute(
            insert(HELD), [{**dict(zip(names, row, strict=True)), **rest} for row in rows]
        )
        message = {"topic": "t", "partition": 0, "message_offset": 0, "timestamp": 0}
        kafka = {"group_name": "usage", "namespace": "acme", "retry_at": None, "failed_at": 7.0}
        await work.connection.execute(insert(FROM_KAFKA), [{**kafka, **message, **rest}])
    found = await SqlParked(database).parked("acme")
    assert [astuple(one) for one in found] == [("facts", 2, 10.0), ("usage", 2, 7.0)]
    assert await SqlParked(database).parked("nobody") == []
