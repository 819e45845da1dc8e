# SPDX-License-Identifier: Apache-2.0
"""Takes out of events that were told what somebody wants to be forgotten.

An event keeps its id, type, subject and place, since others count on these; fields of its data are
made blank. What other logs than this one have got is theirs to redact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Table, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from rollcall.backends.sql.consumers import HELD
from rollcall.backends.sql.outbox import OUTBOX
from rollcall.backends.sql.unit_of_work import SqlUnitOfWork
from rollcall.events.envelope import Event, from_json, to_json

Blanks = Mapping[str, Mapping[str, Any]]
"""By type of event: its fields that may tell something, and what stands there instead."""

_HELD_KEY: Final = ("group_name", "position")


class EventRedaction:
    """Redacts the events about subjects in the log of this database, and in what groups hold.

    Args:
        blanks: What of which events.
    """

    def __init__(self, blanks: Blanks) -> None:
        self._blanks = blanks

    async def forget(
        self, work: SqlUnitOfWork, namespace: str, subjects: Sequence[str]
    ) -> dict[str, int]:
        """Redact the events about the subjects; how many, as `events`."""
        total = 0
        for table, key in ((OUTBOX, ("position",)), (HELD, _HELD_KEY)):
            changed = await self._changed(work.connection, table, key, namespace, subjects)
            if changed:
                mine = [table.c[name] == bindparam(f"old_{name}") for name in key]
                await work.connection.execute(
                    update(table).where(*mine).values(event=bindparam("redacted")), changed
                )
            total += len(changed) if table is OUTBOX else 0
        return {"events": total}

    async def count(
        self, connection: AsyncConnection, namespace: str, subjects: Sequence[str]
    ) -> dict[str, int]:
        """How many events `forget` would redact, as `events`."""
        found = await self._changed(connection, OUTBOX, ("position",), namespace, subjects)
        return {"events": len(found)}

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
        wanted = wanted.where(table.c.namespace == namespace)
        if table is OUTBOX:
            wanted = wanted.where(
                OUTBOX.c.subject.in_(list(subjects)), OUTBOX.c.type.in_(self._blanks)
            )
        changed: list[dict[str, Any]] = []
        about = frozenset(subjects)
        for json, *place in await connection.execute(wanted):
            event = from_json(json)
            redacted = self._redacted(event) if event.subject in about else event
            if redacted is not event:
                changed.append(
                    {
                        **{f"old_{name}": value for name, value in zip(key, place, strict=True)},
                        "redacted": to_json(redacted).decode(),
                    }
                )
        return changed

    def _redacted(self, event: Event) -> Event:
        blanks = self._blanks.get(event.type, {})
        data = {name: blanks.get(name, value) for name, value in event.data.items()}
        return event if data == event.data else msgspec.structs.replace(event, data=data)
