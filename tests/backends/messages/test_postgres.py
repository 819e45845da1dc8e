# SPDX-License-Identifier: Apache-2.0
"""The index of messages on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text

from rollcall.backends.messages import message_index
from rollcall.backends.messages.postgres import METADATA, PostgresMessageIndex
from rollcall.backends.sql.database import Database, dialect_of
from rollcall.backends.sql.migrate import VERSION_TABLE
from rollcall.kernel.word_query import parse
from rollcall.testing.message_index_contract import Index, MessageIndexContract, add, message
from rollcall.tools.messages.models import MAX_TEXT, Filters

pytestmark = pytest.mark.server


class TestPostgresMessageIndex(MessageIndexContract):
    @pytest_asyncio.fixture(autouse=True)
    async def databases(self, fresh_database: Callable[[], str]) -> AsyncIterator[None]:
        self.url = fresh_database()
        self.database = Database(dialect_of(self.url))
        await self.database.open()
        yield
        await self.database.close()

    async def make_index(self) -> Index:
        return message_index(self.database, self.url)

    async def test_the_migrations_make_the_table_that_the_code_knows(self) -> None:
        def difference(connection: Connection) -> object:
            options = {
                "version_table": VERSION_TABLE,
                "include_name": lambda name, kind, _: kind != "table" or name in METADATA.tables,
            }
            return compare_metadata(MigrationContext.configure(connection, opts=options), METADATA)

        async with self.database.reading() as connection:
            assert await connection.run_sync(difference) == []

    @pytest.mark.parametrize("query", ["invoice", '"second reminder" -paid', "invoi*"])
    async def test_a_search_uses_the_index(self, query: str) -> None:
        index = PostgresMessageIndex(self.database)
        await add(index, *(message(f"bill {n}") for n in range(4000)), message("invoice"))
        statement = index.asked("default", parse(query), Filters(sender_id="anna"), 10, 0)
        async with self.database.begin() as work:
            await work.connection.execute(text("ANALYZE messages"))
        async with self.database.reading() as connection:
            compiled = statement.compile(
                connection.sync_engine, compile_kwargs={"literal_binds": True}
            )
            plan = await connection.exec_driver_sql(f"EXPLAIN {compiled}")
            steps = " ".join(row[0] for row in plan)
        assert "Bitmap Index Scan on ix_messages_vector" in steps

    async def test_the_longest_messages_can_be_kept(self) -> None:
        index = PostgresMessageIndex(self.database)
        worst = "".join(chr(0x20000 + n % 40_000) for n in range(MAX_TEXT))
        mixed = " ".join(chr(0x10400 + n % 40) + chr(0x4E00 + n % 20_000) for n in range(33_000))
        for number, one in enumerate((worst, mixed, "\ufdfa " * 50_000)):
            assert await add(index, message(one, id=str(number))) == 1
