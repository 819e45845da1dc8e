# SPDX-License-Identifier: Apache-2.0
"""Lists of definitions in the SQL database: as many statements however long the list is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Select, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from rollcall.agents.mine.models import Census, Count, Page, Row
from rollcall.agents.models import Definition, Priority, Status, Wanted
from rollcall.agents.repository import filters
from rollcall.agents.tables import DEFINITIONS, MOVES, definition_of, move_of
from rollcall.kernel.cursors import Place
from rollcall.sql import Sql

_ONE: Final = DEFINITIONS.c


class SqlListings:
    """`Listings` on the tables of definitions.

    Args:
        database: Where they are.
    """

    def __init__(self, database: Sql) -> None:
        self._database = database

    async def page(
        self, namespace: str, wanted: Wanted, *, limit: int, offset: int, after: Place | None
    ) -> Page:
        """See `Listings`."""
        asked = page(namespace, wanted, after).limit(limit + 1).offset(offset)
        async with self._database.reading() as connection:
            total = (await connection.execute(counted(namespace, wanted))).scalar_one()
            found = (await connection.execute(asked)).all()
            rows = await _rows(connection, namespace, found[:limit])
        return Page(rows=rows, total=total, more=len(found) > limit)

    async def row(self, namespace: str, agent_id: str) -> Row | None:
        """See `Listings`."""
        asked = select(DEFINITIONS).where(*_there(namespace), _ONE.id == agent_id)
        async with self._database.reading() as connection:
            found = (await connection.execute(asked)).all()
            rows = await _rows(connection, namespace, found)
        return rows[0] if rows else None

    async def census(self, namespace: str, recent: int) -> Census:
        """See `Listings`."""
        sort = (_ONE.status, _ONE.priority, _ONE.industry)
        counts = select(*sort, func.count()).where(*_there(namespace)).group_by(*sort)
        async with self._database.reading() as connection:
            numbers = (await connection.execute(counts)).all()
            found = (await connection.execute(changed(namespace).limit(recent))).all()
            rows = await _rows(connection, namespace, found)
        return Census(
            [
                Count(Status(status), Priority(priority), industry, agents)
                for status, priority, industry, agents in numbers
            ],
            rows,
        )

    async def known(self, namespace: str, ids: Sequence[str]) -> Mapping[str, Definition]:
        """See `Listings`."""
        asked = select(DEFINITIONS).where(_ONE.namespace == namespace, _ONE.id.in_(ids))
        async with self._database.reading() as connection:
            return {row.id: definition_of(row) for row in await connection.execute(asked)}


def page(namespace: str, wanted: Wanted, after: Place | None) -> Select[Any]:
    """Definitions that were not deleted, the newest first, behind a place."""
    asked = select(DEFINITIONS).where(*_there(namespace), *filters(wanted))
    if after is not None:
        # As one value, so that an index leads there at once.
        asked = asked.where(tuple_(_ONE.created_at, _ONE.id) < after)
    return asked.order_by(_ONE.created_at.desc(), _ONE.id.desc())


def counted(namespace: str, wanted: Wanted) -> Select[int]:
    """How many there are of them."""
    return select(func.count()).select_from(DEFINITIONS).where(*_there(namespace), *filters(wanted))


def changed(namespace: str) -> Select[Any]:
    """Definitions that were not deleted, those that changed last first."""
    asked = select(DEFINITIONS).where(*_there(namespace))
    return asked.order_by(_ONE.updated_at.desc(), _ONE.id.desc())


def last_moves(namespace: str, ids: Sequence[str]) -> Select[Any]:
    """The last change of status of each of the definitions."""
    later = MOVES.alias("later")
    last = (
        select(func.max(later.c.revision))
        .where(later.c.namespace == MOVES.c.namespace, later.c.agent_id == MOVES.c.agent_id)
        .scalar_subquery()
    )
    return select(MOVES).where(
        MOVES.c.namespace == namespace, MOVES.c.agent_id.in_(ids), MOVES.c.revision == last
    )


def _there(namespace: str) -> tuple[Any, Any]:
    return _ONE.namespace == namespace, _ONE.deleted_at.is_(None)


async def _rows(connection: AsyncConnection, namespace: str, found: Sequence[Any]) -> Sequence[Row]:
    """Definitions with their last moves. Each has one: it was made as something."""
    if not found:
        return []
    asked = last_moves(namespace, [one.id for one in found])
    moves = {row.agent_id: move_of(row) for row in await connection.execute(asked)}
    return [Row(definition_of(one), moves[one.id]) for one in found]
