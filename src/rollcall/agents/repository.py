# SPDX-License-Identifier: Apache-2.0
"""Definitions and capabilities in the SQL database."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeVar

from sqlalchemy import Select, Table, and_, delete, exists, insert, or_, select, tuple_, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from rollcall.agents.errors import AgentExists, CapabilityExists
from rollcall.agents.models import Capability, Definition, Status, StatusMove, Version, Wanted
from rollcall.agents.ports import AgentWork
from rollcall.agents.tables import (
    ATTACHED,
    CAPABILITIES,
    DEFINITIONS,
    MOVES,
    TAGS,
    VERSIONS,
    capability_of,
    capability_row,
    definition_of,
    definition_row,
    move_of,
    move_row,
    version_of,
    version_row,
)
from rollcall.events.envelope import Event
from rollcall.kernel.cursors import Place
from rollcall.sql import Sql, Work

T = TypeVar("T")


class SqlAgentWork:
    """`AgentWork` in a unit of work of the SQL database."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._connection = work.connection

    def publish(self, *events: Event) -> None:
        self._work.publish(*events)

    async def definition(self, namespace: str, agent_id: str) -> Definition | None:
        wanted = select(DEFINITIONS).where(*_of(DEFINITIONS, namespace, agent_id))
        row = (await self._connection.execute(wanted.with_for_update())).one_or_none()
        return None if row is None else definition_of(row)

    async def version(self, namespace: str, agent_id: str, number: int) -> Version | None:
        return await _version(self._connection, namespace, agent_id, number)

    async def add(self, definition: Definition) -> None:
        try:
            await self._connection.execute(insert(DEFINITIONS).values(definition_row(definition)))
        except IntegrityError as error:
            raise AgentExists(definition.id) from error
        await self._attach(definition)

    async def put(self, definition: Definition) -> None:
        await self._connection.execute(
            update(DEFINITIONS)
            .where(*_of(DEFINITIONS, definition.namespace, definition.id))
            .values(definition_row(definition))
        )
        await self._attach(definition)

    async def note_version(self, version: Version) -> None:
        await self._connection.execute(insert(VERSIONS).values(version_row(version)))

    async def note_move(self, move: StatusMove) -> None:
        await self._connection.execute(insert(MOVES).values(move_row(move)))

    async def capabilities(self, namespace: str, ids: Sequence[str]) -> Mapping[str, Capability]:
        if not ids:
            return {}
        wanted = (
            select(CAPABILITIES)
            .where(CAPABILITIES.c.namespace == namespace, CAPABILITIES.c.id.in_(ids))
            .order_by(CAPABILITIES.c.id)
            .with_for_update(read=True)
        )
        return {row.id: capability_of(row) for row in await self._connection.execute(wanted)}

    async def capability(self, namespace: str, capability_id: str) -> Capability | None:
        wanted = select(CAPABILITIES).where(*_of(CAPABILITIES, namespace, capability_id))
        row = (await self._connection.execute(wanted.with_for_update())).one_or_none()
        return None if row is None else capability_of(row)

    async def add_capability(self, capability: Capability) -> None:
        try:
            await self._connection.execute(insert(CAPABILITIES).values(capability_row(capability)))
        except IntegrityError as error:
            raise CapabilityExists(capability.id) from error
        await self._tag(capability)

    async def put_capability(self, capability: Capability) -> None:
        await self._connection.execute(
            update(CAPABILITIES)
            .where(*_of(CAPABILITIES, capability.namespace, capability.id))
            .values(capability_row(capability))
        )
        await self._tag(capability)

    async def drop_capability(self, namespace: str, capability_id: str) -> None:
        await self._connection.execute(
            delete(TAGS).where(TAGS.c.namespace == namespace, TAGS.c.capability_id == capability_id)
        )
        await self._connection.execute(
            delete(CAPABILITIES).where(*_of(CAPABILITIES, namespace, capability_id))
        )

    async def users(self, namespace: str, capability_id: str) -> Sequence[str]:
        wanted = select(ATTACHED.c.agent_id).where(
            ATTACHED.c.namespace == namespace, ATTACHED.c.capability_id == capability_id
        )
        return sorted((await self._connection.execute(wanted)).scalars())

    async def _attach(self, definition: Definition) -> None:
        """Have the table say which capabilities a definition has; a deleted one has none."""
        now = set[str]() if definition.deleted_at else set(definition.content.capabilities)
        mine = (
            ATTACHED.c.namespace == definition.namespace,
            ATTACHED.c.agent_id == definition.id,
        )
        there = select(ATTACHED.c.capability_id).where(*mine)
        before = set((await self._connection.execute(there)).scalars())
        if gone := before - now:
            await self._connection.execute(
                delete(ATTACHED).where(*mine, ATTACHED.c.capability_id.in_(gone))
            )
        if new := now - before:
            place = {"namespace": definition.namespace, "agent_id": definition.id}
            rows = [{**place, "capability_id": one} for one in sorted(new)]
            await self._connection.execute(insert(ATTACHED), rows)

    async def _tag(self, capability: Capability) -> None:
        place = {"namespace": capability.namespace, "capability_id": capability.id}
        await self._connection.execute(
            delete(TAGS).where(*(TAGS.c[name] == value for name, value in place.items()))
        )
        if capability.tags:
            rows = [{**place, "tag": tag} for tag in capability.tags]
            await self._connection.execute(insert(TAGS), rows)


class SqlAgentStore:
    """`AgentStore` on the SQL database of the services."""

    def __init__(self, database: Sql) -> None:
        self._database = database

    def begin(self) -> AbstractAsyncContextManager[AgentWork]:
        return self._begin()

    @asynccontextmanager
    async def _begin(self) -> AsyncGenerator[SqlAgentWork]:
        async with self._database.begin() as work:
            yield SqlAgentWork(work)

    async def get(self, namespace: str, agent_id: str) -> Definition | None:
        wanted = select(DEFINITIONS).where(
            *_of(DEFINITIONS, namespace, agent_id), DEFINITIONS.c.deleted_at.is_(None)
        )
        async with self._database.reading() as connection:
            row = (await connection.execute(wanted)).one_or_none()
        return None if row is None else definition_of(row)

    async def find(
        self, namespace: str, wanted: Wanted, *, limit: int, after: Place | None
    ) -> Sequence[Definition]:
        columns = DEFINITIONS.c
        found = select(DEFINITIONS).where(
            columns.namespace == namespace, columns.deleted_at.is_(None), *filters(wanted)
        )
        if after is not None:
            same = and_(columns.created_at == after.at, columns.id < after.id)
            found = found.where(or_(columns.created_at < after.at, same))
        found = found.order_by(columns.created_at.desc(), columns.id.desc()).limit(limit)
        return [definition_of(row) for row in await self._rows(found)]

    async def active(self, *, limit: int, after: tuple[str, str] | None) -> Sequence[Definition]:
        columns = DEFINITIONS.c
        place = tuple_(columns.namespace, columns.id)
        found = select(DEFINITIONS).where(
            columns.status == Status.ACTIVE.value, columns.deleted_at.is_(None)
        )
        if after is not None:
            found = found.where(place > after)
        found = found.order_by(columns.namespace, columns.id).limit(limit)
        return [definition_of(row) for row in await self._rows(found)]

    async def versions(
        self, namespace: str, agent_id: str, *, limit: int, before: int | None
    ) -> Sequence[Version]:
        wanted = select(VERSIONS).where(*_about(VERSIONS, namespace, agent_id))
        if before is not None:
            wanted = wanted.where(VERSIONS.c.number < before)
        wanted = wanted.order_by(VERSIONS.c.number.desc()).limit(limit)
        return [version_of(row) for row in await self._rows(wanted)]

    async def version(self, namespace: str, agent_id: str, number: int) -> Version | None:
        async with self._database.reading() as connection:
            return await _version(connection, namespace, agent_id, number)

    async def moves(
        self, namespace: str, agent_id: str, *, limit: int, before: int | None
    ) -> Sequence[StatusMove]:
        wanted = select(MOVES).where(*_about(MOVES, namespace, agent_id))
        if before is not None:
            wanted = wanted.where(MOVES.c.revision < before)
        wanted = wanted.order_by(MOVES.c.revision.desc()).limit(limit)
        return [move_of(row) for row in await self._rows(wanted)]

    async def capability(self, namespace: str, capability_id: str) -> Capability | None:
        wanted = select(CAPABILITIES).where(*_of(CAPABILITIES, namespace, capability_id))
        async with self._database.reading() as connection:
            row = (await connection.execute(wanted)).one_or_none()
        return None if row is None else capability_of(row)

    async def known_capabilities(self, namespace: str, ids: Sequence[str]) -> frozenset[str]:
        columns = CAPABILITIES.c
        wanted = select(columns.id).where(columns.namespace == namespace, columns.id.in_(ids))
        return frozenset(row.id for row in await self._rows(wanted)) if ids else frozenset()

    async def find_capabilities(
        self, namespace: str, *, tag: str | None, q: str | None, limit: int, after: str | None
    ) -> Sequence[Capability]:
        columns = CAPABILITIES.c
        found = select(CAPABILITIES).where(columns.namespace == namespace)
        if tag is not None:
            found = found.where(
                exists().where(
                    TAGS.c.namespace == columns.namespace,
                    TAGS.c.capability_id == columns.id,
                    TAGS.c.tag == tag,
                )
            )
        if q is not None:
            found = found.where(columns.search.contains(q.casefold(), autoescape=True))
        if after is not None:
            found = found.where(columns.id > after)
        return [
            capability_of(row) for row in await self._rows(found.order_by(columns.id).limit(limit))
        ]

    async def _rows(self, wanted: Select[Any]) -> Sequence[Any]:
        async with self._database.reading() as connection:
            return (await connection.execute(wanted)).all()


def _of(table: Table, namespace: str, key: str) -> tuple[Any, Any]:
    return table.c.namespace == namespace, table.c.id == key


def _about(table: Table, namespace: str, agent_id: str) -> tuple[Any, Any]:
    return table.c.namespace == namespace, table.c.agent_id == agent_id


async def _version(
    connection: AsyncConnection, namespace: str, agent_id: str, number: int
) -> Version | None:
    wanted = select(VERSIONS).where(
        *_about(VERSIONS, namespace, agent_id), VERSIONS.c.number == number
    )
    row = (await connection.execute(wanted)).one_or_none()
    return None if row is None else version_of(row)


def filters(wanted: Wanted) -> list[Any]:
    """What must hold of a row of `DEFINITIONS` that somebody looks for."""
    columns = DEFINITIONS.c
    found: list[Any] = []
    if wanted.name is not None:
        found.append(columns.name == wanted.name)
    if wanted.status is not None:
        found.append(columns.status == wanted.status.value)
    if wanted.industry is not None:
        found.append(columns.industry == wanted.industry)
    if wanted.priority is not None:
        found.append(columns.priority == wanted.priority.value)
    if wanted.q is not None:
        found.append(columns.search.contains(wanted.q.casefold(), autoescape=True))
    has = (ATTACHED.c.namespace == columns.namespace, ATTACHED.c.agent_id == columns.id)
    if wanted.capability is not None:
        found.append(exists().where(*has, ATTACHED.c.capability_id == wanted.capability))
    if wanted.tag is not None:
        found.append(
            exists().where(
                *has,
                TAGS.c.namespace == ATTACHED.c.namespace,
                TAGS.c.capability_id == ATTACHED.c.capability_id,
                TAGS.c.tag == wanted.tag,
            )
        )
    return found
