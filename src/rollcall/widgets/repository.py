# SPDX-License-Identifier: Apache-2.0
"""Widgets and what is counted of them, in the SQL database."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import date
from typing import Any, Final

from sqlalchemy import ColumnElement, Table, and_, delete, func, or_, select, update

from rollcall.events.envelope import Event
from rollcall.kernel.clock import utc
from rollcall.kernel.cursors import Place
from rollcall.sql import Sql, Work, upsert
from rollcall.widgets.models import Figures, Signal, Widget
from rollcall.widgets.ports import Kept, Shown, WidgetWork
from rollcall.widgets.tables import (
    DAYS,
    FIGURES,
    NEVER,
    SCRIPTS,
    TURNS,
    VISITORS,
    WIDGETS,
    figures_of,
    widget_of,
    widget_row,
)

HOUR: Final = 3600
_COUNTED: Final = {Signal.VIEW: "views", Signal.INTERACTION: "interactions"}
_HOURS: Final = {Signal.VIEW: "view_hour", Signal.INTERACTION: "interaction_hour"}


class SqlWidgetWork:
    """`WidgetWork` in a unit of work of the SQL database."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._connection = work.connection

    def publish(self, *events: Event) -> None:
        self._work.publish(*events)

    async def widget(self, namespace: str, widget_id: str) -> Widget | None:
        wanted = select(WIDGETS).where(*_of(namespace, widget_id)).with_for_update()
        row = (await self._connection.execute(wanted)).one_or_none()
        return None if row is None else widget_of(row)

    async def by_key(self, namespace: str, owner: str, key: str) -> Kept | None:
        columns = WIDGETS.c
        wanted = select(WIDGETS).where(
            columns.namespace == namespace, columns.owner == owner, columns.idempotency_key == key
        )
        row = (await self._connection.execute(wanted)).one_or_none()
        return None if row is None else Kept(widget_of(row), row.fingerprint)

    async def add(self, widget: Widget, key: str | None, fingerprint: str) -> bool:
        row = widget_row(widget) | {"idempotency_key": key, "fingerprint": fingerprint}
        made = upsert(self._connection, WIDGETS).values(row)
        mine = ["namespace", "owner", "idempotency_key"]
        found = await self._connection.execute(
            made.on_conflict_do_nothing(index_elements=mine).returning(WIDGETS.c.id)
        )
        return found.one_or_none() is not None

    async def put(self, widget: Widget) -> None:
        await self._connection.execute(
            update(WIDGETS).where(*_of(widget.namespace, widget.id)).values(widget_row(widget))
        )

    async def drop(self, namespace: str, widget_id: str) -> None:
        for table in (VISITORS, TURNS, DAYS):
            mine = (table.c.namespace == namespace, table.c.widget_id == widget_id)
            await self._connection.execute(delete(table).where(*mine))
        await self._connection.execute(delete(WIDGETS).where(*_of(namespace, widget_id)))

    async def count(self, widget: Widget, signal: Signal, day: date) -> None:
        if await self._is_there(widget):
            await self._add(widget.namespace, widget.id, day, **{_COUNTED[signal]: 1})

    async def signal(self, widget: Widget, visitor_id: str, signal: Signal, at: float) -> None:
        if not await self._is_there(widget):
            return
        new = await self._met(widget, visitor_id, at)
        hour = VISITORS.c[_HOURS[signal]]
        now = int(at // HOUR)
        counted = await self._connection.execute(
            update(VISITORS)
            .where(*_visitor(widget, visitor_id), hour < now)
            .values({hour.name: now, "heard_at": at})
            .returning(VISITORS.c.id)
        )
        once = int(counted.one_or_none() is not None)
        await self._add(
            widget.namespace,
            widget.id,
            utc(at).date(),
            visitors=int(new),
            **{_COUNTED[signal]: once},
        )

    async def message(self, widget: Widget, visitor_id: str, turn_id: str, at: float) -> None:
        if not await self._is_there(widget):
            return
        row = {
            "namespace": widget.namespace,
            "turn_id": turn_id,
            "widget_id": widget.id,
            "visitor_id": visitor_id,
            "at": at,
            "failed": False,
        }
        made = upsert(self._connection, TURNS).values(row).on_conflict_do_nothing()
        found = await self._connection.execute(made.returning(TURNS.c.turn_id))
        if found.one_or_none() is None:
            return
        new = await self._met(widget, visitor_id, at)
        said = await self._connection.execute(
            update(VISITORS)
            .where(*_visitor(widget, visitor_id))
            .values(messages=VISITORS.c.messages + 1, heard_at=at)
            .returning(VISITORS.c.messages)
        )
        await self._add(
            widget.namespace,
            widget.id,
            utc(at).date(),
            visitors=int(new),
            conversations=int(said.scalar_one() == 1),
            messages=1,
        )

    async def failed(self, namespace: str, turn_id: str) -> None:
        columns = TURNS.c
        found = await self._connection.execute(
            update(TURNS)
            .where(columns.namespace == namespace, columns.turn_id == turn_id, ~columns.failed)
            .values(failed=True)
            .returning(columns.widget_id, columns.at)
        )
        row = found.one_or_none()
        if row is not None:
            await self._add(namespace, row.widget_id, utc(row.at).date(), failed=1)

    async def _is_there(self, widget: Widget) -> bool:
        """Whether the widget still is; it stays until the unit of work ends."""
        wanted = select(WIDGETS.c.id).where(*_of(widget.namespace, widget.id))
        found = await self._connection.execute(wanted.with_for_update(read=True))
        return found.one_or_none() is not None

    async def _met(self, widget: Widget, visitor_id: str, at: float) -> bool:
        """Have a row for a visitor; whether it is new."""
        row = {
            "namespace": widget.namespace,
            "widget_id": widget.id,
            "id": visitor_id,
            "heard_at": at,
            "view_hour": NEVER,
            "interaction_hour": NEVER,
            "messages": 0,
        }
        made = upsert(self._connection, VISITORS).values(row).on_conflict_do_nothing()
        found = await self._connection.execute(made.returning(VISITORS.c.id))
        return found.one_or_none() is not None

    async def _add(self, namespace: str, widget_id: str, day: date, **more: int) -> None:
        """Add to what was counted on a day."""
        if not any(more.values()):
            return
        place = {"namespace": namespace, "widget_id": widget_id, "day": day.isoformat()}
        first = dict.fromkeys(FIGURES, 0) | more
        made = upsert(self._connection, DAYS).values(**place, **first)
        added = {name: DAYS.c[name] + count for name, count in more.items() if count}
        await self._connection.execute(
            made.on_conflict_do_update(index_elements=list(place), set_=added)
        )


class SqlWidgetStore:
    """`WidgetStore` on the SQL database of the services."""

    def __init__(self, database: Sql) -> None:
        self._database = database

    def begin(self) -> AbstractAsyncContextManager[WidgetWork]:
        return self._begin()

    @asynccontextmanager
    async def _begin(self) -> AsyncGenerator[SqlWidgetWork]:
        async with self._database.begin() as work:
            yield SqlWidgetWork(work)

    def within(self, work: Any) -> WidgetWork:
        """The same unit of work, for widgets."""
        return SqlWidgetWork(work)

    async def get(self, namespace: str, widget_id: str) -> Widget | None:
        async with self._database.reading() as connection:
            found = await connection.execute(select(WIDGETS).where(*_of(namespace, widget_id)))
            row = found.one_or_none()
        return None if row is None else widget_of(row)

    async def shown(self, public_key: str, day: date) -> Shown | None:
        today = and_(
            DAYS.c.namespace == WIDGETS.c.namespace,
            DAYS.c.widget_id == WIDGETS.c.id,
            DAYS.c.day == day.isoformat(),
        )
        taken = func.coalesce(DAYS.c.messages, 0).label("taken")
        wanted = (
            select(WIDGETS, taken)
            .select_from(WIDGETS.outerjoin(DAYS, today))
            .where(WIDGETS.c.public_key == public_key)
        )
        async with self._database.reading() as connection:
            row = (await connection.execute(wanted)).one_or_none()
        return None if row is None else Shown(widget_of(row), row.taken)

    async def find(
        self, namespace: str, *, agent_id: str | None, limit: int, after: Place | None
    ) -> Sequence[Widget]:
        columns = WIDGETS.c
        found = select(WIDGETS).where(columns.namespace == namespace)
        if agent_id is not None:
            found = found.where(columns.agent_id == agent_id)
        if after is not None:
            same = and_(columns.created_at == after.at, columns.id < after.id)
            found = found.where(or_(columns.created_at < after.at, same))
        found = found.order_by(columns.created_at.desc(), columns.id.desc()).limit(limit)
        async with self._database.reading() as connection:
            return [widget_of(row) for row in await connection.execute(found)]

    async def days(self, namespace: str, widget_id: str, since: date) -> Mapping[date, Figures]:
        wanted = select(DAYS).where(
            DAYS.c.namespace == namespace,
            DAYS.c.widget_id == widget_id,
            DAYS.c.day >= since.isoformat(),
        )
        async with self._database.reading() as connection:
            rows = (await connection.execute(wanted)).all()
        return {date.fromisoformat(row.day): figures_of(row) for row in rows}

    async def keep_script(self, hash_: str, body: bytes, at: float) -> None:
        row = {"hash": hash_, "body": body.decode(), "kept_at": at}
        async with self._database.begin() as work:
            made = upsert(work.connection, SCRIPTS).values(row)
            await work.connection.execute(made.on_conflict_do_nothing())

    async def script(self, hash_: str) -> bytes | None:
        wanted = select(SCRIPTS.c.body).where(SCRIPTS.c.hash == hash_)
        async with self._database.reading() as connection:
            body = (await connection.execute(wanted)).scalar_one_or_none()
        return None if body is None else body.encode()

    async def forget(self, before: float) -> int:
        async with self._database.begin() as work:
            gone = await work.connection.execute(
                delete(VISITORS).where(VISITORS.c.heard_at < before)
            )
            await work.connection.execute(delete(TURNS).where(TURNS.c.at < before))
            return gone.rowcount


def of_visitors(
    table: Table, namespace: str, filters: Mapping[str, str]
) -> list[ColumnElement[bool]]:
    """Which rows of `VISITORS` or `TURNS` belong to a scope of memories; none where it names what
    is no visitor of a widget.

    Args:
        table: Which.
        namespace: Whose.
        filters: Of the scope: `user_id`, `agent_id`, `session_id`.
    """
    visitor = table.c.id if table is VISITORS else table.c.visitor_id
    wanted: list[ColumnElement[bool]] = [table.c.namespace == namespace]
    if "user_id" in filters:
        kind, _, visitor_id = filters["user_id"].partition(":")
        wanted.append(visitor == (visitor_id if kind == "visitor" else ""))
    if "session_id" in filters:
        widget_id, _, rest = filters["session_id"].partition(".")
        wanted += [table.c.widget_id == widget_id, visitor == rest.partition(".")[0]]
    if "agent_id" in filters:
        mine = select(WIDGETS.c.id).where(
            WIDGETS.c.namespace == namespace, WIDGETS.c.agent_id == filters["agent_id"]
        )
        wanted.append(table.c.widget_id.in_(mine))
    return wanted


def _of(namespace: str, widget_id: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return WIDGETS.c.namespace == namespace, WIDGETS.c.id == widget_id


def _visitor(widget: Widget, visitor_id: str) -> tuple[ColumnElement[bool], ...]:
    columns = VISITORS.c
    return (
        columns.namespace == widget.namespace,
        columns.widget_id == widget.id,
        columns.id == visitor_id,
    )
