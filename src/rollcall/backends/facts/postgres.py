# SPDX-License-Identifier: Apache-2.0
"""Facts in the services' PostgreSQL, so that several analytics processes share them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Final

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from rollcall.analytics.models import AnyFact, Kind
from rollcall.analytics.ports import Row
from rollcall.analytics.queries import statement
from rollcall.analytics.questions import Export, Question
from rollcall.backends.facts.merging import Rows, Steps, merging, removing
from rollcall.backends.facts.parquet import parquet_of
from rollcall.backends.sql.database import Database

_STREAMED: Final = 1_000
# Quarters are summed up from what is committed, so only one transaction does it at a time.
_TURN: Final = text("SELECT pg_advisory_xact_lock(7020114)")


class PostgresFactStore:
    """A fact store in tables of a database.

    Args:
        database: Opened and closed by whoever made it.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def open(self) -> None:
        """See `FactStore`: the database brings its tables with it."""

    async def close(self) -> None:
        """See `FactStore`."""

    async def ping(self) -> None:
        """See `FactStore`."""
        async with self._database.reading() as connection:
            await connection.execute(text("SELECT 1"))

    async def put(self, facts: Sequence[AnyFact]) -> None:
        """See `FactStore`."""
        if facts:
            await self._write(merging(facts))

    async def remove(self, kind: Kind, namespace: str, ids: Sequence[str]) -> None:
        """See `FactStore`."""
        if ids:
            await self._write(removing(kind, namespace, ids))

    async def select(self, question: Question) -> list[Row]:
        """See `FactStore`."""
        async with self._database.reading() as connection:
            found = await connection.execute(statement(question))
            return [dict(row) for row in found.mappings()]

    async def stream(self, question: Export) -> AsyncGenerator[Sequence[Row]]:
        """See `FactStore`."""
        async with self._database.reading() as connection:
            found = await connection.stream(statement(question))
            async for some in found.mappings().partitions(_STREAMED):
                yield [dict(row) for row in some]

    def parquet(self, question: Export) -> AsyncIterator[bytes]:
        """See `FactStore`."""
        return parquet_of(question.kind, self.stream(question))

    async def _write(self, steps: Steps) -> None:
        async with self._database.begin() as work:
            await work.connection.execute(_TURN)
            await _drive(work.connection, steps)


async def _drive(connection: AsyncConnection, steps: Steps) -> None:
    step = next(steps, None)
    while step is not None:
        rows: list[Row] = []
        if isinstance(step, Rows):
            await _insert(connection, step)
        else:
            found = await connection.execute(step)
            if found.returns_rows:
                rows = [dict(row) for row in found.mappings()]
        try:
            step = steps.send(rows)
        except StopIteration:
            return


async def _insert(connection: AsyncConnection, step: Rows) -> None:
    names = ", ".join(f'"{column.name}"' for column in step.table.columns)
    # The names are those of our own tables.
    every = text(
        f"INSERT INTO {step.table.name} ({names}) SELECT {names}"  # noqa: S608
        f" FROM json_populate_recordset(NULL::{step.table.name}, CAST(:rows AS JSON))"
    )
    await connection.execute(every, {"rows": msgspec.json.encode(step.rows).decode()})
