# SPDX-License-Identifier: Apache-2.0
"""What many events cost: as many statements as one event, on each database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from rollcall.backends.sql import consumers
from rollcall.backends.sql.database import Database
from rollcall.backends.sql.postgres import PostgresDialect
from rollcall.backends.sql.sqlite import SqliteDialect
from rollcall.testing.event_log_contract.case import created


class Counted:
    """Counts the times that a statement is executed."""

    executed = 0

    def count(self, engine: AsyncEngine) -> AsyncEngine:
        event.listen(engine.sync_engine, "before_cursor_execute", self._add)
        return engine

    def _add(self, *given: Any) -> None:
        _, _, _, parameters, context, many = given
        # Values of several rows in one statement are one execution.
        one = not many or context.compiled.effective_returning
        self.executed += 1 if one else len(parameters)


class CountedSqlite(SqliteDialect, Counted):
    def open(self) -> AsyncEngine:
        return self.count(super().open())


class CountedPostgres(PostgresDialect, Counted):
    def open(self) -> AsyncEngine:
        return self.count(super().open())


Dialects = CountedSqlite | CountedPostgres


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.server)])
def dialect(request: pytest.FixtureRequest, tmp_path: Path) -> Dialects:
    if request.param == "sqlite":
        return CountedSqlite(tmp_path / "rollcall.db", 2)
    return CountedPostgres(request.getfixturevalue("fresh_database")(), 2)


@pytest_asyncio.fixture
async def database(dialect: Dialects) -> AsyncIterator[Database]:
    database = Database(dialect)
    await database.open()
    yield database
    await database.close()


async def test_a_thousand_events_are_appended_with_as_few_statements_as_one(
    database: Database, dialect: Dialects
) -> None:
    executed: list[int] = []
    for first, count in ((0, 1), (1000, 1000)):
        before = dialect.executed
        async with database.begin() as work:
            work.publish(*(created(str(number)) for number in range(first, first + count)))
        executed.append(dialect.executed - before)
    assert executed[0] == executed[1] <= 6


async def test_a_thousand_events_are_noted_as_handled_with_one_statement(
    database: Database, dialect: Dialects
) -> None:
    events = [created(str(number)) for number in range(1000)]
    async with database.begin() as work:
        before = dialect.executed
        assert await consumers.admit(work.connection, "g", events) == events
        assert dialect.executed == before + 1
