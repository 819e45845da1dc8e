# SPDX-License-Identifier: Apache-2.0
"""What consumer groups have written down: their position, their inbox, what they hold."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import (
    Column,
    Double,
    Integer,
    Row,
    Table,
    Text,
    and_,
    delete,
    func,
    insert,
    select,
    tuple_,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql import ColumnElement

from rollcall.backends.sql import outbox
from rollcall.backends.sql.among import among
from rollcall.backends.sql.outbox import HEAD, OUTBOX, POSITION
from rollcall.backends.sql.tables import METADATA
from rollcall.events.envelope import Event, Identity, from_json, to_json
from rollcall.events.errors import Overtaken
from rollcall.events.log import Held
from rollcall.sql import upsert

GROUPS: Final = Table(
    "event_groups",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("position", POSITION, nullable=False),
)

INBOX: Final = Table(
    "inbox",
    METADATA,
    Column("group_name", Text, primary_key=True),
    Column("namespace", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("event_id", Text, primary_key=True),
    sqlite_with_rowid=False,
)

_IDENTITY: Final = ("namespace", "source", "event_id")

HELD: Final = Table(
    "held_events",
    METADATA,
    Column("group_name", Text, primary_key=True),
    Column("position", POSITION, primary_key=True, autoincrement=False),
    Column("namespace", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("retry_at", Double, comment="seconds since the epoch; null: parked"),
    Column("failed_at", Double, nullable=False, comment="seconds since the epoch"),
    Column("error", Text, nullable=False),
    Column("event", Text, nullable=False, comment="CloudEvents 1.0 in JSON"),
)


async def admit(connection: AsyncConnection, group: str, events: Sequence[Event]) -> list[Event]:
    """Note that the group handles these events; those that it has not handled before."""
    return await entered(connection, INBOX, events, group_name=group)


async def entered(
    connection: AsyncConnection, inbox: Table, events: Sequence[Event], **beside: object
) -> list[Event]:
    """Write rows for events into an inbox; the events that had none, each once, in their order.

    Args:
        beside: What stands in each row beside the event's identity.
    """
    # In one order, whoever writes: or two that write the same rows would wait for each other.
    coming = sorted({event.identity for event in events})
    added = await connection.execute(
        upsert(connection, inbox)
        .on_conflict_do_nothing()
        .returning(*(inbox.c[name] for name in _IDENTITY)),
        [beside | dict(zip(_IDENTITY, identity, strict=True)) for identity in coming],
    )
    new = set(map(_identity, added))
    found: list[Event] = []
    for event in events:
        if event.identity in new:
            new.remove(event.identity)
            found.append(event)
    return found


async def handled(
    connection: AsyncConnection, group: str, events: Sequence[Event]
) -> set[Identity]:
    """Which of these events, at most 1,000, the group has handled."""
    if not events:
        return set()
    identity = [INBOX.c[name] for name in _IDENTITY]
    these = among(connection, identity, [event.identity for event in events])
    rows = await connection.execute(select(*identity).where(INBOX.c.group_name == group, these))
    return set(map(_identity, rows))


async def position_of(connection: AsyncConnection, group: str) -> int | None:
    """The group's position; None: it is not known."""
    found = await connection.execute(select(GROUPS.c.position).where(GROUPS.c.name == group))
    return found.scalar_one_or_none()


async def introduce(connection: AsyncConnection, group: str) -> int:
    """Make the group known, if it is not, before the oldest event that is kept; its position."""
    found = await connection.execute(select(HEAD.c.compacted).with_for_update())
    position = found.scalar_one()
    # Of two processes that begin together the second one has waited for the first one here.
    known = await position_of(connection, group)
    if known is not None:
        return known
    await connection.execute(insert(GROUPS).values(name=group, position=position))
    return position


async def compact(connection: AsyncConnection, before: datetime) -> int:
    """Forget events that happened before then, as far as all groups have passed; how many."""
    # A group that joins meanwhile takes the same lock: it is seen, or begins behind what is gone.
    head = select(HEAD.c.position, HEAD.c.compacted).with_for_update()
    position, compacted = (await connection.execute(head)).one()
    young = select(func.min(OUTBOX.c.position) - 1).where(OUTBOX.c.time >= before)
    for bound in (select(func.min(GROUPS.c.position)), young):
        found = (await connection.execute(bound)).scalar_one()
        position = position if found is None else min(position, found)
    if position <= compacted:
        return 0
    forgotten = select(*outbox.IDENTITY).where(OUTBOX.c.position <= position)
    handled = tuple_(INBOX.c.namespace, INBOX.c.source, INBOX.c.event_id).in_(forgotten)
    await connection.execute(delete(INBOX).where(handled))
    await outbox.forget(connection, position)
    return position - compacted


async def advance(connection: AsyncConnection, group: str, before: int, after: int) -> None:
    """Move the group from position `before` to `after`.

    Raises:
        Overtaken: It is not at `before` any more.
    """
    moved = await connection.execute(
        update(GROUPS)
        .where(GROUPS.c.name == group, GROUPS.c.position == before)
        .values(position=after)
    )
    if moved.rowcount != 1:
        raise Overtaken(group)


async def held(connection: AsyncConnection, group: str) -> list[Held]:
    """What the group holds, by position."""
    rows = await connection.execute(
        select(HELD).where(HELD.c.group_name == group).order_by(HELD.c.position)
    )
    return [
        Held(
            *(row.group_name, row.position, from_json(row.event)),
            *(row.attempts, row.retry_at, row.failed_at, row.error),
        )
        for row in rows
    ]


async def hold(connection: AsyncConnection, held: Held, before: Held | None) -> None:
    """Keep `held`, in place of `before` if given.

    Raises:
        Overtaken: What is kept at this position is not `before`.
    """
    outcome = {
        "attempts": held.attempts,
        "retry_at": held.retry_at,
        "failed_at": held.failed_at,
        "error": held.error,
    }
    if before is not None:
        kept = await connection.execute(update(HELD).where(_is(before)).values(outcome))
        if kept.rowcount != 1:
            raise Overtaken(held.group)
        return
    # Only who has just moved the group past this position gets here, so nobody else inserts.
    await connection.execute(
        insert(HELD).values(
            group_name=held.group,
            position=held.position,
            namespace=held.event.namespace,
            event=to_json(held.event).decode(),
            **outcome,
        )
    )


async def release(connection: AsyncConnection, held: Held) -> None:
    """Keep `held` no longer.

    Raises:
        Overtaken: It is not kept any more, or was tried by another process meanwhile.
    """
    gone = await connection.execute(delete(HELD).where(_is(held)))
    if gone.rowcount != 1:
        raise Overtaken(held.group)


def _is(held: Held) -> ColumnElement[bool]:
    return and_(
        HELD.c.group_name == held.group,
        HELD.c.position == held.position,
        HELD.c.attempts == held.attempts,
        HELD.c.retry_at.is_not_distinct_from(held.retry_at),
    )


def _identity(row: Row[*Identity]) -> Identity:
    return row[0], row[1], row[2]
