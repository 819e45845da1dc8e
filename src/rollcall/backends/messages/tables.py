# SPDX-License-Identifier: Apache-2.0
"""What the indexes of all engines share: the table of messages, and all but finding in it."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

import msgspec
from sqlalchemy import (
    Column,
    ColumnElement,
    Double,
    Index,
    MetaData,
    Row,
    Select,
    Table,
    Text,
    UniqueConstraint,
    column,
    delete,
    select,
)
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from rollcall.backends.sql.database import Database
from rollcall.backends.sql.outbox import POSITION
from rollcall.backends.sql.tables import METADATA as SERVICES
from rollcall.backends.sql.unit_of_work import SqlUnitOfWork
from rollcall.kernel.clock import utc
from rollcall.kernel.word_query import Query
from rollcall.kernel.words import folded
from rollcall.sql import upsert
from rollcall.tools.messages.models import Filters, Hit, Message, Source

METADATA: Final = MetaData(naming_convention=SERVICES.naming_convention)

MESSAGES: Final = Table(
    "messages",
    METADATA,
    Column("number", POSITION, primary_key=True, autoincrement=True),
    # What is looked at for every message that has the words comes before what is long.
    Column("namespace", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("sent_at", Double, nullable=False, comment="seconds since the epoch"),
    Column("source", Text, nullable=False),
    Column("conversation_id", Text),
    Column("sender_id", Text),
    Column("metadata", Text, comment="JSON; null: none"),
    Column("text", Text, nullable=False),
    Column("words", Text, nullable=False, comment="folded, a space between them"),
    UniqueConstraint("namespace", "id", name="uq_messages_namespace_id"),
    Index("ix_messages_namespace_conversation_id", "namespace", "conversation_id"),
)

_HIDDEN: Final = ("words", "vector")
_SHORT: Final = 20_000
"""Characters of messages that are made rows of in less time than a thread takes to begin."""


class SqlMessageIndex(ABC):
    """An index of messages in a database that is opened and closed by whoever made it."""

    table: Table
    """`MESSAGES`, with what the engine has beside."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @abstractmethod
    def ranked(self, query: Query) -> Select[Any, Any]:
        """Numbers and scores (`score`) of the messages of all namespaces that answer a query."""

    @abstractmethod
    def row(self, message: Message) -> dict[str, Any]:
        """What is kept of a message."""

    def begin(self) -> AbstractAsyncContextManager[SqlUnitOfWork]:
        return self._database.begin()

    async def add(self, work: SqlUnitOfWork, messages: Sequence[Message]) -> int:
        if not messages:
            return 0
        if sum(len(message.text) for message in messages) < _SHORT:
            rows = self._rows(messages)
        else:
            rows = await asyncio.to_thread(self._rows, messages)
        unless_known = upsert(work.connection, self.table).on_conflict_do_nothing(
            index_elements=["namespace", "id"]
        )
        added = await work.connection.execute(unless_known.returning(self.table.c.number), rows)
        return len(added.all())

    async def forget(self, work: SqlUnitOfWork, namespace: str, conversation_id: str) -> int:
        gone = await work.connection.execute(
            delete(MESSAGES).where(
                MESSAGES.c.namespace == namespace,
                MESSAGES.c.conversation_id == conversation_id,
                MESSAGES.c.source == Source.CONVERSATION.value,
            )
        )
        return gone.rowcount

    async def known(self, namespace: str, ids: Collection[str]) -> frozenset[str]:
        asked = select(MESSAGES.c.id).where(
            MESSAGES.c.namespace == namespace, MESSAGES.c.id.in_(list(ids))
        )
        async with self._database.reading() as connection:
            return frozenset(await connection.scalars(asked))

    async def search(
        self, namespace: str, query: Query, filters: Filters, *, limit: int, offset: int = 0
    ) -> list[Hit]:
        asked = self.asked(namespace, query, filters, limit, offset)
        async with self._database.reading() as connection:
            return [Hit(_message(row), row.score) for row in await connection.execute(asked)]

    def asked(
        self, namespace: str, query: Query, filters: Filters, limit: int, offset: int
    ) -> Select[Any]:
        """What a search asks the database."""
        columns = self.table.c
        order = (column("score", Double).desc(), columns.sent_at.desc(), columns.number.desc())
        best = (
            self.ranked(query)
            .where(columns.namespace == namespace, *_conditions(columns, filters))
            .order_by(*order)
            .limit(limit)
            .offset(offset)
            .subquery("best")
        )
        # What is long comes last, so that it is not sorted for all that match.
        shown = (one for one in columns if one.name not in _HIDDEN)
        return (
            select(*shown, best.c.score)
            .join(best, best.c.number == columns.number)
            .order_by(*order)
        )

    def _rows(self, messages: Sequence[Message]) -> list[dict[str, Any]]:
        return [self.row(message) for message in messages]


def row_of(message: Message) -> dict[str, Any]:
    """What every engine keeps of a message."""
    metadata = message.metadata
    return {
        "namespace": message.namespace,
        "id": message.id,
        "sent_at": message.sent_at.timestamp(),
        "source": message.source.value,
        "conversation_id": message.conversation_id,
        "sender_id": message.sender_id,
        "metadata": None if metadata is None else msgspec.json.encode(metadata).decode(),
        "text": message.text,
        "words": folded(message.text),
    }


def _message(row: Row[Any]) -> Message:
    return Message(
        id=row.id,
        namespace=row.namespace,
        text=row.text,
        sent_at=utc(row.sent_at),
        source=Source(row.source),
        conversation_id=row.conversation_id,
        sender_id=row.sender_id,
        metadata=None if row.metadata is None else msgspec.json.decode(row.metadata),
    )


def _conditions(
    columns: ReadOnlyColumnCollection[str, Column[Any]], filters: Filters
) -> Iterator[ColumnElement[bool]]:
    if filters.conversation_id is not None:
        yield columns.conversation_id == filters.conversation_id
    if filters.sender_id is not None:
        yield columns.sender_id == filters.sender_id
    if filters.since is not None:
        yield columns.sent_at >= filters.since.timestamp()
    if filters.until is not None:
        yield columns.sent_at < filters.until.timestamp()
    if filters.source is not None:
        yield columns.source == filters.source.value
