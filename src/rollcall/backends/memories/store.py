# SPDX-License-Identifier: Apache-2.0
"""What the stores of all engines share: all but the index of words."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

import msgspec
from sqlalchemy import (
    ColumnElement,
    Double,
    Select,
    Table,
    and_,
    column,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from rollcall.backends.sql.database import Database
from rollcall.backends.sql.unit_of_work import SqlUnitOfWork
from rollcall.kernel.clock import utc
from rollcall.kernel.word_query import Query
from rollcall.memory.models import Memory, MemoryVersion, Selection
from rollcall.memory.ports import Encoded, Numbered
from rollcall.memory.tables import MEMORIES, VECTORS, VERSIONS, memory_of, row_of
from rollcall.memory.terms import scope
from rollcall.sql import upsert

_COLUMNS: Final = tuple(MEMORIES.c)
_KEPT: Final = frozenset(
    {"namespace", "id", "user_id", "agent_id", "session_id", "scope", "created_at"}
)
"""What never changes of a memory."""


class SqlMemoryStore(ABC):
    """Memories in a database that is opened and closed by whoever made it."""

    table: Table
    """`MEMORIES` with what the engine has beside, to be written."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @abstractmethod
    def ranked(self, namespace: str, query: Query, selection: Selection) -> Select[Any, Any]:
        """Numbers and scores (`score`) of memories that answer a query, with all those among them
        that pass the selection.
        """

    @abstractmethod
    def has(self, name: str, value: Any) -> ColumnElement[bool]:
        """Whether a memory's metadata has the key with this value, which is no object or list."""

    @abstractmethod
    def words_of(self, memory: Memory) -> Mapping[str, Any]:
        """What stands in a memory's row to find it by its words."""

    @abstractmethod
    async def index(self, connection: AsyncConnection, number: int, memory: Memory) -> None:
        """Index the words of a memory that is new."""

    @abstractmethod
    async def reindex(self, connection: AsyncConnection, number: int, memory: Memory) -> None:
        """Index the words of a memory that has others now."""

    @abstractmethod
    async def unindex(self, connection: AsyncConnection, numbers: list[int]) -> None:
        """Forget the words of memories."""

    def begin(self) -> AbstractAsyncContextManager[SqlUnitOfWork]:
        return self._database.begin()

    def reading(self) -> AbstractAsyncContextManager[AsyncConnection]:
        return self._database.reading()

    async def add(
        self, work: SqlUnitOfWork, memory: Memory, encoded: Encoded | None
    ) -> Memory | None:
        connection = work.connection
        row = {**row_of(memory), **self.words_of(memory)}
        unless_there = (
            upsert(connection, self.table)
            .values(row)
            .on_conflict_do_nothing(index_elements=["namespace", "scope", "content_hash"])
            .returning(self.table.c.number)
        )
        while (number := (await connection.execute(unless_there)).scalar()) is None:
            there = await self._holder(connection, memory)
            # Else it has gone in the moment between.
            if there is not None:
                return there
        await self.index(connection, number, memory)
        await _keep_vector(connection, number, memory.namespace, encoded)
        return None

    async def replace(
        self, work: SqlUnitOfWork, memory: Memory, encoded: Encoded | None
    ) -> Memory | None:
        connection = work.connection
        mine = (self.table.c.namespace == memory.namespace, self.table.c.id == memory.id)
        old = (await connection.execute(_one(memory.namespace, memory.id))).one()
        row = {**row_of(memory), **self.words_of(memory)}
        changes = {name: value for name, value in row.items() if name not in _KEPT}
        try:
            async with connection.begin_nested():
                await connection.execute(update(self.table).where(*mine).values(changes))
        except IntegrityError:
            return await self._holder(connection, memory)
        await connection.execute(
            insert(VERSIONS).values(
                namespace=memory.namespace,
                memory_id=memory.id,
                version=old.version,
                at=old.updated_at,
                metadata=old.metadata,
                content=old.content,
            )
        )
        if old.content != memory.content:
            await self.reindex(connection, old.number, memory)
            await connection.execute(delete(VECTORS).where(VECTORS.c.number == old.number))
            await _keep_vector(connection, old.number, memory.namespace, encoded)
        return None

    async def locked(self, work: SqlUnitOfWork, namespace: str, memory_id: str) -> Memory | None:
        wanted = _one(namespace, memory_id).with_for_update()
        row = (await work.connection.execute(wanted)).one_or_none()
        return None if row is None else memory_of(row)

    async def get(self, namespace: str, memory_id: str) -> Memory | None:
        async with self._database.reading() as connection:
            row = (await connection.execute(_one(namespace, memory_id))).one_or_none()
        return None if row is None else memory_of(row)

    async def history(self, namespace: str, memory_id: str) -> list[MemoryVersion]:
        wanted = (
            select(VERSIONS)
            .where(VERSIONS.c.namespace == namespace, VERSIONS.c.memory_id == memory_id)
            .order_by(VERSIONS.c.version)
        )
        async with self._database.reading() as connection:
            return [
                MemoryVersion(
                    memory_id=row.memory_id,
                    version=row.version,
                    content=row.content,
                    metadata=msgspec.json.decode(row.metadata),
                    at=utc(row.at),
                )
                for row in await connection.execute(wanted)
            ]

    async def select(
        self, namespace: str, selection: Selection, *, limit: int, before: int | None = None
    ) -> list[Numbered]:
        wanted = select(*_COLUMNS).where(*self.conditions(namespace, selection))
        if before is not None:
            wanted = wanted.where(MEMORIES.c.number < before)
        wanted = wanted.order_by(MEMORIES.c.number.desc()).limit(limit)
        async with self._database.reading() as connection:
            rows = await connection.execute(wanted)
            return [Numbered(row.number, memory_of(row)) for row in rows]

    async def ids(
        self, within: SqlUnitOfWork | AsyncConnection, namespace: str, selection: Selection
    ) -> list[str]:
        connection = within.connection if isinstance(within, SqlUnitOfWork) else within
        wanted = select(MEMORIES.c.id).where(*self.conditions(namespace, selection))
        return list(await connection.scalars(wanted.order_by(MEMORIES.c.number)))

    async def by_words(
        self, namespace: str, query: Query, selection: Selection, limit: int
    ) -> list[int]:
        async with self._database.reading() as connection:
            rows = await connection.execute(self.asked(namespace, query, selection, limit))
            return [row.number for row in rows]

    def asked(
        self, namespace: str, query: Query, selection: Selection, limit: int
    ) -> Select[Any, Any]:
        """What a search by words asks the database."""
        return (
            self.ranked(namespace, query, selection)
            .where(*self.conditions(namespace, selection))
            .order_by(column("score", Double).desc(), MEMORIES.c.number.desc())
            .limit(limit)
        )

    async def vectors(
        self, namespace: str, selection: Selection, encoder: str, limit: int
    ) -> list[tuple[int, bytes]]:
        wanted = self.compared(namespace, selection, encoder, limit)
        async with self._database.reading() as connection:
            return [(row.number, row.vector) for row in await connection.execute(wanted)]

    def compared(
        self, namespace: str, selection: Selection, encoder: str, limit: int
    ) -> Select[Any, Any]:
        """What a search by meaning asks the database."""
        return (
            select(MEMORIES.c.number, VECTORS.c.vector)
            .join(VECTORS, VECTORS.c.number == MEMORIES.c.number)
            .where(*self.conditions(namespace, selection), VECTORS.c.encoder == encoder)
            .order_by(MEMORIES.c.number.desc())
            .limit(limit)
        )

    async def numbered(self, namespace: str, numbers: Collection[int]) -> Mapping[int, Memory]:
        # SQLite would go through the whole namespace, if it was asked for that too.
        wanted = select(*_COLUMNS).where(MEMORIES.c.number.in_(list(numbers)))
        async with self._database.reading() as connection:
            rows = await connection.execute(wanted)
            return {row.number: memory_of(row) for row in rows if row.namespace == namespace}

    async def expired(self, work: SqlUnitOfWork, now: float, limit: int) -> list[tuple[str, str]]:
        wanted = (
            select(MEMORIES.c.namespace, MEMORIES.c.id)
            .where(MEMORIES.c.expires_at <= now)
            .order_by(MEMORIES.c.expires_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        return [(row.namespace, row.id) for row in await work.connection.execute(wanted)]

    async def unencoded(self, encoder: str, limit: int) -> list[Numbered]:
        theirs = and_(VECTORS.c.number == MEMORIES.c.number, VECTORS.c.encoder == encoder)
        wanted = (
            select(*_COLUMNS)
            .outerjoin(VECTORS, theirs)
            .where(VECTORS.c.number.is_(None))
            .order_by(MEMORIES.c.number)
            .limit(limit)
        )
        async with self._database.reading() as connection:
            rows = await connection.execute(wanted)
            return [Numbered(row.number, memory_of(row)) for row in rows]

    async def encode(
        self, work: SqlUnitOfWork, vectors: Sequence[tuple[Numbered, Encoded]]
    ) -> None:
        numbers = [one.number for one, _ in vectors]
        versions = select(MEMORIES.c.number, MEMORIES.c.version).where(
            MEMORIES.c.number.in_(numbers)
        )
        rows = await work.connection.execute(versions.with_for_update())
        there = {row.number: row.version for row in rows}
        await work.connection.execute(delete(VECTORS).where(VECTORS.c.number.in_(there)))
        for one, encoded in vectors:
            if there.get(one.number) == one.memory.version:
                await _keep_vector(work.connection, one.number, one.memory.namespace, encoded)

    async def forget(
        self, work: SqlUnitOfWork, namespace: str, memory_ids: Sequence[str]
    ) -> dict[str, int]:
        connection = work.connection
        gone = await connection.execute(
            delete(MEMORIES).where(*_these(namespace, memory_ids)).returning(MEMORIES.c.number)
        )
        numbers = [row.number for row in gone]
        await self.unindex(connection, numbers)
        vectors = await connection.execute(delete(VECTORS).where(VECTORS.c.number.in_(numbers)))
        versions = await connection.execute(delete(VERSIONS).where(*_before(namespace, memory_ids)))
        return _counted(len(numbers), versions.rowcount, vectors.rowcount)

    async def count(
        self, connection: AsyncConnection, namespace: str, memory_ids: Sequence[str]
    ) -> dict[str, int]:
        wanted = select(MEMORIES.c.number).where(*_these(namespace, memory_ids))
        numbers = list(await connection.scalars(wanted))
        before = select(func.count()).select_from(VERSIONS)
        vectors = select(func.count()).select_from(VECTORS).where(VECTORS.c.number.in_(numbers))
        return _counted(
            len(numbers),
            (await connection.scalars(before.where(*_before(namespace, memory_ids)))).one(),
            (await connection.scalars(vectors)).one(),
        )

    async def scrub(self) -> bool:
        return await self._database.scrub()

    def conditions(self, namespace: str, selection: Selection) -> Iterator[ColumnElement[bool]]:
        """What a memory of the selection is like."""
        columns = MEMORIES.c
        yield columns.namespace == namespace
        for name, value in selection.filters:
            yield columns[name] == value
        for name, value in selection.metadata.items():
            yield self.has(name, value)
        if selection.since is not None:
            yield columns.created_at >= selection.since
        if selection.until is not None:
            yield columns.created_at < selection.until
        if selection.now is not None:
            yield or_(columns.expires_at.is_(None), columns.expires_at > selection.now)

    async def _holder(self, connection: AsyncConnection, memory: Memory) -> Memory | None:
        """The memory of the same scope that has the content."""
        wanted = select(*_COLUMNS).where(
            MEMORIES.c.namespace == memory.namespace,
            MEMORIES.c.scope == scope(memory.filters),
            MEMORIES.c.content_hash == memory.content_hash,
        )
        row = (await connection.execute(wanted)).one_or_none()
        return None if row is None else memory_of(row)


async def _keep_vector(
    connection: AsyncConnection, number: int, namespace: str, encoded: Encoded | None
) -> None:
    if encoded is not None:
        await connection.execute(
            insert(VECTORS).values(number=number, namespace=namespace, **encoded._asdict())
        )


def _one(namespace: str, memory_id: str) -> Select[Any]:
    return select(*_COLUMNS).where(*_these(namespace, [memory_id]))


def _these(namespace: str, ids: Sequence[str]) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return MEMORIES.c.namespace == namespace, MEMORIES.c.id.in_(list(ids))


def _before(namespace: str, ids: Sequence[str]) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return VERSIONS.c.namespace == namespace, VERSIONS.c.memory_id.in_(list(ids))


def _counted(memories: int, history: int, embeddings: int) -> dict[str, int]:
    return {
        "memories": memories,
        "history": history,
        "embeddings": embeddings,
        "search_index": memories,
    }
