# SPDX-License-Identifier: Apache-2.0
"""What groups that read Kafka keep in SQL: which events they took, and which they hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import (
    Column,
    Double,
    Integer,
    LargeBinary,
    Table,
    Text,
    and_,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql import ColumnElement

from rollcall.backends.eventlog.kafka_wire import Message, decoded
from rollcall.backends.sql import consumers
from rollcall.backends.sql.outbox import POSITION
from rollcall.backends.sql.tables import METADATA
from rollcall.events.envelope import Event, from_json, to_json
from rollcall.events.errors import Overtaken
from rollcall.events.log import UNREADABLE, Held

INBOX: Final = Table(
    "kafka_inbox",
    METADATA,
    Column("group_name", Text, primary_key=True),
    Column("namespace", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("event_id", Text, primary_key=True),
    Column("taken_at", Double, nullable=False, index=True, comment="seconds since the epoch"),
    sqlite_with_rowid=False,
)
"""Events that a group has handled or holds. Beside the event log's own inbox: there, rows go with
the events of the outbox, which those that came through Kafka need not have been in."""

HELD: Final = Table(
    "kafka_held",
    METADATA,
    Column("ticket", POSITION, primary_key=True, autoincrement=True),
    Column("group_name", Text, nullable=False, index=True),
    Column("topic", Text, nullable=False, comment="the type of events that it is for"),
    Column("partition", Integer, nullable=False),
    Column("message_offset", POSITION, nullable=False),
    Column("timestamp", POSITION, nullable=False, comment="milliseconds since the epoch"),
    Column("namespace", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("retry_at", Double, comment="seconds since the epoch; null: parked"),
    Column("failed_at", Double, nullable=False, comment="seconds since the epoch"),
    Column("error", Text, nullable=False),
    Column("event", Text, nullable=False, comment="the message, or a stand-in"),
    Column("value", LargeBinary, comment="the message, where it is no event"),
    # Operators name events by their ticket: it must not come back.
    sqlite_autoincrement=True,
)


_KEY: Final = ("group_name", "namespace", "source", "event_id")


async def take(
    connection: AsyncConnection, group: str, events: Sequence[Event], now: float
) -> list[Event]:
    """Note that the group takes these events. Those that it has not taken before, nor handled when
    it read the outbox itself.

    Two that take one at once wait for each other, so that one of them has.
    """
    new = await consumers.entered(connection, INBOX, events, group_name=group, taken_at=now)
    handled = await consumers.handled(connection, group, new)
    return [event for event in new if event.identity not in handled]


async def held(
    connection: AsyncConnection, group: str, partition: int | None = None
) -> list[tuple[Held, bytes]]:
    """What the group holds, in the order in which it came to; of one partition or of all. Each with
    the message of its event, beside which something may be sealed.
    """
    query = select(HELD).where(HELD.c.group_name == group).order_by(HELD.c.ticket)
    if partition is not None:
        query = query.where(HELD.c.partition == partition)
    found: list[tuple[Held, bytes]] = []
    for row in await connection.execute(query):
        value: bytes = row.event.encode()
        event = from_json(value)
        if row.value is not None:
            # A newer version of the program may be able to read it.
            value = row.value
            event, _ = decoded(
                Message(row.topic, row.partition, row.message_offset, row.timestamp, value)
            )
        outcome = (row.attempts, row.retry_at, row.failed_at, row.error)
        found.append((Held(group, row.ticket, event, *outcome), value))
    return found


async def add(connection: AsyncConnection, held: Held, message: Message) -> int:
    """Keep `held`, which the message told; its ticket."""
    unreadable = held.event.type == UNREADABLE
    value = message.value or b""
    added = await connection.execute(
        insert(HELD)
        .values(
            group_name=held.group,
            topic=message.type,
            partition=message.partition,
            message_offset=message.offset,
            timestamp=message.timestamp,
            namespace=held.event.namespace,
            # As it came: what is sealed stays so.
            event=(to_json(held.event) if unreadable else value).decode(),
            value=value if unreadable else None,
            **_outcome(held),
        )
        .returning(HELD.c.ticket)
    )
    return added.scalar_one()


async def replace(connection: AsyncConnection, held: Held, before: Held) -> None:
    """Keep `held` in place of `before`.

    Raises:
        Overtaken: That is not what is kept.
    """
    kept = await connection.execute(update(HELD).where(_is(before)).values(_outcome(held)))
    if kept.rowcount != 1:
        raise Overtaken(held.group)


async def release(connection: AsyncConnection, held: Held) -> None:
    """Keep `held` no longer, and let the group take its event, again.

    Raises:
        Overtaken: It is not kept any more, or was tried by another process meanwhile.
    """
    gone = await connection.execute(delete(HELD).where(_is(held)).returning(HELD.c.value))
    row = gone.one_or_none()
    if row is None:
        raise Overtaken(held.group)
    if row.value is not None:
        # What stood in for it was taken; the event itself may have come by another message.
        return
    key = zip(_KEY, (held.group, *held.event.identity), strict=True)
    await connection.execute(delete(INBOX).where(*(INBOX.c[name] == value for name, value in key)))


async def forget(connection: AsyncConnection, before: float) -> None:
    """Forget which events were taken before then."""
    await connection.execute(delete(INBOX).where(INBOX.c.taken_at < before))


def _outcome(held: Held) -> dict[str, object]:
    return {
        "attempts": held.attempts,
        "retry_at": held.retry_at,
        "failed_at": held.failed_at,
        "error": held.error,
    }


def _is(held: Held) -> ColumnElement[bool]:
    return and_(
        HELD.c.ticket == held.position,
        HELD.c.group_name == held.group,
        HELD.c.attempts == held.attempts,
        HELD.c.retry_at.is_not_distinct_from(held.retry_at),
    )
