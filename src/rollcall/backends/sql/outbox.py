# SPDX-License-Identifier: Apache-2.0
"""The outbox: events written in the transaction of the change that they tell of.

Where everything runs on one database it is the event log as well. The position of the last event
stands in a row of its own, locked from the append to the commit: so positions are contiguous, and
become visible in order.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from rollcall.backends.sql.among import among
from rollcall.backends.sql.tables import METADATA
from rollcall.events.envelope import Event, Identity, from_json, to_json
from rollcall.events.log import Entry
from rollcall.kernel.errors import Compacted

POSITION: Final = BigInteger().with_variant(Integer, "sqlite")
"""SQLite's rowid, which is fastest, has to be called INTEGER."""

_CHUNK: Final = 5000
"""Events that are looked up at a time."""

OUTBOX: Final = Table(
    "outbox",
    METADATA,
    Column("position", POSITION, primary_key=True, autoincrement=False),
    Column("namespace", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("time", DateTime(timezone=True), nullable=False),
    Column("event", Text, nullable=False, comment="CloudEvents 1.0 in JSON"),
    UniqueConstraint("namespace", "source", "event_id"),
    # For who wants to know, or to redact, what was told about something.
    Index("ix_outbox_namespace_subject", "namespace", "subject"),
)

IDENTITY: Final = (OUTBOX.c.namespace, OUTBOX.c.source, OUTBOX.c.event_id)

HEAD: Final = Table(
    "outbox_head",
    METADATA,
    Column("only", Integer, primary_key=True, autoincrement=False),
    Column("position", POSITION, nullable=False),
    Column("compacted", POSITION, nullable=False, comment="the last position that was forgotten"),
    CheckConstraint('"only" = 1', name="only"),
)
"""One row, which is there from the first migration on."""


async def append(connection: AsyncConnection, events: Sequence[Event]) -> int:
    """Append what is not there yet, in the connection's transaction; the position of the last one.

    From here to the end of the transaction every other append waits, so it should be its last act.
    """
    # The lock first, in a statement of its own: the next one then sees what others committed
    # before they let go of it.
    last = (await connection.execute(select(HEAD.c.position).with_for_update())).scalar_one()
    rows: list[dict[str, object]] = []
    for event in await _unknown(connection, events):
        last += 1
        rows.append(
            {
                "position": last,
                "namespace": event.namespace,
                "source": event.source,
                "event_id": event.id,
                "type": event.type,
                "subject": event.subject,
                "time": event.time,
                "event": to_json(event).decode(),
            }
        )
    if rows:
        # With `returning` it is one statement for all, and not one that is executed for each.
        await connection.execute(insert(OUTBOX).returning(OUTBOX.c.position), rows)
        await connection.execute(update(HEAD).values(position=last))
    return last


async def read(connection: AsyncConnection, after: int, limit: int) -> list[Entry]:
    """The events behind position `after`, in order, at most `limit`.

    Raises:
        Compacted: Not all of them are kept any more.
    """
    forgotten = await compacted(connection)
    if after < forgotten:
        raise Compacted(after, forgotten + 1)
    rows = await connection.execute(
        select(OUTBOX.c.position, OUTBOX.c.event)
        .where(OUTBOX.c.position > after)
        .order_by(OUTBOX.c.position)
        .limit(limit)
    )
    return [Entry(position, from_json(json)) for position, json in rows]


async def locked(connection: AsyncConnection, positions: Collection[int]) -> list[Entry]:
    """The events at these positions that are there, which nobody changes before the transaction
    ends.
    """
    rows = await connection.execute(
        select(OUTBOX.c.position, OUTBOX.c.event)
        .where(OUTBOX.c.position.in_(sorted(positions)))
        .order_by(OUTBOX.c.position)
        .with_for_update()
    )
    return [Entry(position, from_json(json)) for position, json in rows]


async def end(connection: AsyncConnection) -> int:
    """The position of the last event; 0: there is none."""
    return (await connection.execute(select(HEAD.c.position))).scalar_one()


async def compacted(connection: AsyncConnection) -> int:
    """The last position that was forgotten; 0: none was."""
    return (await connection.execute(select(HEAD.c.compacted))).scalar_one()


async def forget(connection: AsyncConnection, through: int) -> None:
    """Drop the events up to and with position `through`."""
    await connection.execute(delete(OUTBOX).where(OUTBOX.c.position <= through))
    await connection.execute(update(HEAD).values(compacted=through))


async def _unknown(connection: AsyncConnection, events: Sequence[Event]) -> list[Event]:
    """Those that the outbox does not have, each once, in their order."""
    coming: dict[Identity, Event] = {}
    for event in events:
        coming.setdefault(event.identity, event)
    identities = list(coming)
    for start in range(0, len(identities), _CHUNK):
        some = identities[start : start + _CHUNK]
        known = select(*IDENTITY).where(among(connection, IDENTITY, some))
        for namespace, source, event_id in await connection.execute(known):
            del coming[namespace, source, event_id]
    return list(coming.values())
