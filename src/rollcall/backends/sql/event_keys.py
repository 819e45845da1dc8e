# SPDX-License-Identifier: Apache-2.0
"""Keys under which what is personal in events leaves this database, one for each subject.

Where events have been copied to cannot be redacted. Without its key what was copied tells nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from sqlalchemy import Column, LargeBinary, Table, Text, delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql import ColumnElement

from rollcall.backends.sql.among import among
from rollcall.backends.sql.tables import METADATA
from rollcall.events.envelope import Key
from rollcall.sql import upsert

KEYS: Final = Table(
    "event_keys",
    METADATA,
    Column("namespace", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("key", LargeBinary, nullable=False, comment="AES-256"),
    sqlite_with_rowid=False,
)


async def find(connection: AsyncConnection, about: Collection[Key]) -> dict[Key, bytes]:
    """The keys of these subjects, at most 1,000, that are there."""
    if not about:
        return {}
    wanted = among(connection, (KEYS.c.namespace, KEYS.c.subject), sorted(about))
    rows = await connection.execute(select(KEYS).where(wanted))
    return {(row.namespace, row.subject): row.key for row in rows}


async def add(connection: AsyncConnection, keys: Mapping[Key, bytes]) -> None:
    """Keep keys of subjects that have none yet."""
    if not keys:
        return
    rows = [
        {"namespace": namespace, "subject": subject, "key": key}
        for (namespace, subject), key in sorted(keys.items())
    ]
    await connection.execute(upsert(connection, KEYS).on_conflict_do_nothing(), rows)


async def forget(connection: AsyncConnection, namespace: str, subjects: Sequence[str]) -> int:
    """Delete the keys of these subjects; how many there were."""
    return (await connection.execute(delete(KEYS).where(*_of(namespace, subjects)))).rowcount


async def count(connection: AsyncConnection, namespace: str, subjects: Sequence[str]) -> int:
    """How many keys `forget` would delete."""
    there = select(func.count()).select_from(KEYS).where(*_of(namespace, subjects))
    return (await connection.execute(there)).scalar_one()


def _of(namespace: str, subjects: Sequence[str]) -> tuple[ColumnElement[bool], ...]:
    return KEYS.c.namespace == namespace, KEYS.c.subject.in_(list(subjects))
