# SPDX-License-Identifier: Apache-2.0
"""What was told about, behind a place of the log: for who keeps something current in every process.

A consumer group is read by one process at a time and has its place kept; this is read by everybody,
and whoever reads it begins with a look at what is there.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from rollcall.backends.sql import outbox
from rollcall.backends.sql.outbox import OUTBOX


async def subjects(
    connection: AsyncConnection, source: str, after: int
) -> tuple[int, Sequence[tuple[str, str]]]:
    """The end of the log, and what a source has told about behind `after`: namespace and subject,
    each once, in the order of the last time.

    Args:
        connection: Reads.
        source: Who told.
        after: A position.
    """
    end = await outbox.end(connection)
    if end <= after:
        return after, ()
    wanted = (
        select(OUTBOX.c.namespace, OUTBOX.c.subject)
        .where(OUTBOX.c.position > after, OUTBOX.c.position <= end, OUTBOX.c.source == source)
        .order_by(OUTBOX.c.position.desc())
    )
    found = [(row.namespace, row.subject) for row in await connection.execute(wanted)]
    return end, list(dict.fromkeys(found))[::-1]
