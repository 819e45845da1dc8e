# SPDX-License-Identifier: Apache-2.0
"""The audit log in the database of the services."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, Double, Integer, Table, Text, delete, insert, select

from rollcall.backends.sql.database import Database
from rollcall.backends.sql.outbox import POSITION
from rollcall.backends.sql.tables import METADATA
from rollcall.web.audit import EVERY, AuditEntry, AuditQuestion

AUDIT: Final = Table(
    "audit_log",
    METADATA,
    Column("number", POSITION, primary_key=True, autoincrement=True),
    Column("at", Double, nullable=False, comment="seconds since the epoch", index=True),
    Column("caller", Text, nullable=False),
    Column("namespace", Text, nullable=False, index=True),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("status", Integer, nullable=False),
    Column("request_id", Text, nullable=False),
)
_FIELDS: Final = (*(column for column in AUDIT.c if column.name != "number"), AUDIT.c.number)
_NAMES: Final = tuple(column.name for column in AUDIT.c if column.name != "number")
_values: Final = attrgetter(*_NAMES)


class SqlAuditLog:
    """Keeps entries in a database that is opened and closed by whoever made it.

    Entries that come in while others are being written wait and are written together, so that many
    clients at once share the wait for the disk.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[tuple[AuditEntry, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def append(self, entry: AuditEntry) -> None:
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((entry, written))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write(), name="audit log")
        await written

    async def entries(
        self, namespace: str, wanted: AuditQuestion = EVERY, *, limit: int = 100
    ) -> list[AuditEntry]:
        asked = select(*_FIELDS).where(AUDIT.c.namespace == namespace, *_conditions(wanted))
        async with self._database.reading() as connection:
            rows = await connection.execute(asked.order_by(AUDIT.c.number.desc()).limit(limit))
            return [AuditEntry(*row) for row in rows]

    async def forget(self, before: float) -> int:
        async with self._database.begin() as work:
            gone = await work.connection.execute(delete(AUDIT).where(AUDIT.c.at < before))
            return gone.rowcount

    async def _write(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                await self._write_together(batch)
        finally:
            self._writing = None

    async def _write_together(
        self, batch: Sequence[tuple[AuditEntry, asyncio.Future[None]]]
    ) -> None:
        rows = [_row(entry) for entry, _ in batch]
        try:
            async with self._database.begin() as work:
                await work.connection.execute(insert(AUDIT), rows)
        except BaseException as error:
            for _, written in batch:
                if not written.done():
                    written.set_exception(error)
            if not isinstance(error, Exception):
                raise
        else:
            for _, written in batch:
                if not written.done():
                    written.set_result(None)


def _conditions(wanted: AuditQuestion) -> Iterator[ColumnElement[bool]]:
    columns = AUDIT.c
    if wanted.caller is not None:
        yield columns.caller == wanted.caller
    if wanted.action is not None:
        yield columns.action == wanted.action
    if wanted.subject is not None:
        yield columns.subject.icontains(wanted.subject, autoescape=True)
    if wanted.since is not None:
        yield columns.at >= wanted.since
    if wanted.until is not None:
        yield columns.at < wanted.until
    if wanted.before is not None:
        yield columns.number < wanted.before


def _row(entry: AuditEntry) -> dict[str, Any]:
    # Without the number: the database counts.
    return dict(zip(_NAMES, _values(entry), strict=True))
