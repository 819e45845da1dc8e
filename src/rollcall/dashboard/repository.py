# SPDX-License-Identifier: Apache-2.0
"""What has happened lately, in the SQL database: noted with the events, read by id."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from rollcall.dashboard.activity import noted
from rollcall.dashboard.models import Activity
from rollcall.dashboard.tables import ACTIVITIES, HEADS, activity_of
from rollcall.events.envelope import Event
from rollcall.sql import Readable, Work, upsert

KEPT: Final = 1000
"""Activities of a namespace that are kept."""


class SqlActivities:
    """`Activities` in the SQL database. They are noted in the unit of work that handles the events.

    Args:
        sql: The database.
        kept: How many of a namespace are kept.
    """

    def __init__(self, sql: Readable, kept: int = KEPT) -> None:
        self._sql = sql
        self._kept = kept

    async def note(self, events: Sequence[Event], work: Work) -> None:
        """Note events, in order. Who writes here in another process waits until this is committed,
        so that ids become visible in order.
        """
        connection = work.connection
        # In one order, whoever writes: two that hold each other's next one would wait for ever.
        for namespace in sorted({event.namespace for event in events}):
            some = [event for event in events if event.namespace == namespace]
            last = await _moved(connection, namespace, len(some))
            rows = [
                {
                    "namespace": namespace,
                    "id": last - len(some) + place,
                    "type": event.type,
                    "at": event.time.timestamp(),
                    "agent_id": note.agent_id,
                    "message": note.message,
                    "details": msgspec.json.encode(note.details).decode(),
                }
                for place, event in enumerate(some, 1)
                for note in (noted(event),)
            ]
            await connection.execute(insert(ACTIVITIES), rows)
            await connection.execute(
                delete(ACTIVITIES).where(
                    ACTIVITIES.c.namespace == namespace, ACTIVITIES.c.id <= last - self._kept
                )
            )

    async def newest(self, namespace: str) -> int:
        """See `Activities`."""
        async with self._sql.reading() as connection:
            query = select(HEADS.c.last).where(HEADS.c.namespace == namespace)
            return (await connection.execute(query)).scalar_one_or_none() or 0

    async def before(self, namespace: str, limit: int, before: int | None) -> Sequence[Activity]:
        """See `Activities`."""
        query = select(ACTIVITIES).where(ACTIVITIES.c.namespace == namespace)
        if before is not None:
            query = query.where(ACTIVITIES.c.id < before)
        query = query.order_by(ACTIVITIES.c.id.desc()).limit(limit)
        async with self._sql.reading() as connection:
            return [activity_of(row) for row in await connection.execute(query)]

    async def after(self, namespace: str, after: int, limit: int) -> Sequence[Activity]:
        """See `Activities`."""
        query = (
            select(ACTIVITIES)
            .where(ACTIVITIES.c.namespace == namespace, ACTIVITIES.c.id > after)
            .order_by(ACTIVITIES.c.id)
            .limit(limit)
        )
        async with self._sql.reading() as connection:
            return [activity_of(row) for row in await connection.execute(query)]


async def _moved(connection: AsyncConnection, namespace: str, count: int) -> int:
    """Take `count` ids, and hold the namespace until the commit; the last of them."""
    first = upsert(connection, HEADS).values(namespace=namespace, last=count)
    moved = first.on_conflict_do_update(
        index_elements=[HEADS.c.namespace], set_={"last": HEADS.c.last + count}
    )
    last: int = (await connection.execute(moved.returning(HEADS.c.last))).scalar_one()
    return last
