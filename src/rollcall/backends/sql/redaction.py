# SPDX-License-Identifier: Apache-2.0
"""Takes out of events that were told what somebody wants to be forgotten.

An event keeps its id, type, subject and place, since others count on these; fields of its data are
made blank. What has gone to another log is sealed there, and its key is deleted here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Table, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from rollcall.backends.sql import event_keys
from rollcall.backends.sql.consumers import HELD
from rollcall.backends.sql.outbox import OUTBOX
from rollcall.backends.sql.unit_of_work import SqlUnitOfWork
from rollcall.events.envelope import Event, from_json, to_json

Blanks = Mapping[str, Mapping[str, Any]]
"""By type of event: its fields that may tell something, and what stands there instead."""

_HELD_KEY: Final = ("group_name", "position")


def redacted(event: Event, blanks: Blanks) -> Event:
    """The event with what is blank in its place; itself, where it tells nothing anyway."""
    mine = blanks.get(event.type, {})
    data = {name: mine.get(name, value) for name, value in event.data.items()}
    return event if data == event.data else msgspec.structs.replace(event, data=data)


class EventRedaction:
    """Redacts the events about subjects in the log of this database and in what groups hold, and
    deletes the keys of what was sent elsewhere.

    Args:
        blanks: What of which events.
    """

    def __init__(self, blanks: Blanks) -> None:
        self._blanks = blanks

    async def forget(
        self, work: SqlUnitOfWork, namespace: str, subjects: Sequence[str]
    ) -> dict[str, int]:
        """Redact the events about the subjects; how many, as `events` and `event_keys`."""
        total = 0
        for table, key in ((OUTBOX, ("position",)), (HELD, _HELD_KEY)):
            changed = await self._changed(work.connection, table, key, namespace, subjects)
            if changed:
                mine = [table.c[name] == bindparam(f"old_{name}") for name in key]
                await work.connection.execute(
                    update(table).where(*mine).values(event=bindparam("redacted")), changed
                )
            total += len(changed) if table is OUTBOX else 0
        # Last: who makes keys holds the events of the outbox until these are there.
        keys = await event_keys.forget(work.connection, namespace, subjects)
        return {"events": total, "event_keys": keys}

    async def count(
        self, connection: AsyncConnection, namespace: str, subjects: Sequence[str]
    ) -> dict[str, int]:
        """How many events and keys it would be, as `forget`."""
        found = await self._changed(connection, OUTBOX, ("position",), namespace, subjects)
        keys = await event_keys.count(connection, namespace, subjects)
        return {"events": len(found), "event_keys": keys}

    async def _changed(
        self,
        connection: AsyncConnection,
        table: Table,
        key: Sequence[str],
        namespace: str,
        subjects: Sequence[str],
    ) -> list[dict[str, Any]]:
        """The keys of the rows that have something to redact, and their events without it."""
        if not subjects:
            return []
        wanted = select(table.c.event, *(table.c[name] for name in key))
        # In order, as all lock them.
        wanted = wanted.where(table.c.namespace == namespace).order_by(
            *(table.c[name] for name in key)
        )
        if table is OUTBOX:
            wanted = wanted.where(
                OUTBOX.c.subject.in_(list(subjects)), OUTBOX.c.type.in_(self._blanks)
            )
        changed: list[dict[str, Any]] = []
        about = frozenset(subjects)
        for json, *place in await connection.execute(wanted):
            event = from_json(json)
            after = redacted(event, self._blanks) if event.subject in about else event
            if after is not event:
                changed.append(
                    {
                        **{f"old_{name}": value for name, value in zip(key, place, strict=True)},
                        "redacted": to_json(after).decode(),
                    }
                )
        return changed
