# SPDX-License-Identifier: Apache-2.0
"""What was said, in the SQL database of the services."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from rollcall.analytics.models import Said, key_of, microseconds, moment
from rollcall.analytics.tables import TEXTS
from rollcall.sql import Sql, Work, on_postgresql, upsert

_ERASED: Final[Mapping[str, Any]] = dict.fromkeys(
    ("session_id", "user_id", "user_message", "agent_response", "digest")
)
_CHUNK: Final = 500


class SqlTexts:
    """What was said; see `Texts`.

    Args:
        database: Opened and closed by whoever made it.
    """

    def __init__(self, database: Sql) -> None:
        self._database = database

    def begin(self) -> AbstractAsyncContextManager[Work]:
        """A unit of work on the database."""
        return self._database.begin()

    async def add(self, work: Work, said: Sequence[Said]) -> None:
        """See `Texts`."""
        unless_known = upsert(work.connection, TEXTS).on_conflict_do_nothing()
        rows = [_row_of(one) for one in said]
        for start in range(0, len(rows), _CHUNK):
            await work.connection.execute(unless_known, rows[start : start + _CHUNK])

    async def within(self, work: Work, namespace: str, conversation_id: str) -> Said | None:
        """See `Texts`."""
        if on_postgresql(work.connection):
            turn = func.pg_advisory_xact_lock(key_of(namespace, conversation_id))
            await work.connection.execute(select(turn))
        found = await work.connection.execute(
            select(TEXTS).where(_named(namespace, [conversation_id]))
        )
        row = found.one_or_none()
        return None if row is None else _said_of(row)

    async def get(self, namespace: str, ids: Sequence[str]) -> dict[str, Said]:
        """See `Texts`."""
        wanted = select(TEXTS).where(_named(namespace, ids))
        async with self._database.reading() as connection:
            found = await connection.execute(wanted)
            return {row.conversation_id: _said_of(row) for row in found}

    async def forget(self, work: Work, namespace: str, ids: Sequence[str], at: datetime) -> None:
        """See `Texts`."""
        # What is not there yet must not come later.
        await self.add(
            work,
            [Said(namespace=namespace, conversation_id=one, agent_id="", at=at) for one in ids],
        )
        await work.connection.execute(update(TEXTS).where(_named(namespace, ids)).values(_ERASED))

    async def forget_session(self, work: Work, namespace: str, session_id: str) -> None:
        """See `Texts`."""
        await self.erase(work, namespace, {"session_id": session_id})

    async def erase(self, work: Work, namespace: str, filters: Mapping[str, str]) -> int:
        """Erase what was said where all filters together fit; in how many conversations.

        Args:
            filters: `user_id`, `agent_id`, `session_id`.
        """
        gone = update(TEXTS).where(*_fitting(namespace, filters)).values(_ERASED)
        return (await work.connection.execute(gone)).rowcount

    async def held(
        self, connection: AsyncConnection, namespace: str, filters: Mapping[str, str]
    ) -> int:
        """In how many conversations `erase` would erase something."""
        counted = select(func.count()).select_from(TEXTS).where(*_fitting(namespace, filters))
        return (await connection.execute(counted)).scalar_one()


def _named(namespace: str, ids: Sequence[str]) -> ColumnElement[bool]:
    return (TEXTS.c.namespace == namespace) & TEXTS.c.conversation_id.in_(ids)


def _fitting(namespace: str, filters: Mapping[str, str]) -> list[ColumnElement[bool]]:
    fit = [TEXTS.c[name] == value for name, value in filters.items()]
    return [TEXTS.c.namespace == namespace, TEXTS.c.user_message.is_not(None), *fit]


def _row_of(said: Said) -> dict[str, Any]:
    row = {name: getattr(said, name) for name in said.__struct_fields__ if name != "at"}
    return {**row, "time_us": microseconds(said.at)}


def _said_of(row: Row[Any]) -> Said:
    given = {name: getattr(row, name) for name in Said.__struct_fields__ if name != "at"}
    return Said(at=moment(row.time_us), **given)
