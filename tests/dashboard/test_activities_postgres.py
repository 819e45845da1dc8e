# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from rollcall.backends.sql.database import Database, dialect_of
from rollcall.dashboard.repository import SqlActivities
from support.dashboards import answered

pytestmark = pytest.mark.server
WRITERS = 8
EACH = 10


async def test_ids_become_visible_in_order_whoever_writes(
    fresh_database: Callable[[], str],
) -> None:
    url = fresh_database()
    database = Database(dialect_of(url, pool_size=WRITERS + 1))
    await database.open()
    activities = SqlActivities(database)
    seen: list[int] = []

    async def write(writer: int) -> None:
        for number in range(EACH):
            async with database.begin() as work:
                await activities.note([answered(writer * EACH + number)], work)

    async def watch() -> None:
        while len(seen) < WRITERS * EACH:
            last = seen[-1] if seen else 0
            seen.extend(one.id for one in await activities.after("acme", last, 100))

    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        tasks.create_task(watch())
        for writer in range(WRITERS):
            tasks.create_task(write(writer))
    assert seen == [*range(1, WRITERS * EACH + 1)]
    await database.close()


async def test_writers_for_several_namespaces_never_wait_for_each_other_in_a_circle(
    fresh_database: Callable[[], str],
) -> None:
    database = Database(dialect_of(fresh_database(), pool_size=WRITERS + 1))
    await database.open()
    activities = SqlActivities(database)

    async def write(writer: int) -> None:
        names = ["acme", "zoo"] if writer % 2 else ["zoo", "acme"]
        for number in range(EACH):
            events = [answered(writer * EACH + number, name) for name in names]
            async with database.begin() as work:
                await activities.note(events, work)

    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        for writer in range(WRITERS):
            tasks.create_task(write(writer))
    assert await activities.newest("acme") == await activities.newest("zoo") == WRITERS * EACH
    await database.close()
