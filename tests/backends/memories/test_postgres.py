# SPDX-License-Identifier: Apache-2.0
"""Memories on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, MetaData, text

from rollcall.backends.memories import memory_store
from rollcall.backends.memories.postgres import METADATA, PostgresMemoryStore
from rollcall.backends.sql.database import Database, dialect_of
from rollcall.backends.sql.migrate import VERSION_TABLE
from rollcall.kernel.word_query import parse
from rollcall.memory import tables
from rollcall.memory.models import Filters, Selection
from rollcall.testing.memory_store_contract import (
    ANNA,
    VECTOR,
    MemoryStoreContract,
    Store,
    memory,
)

pytestmark = pytest.mark.server


class TestPostgresMemoryStore(MemoryStoreContract):
    @pytest_asyncio.fixture(autouse=True)
    async def databases(self, fresh_database: Callable[[], str]) -> AsyncIterator[None]:
        self.url = fresh_database()
        self.database = Database(dialect_of(self.url))
        await self.database.open()
        yield
        await self.database.close()

    async def make_store(self) -> Store:
        return memory_store(self.database, self.url)

    @pytest.mark.parametrize(
        ("metadata", "names"),
        [(METADATA, {"memories"}), (tables.METADATA, {"memory_versions", "memory_vectors"})],
    )
    async def test_the_migrations_make_the_tables_that_the_code_knows(
        self, metadata: MetaData, names: set[str]
    ) -> None:
        def difference(connection: Connection) -> object:
            options = {
                "version_table": VERSION_TABLE,
                "include_name": lambda name, kind, _: kind != "table" or name in names,
                "include_object": lambda _, name, kind, *__: kind != "table" or name in names,
            }
            return compare_metadata(MigrationContext.configure(connection, opts=options), metadata)

        async with self.database.reading() as connection:
            assert await connection.run_sync(difference) == []

    async def plan(self, statement: object) -> str:
        async with self.database.reading() as connection:
            compiled = statement.compile(  # type: ignore[attr-defined]
                connection.sync_engine, compile_kwargs={"literal_binds": True}
            )
            rows = await connection.exec_driver_sql(f"EXPLAIN {compiled}")
            return " ".join(row[0] for row in rows)

    async def test_searches_ask_the_indexes_of_their_scope(self) -> None:
        store = PostgresMemoryStore(self.database)
        async with store.begin() as work:
            for number in range(3000):
                whose = Filters(user_id=f"user {number % 300}")
                await store.add(work, memory(f"tea {number}", filters=whose), VECTOR)
            await work.connection.execute(text("ANALYZE memories"))
            await work.connection.execute(text("ANALYZE memory_vectors"))
        chosen = Selection(filters=Filters(user_id="user 7"))
        by_words = await self.plan(store.asked("default", parse('"tea 7" te*'), chosen, 10))
        # Both hold no more than the scope does; which of them is asked is the server's choice.
        assert "ix_memories_vector" in by_words or "ix_memories_user" in by_words
        assert "Seq Scan on memories" not in by_words
        by_meaning = await self.plan(store.compared("default", chosen, "a", 10))
        assert "Seq Scan on memories" not in by_meaning
        assert "ix_memories_user" in by_meaning

    async def test_namespaces_without_memories_find_nothing(self) -> None:
        store = PostgresMemoryStore(self.database)
        assert await store.by_words("none", parse("tea"), Selection(filters=ANNA), 10) == []
