# SPDX-License-Identifier: Apache-2.0
"""Facts on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, MetaData

from rollcall.analytics.tables import METADATA, TEXTS_METADATA
from rollcall.backends.facts import fact_store
from rollcall.backends.sql.database import Database, dialect_of
from rollcall.backends.sql.migrate import VERSION_TABLE
from rollcall.testing.fact_store_contract import FactStoreContract, Store

pytestmark = pytest.mark.server


class TestPostgresFactStore(FactStoreContract):
    @pytest_asyncio.fixture(autouse=True)
    async def databases(self, fresh_database: Callable[[], str]) -> AsyncIterator[None]:
        self.url = fresh_database()
        self.database = Database(dialect_of(self.url))
        await self.database.open()
        yield
        await self.database.close()

    async def make_store(self) -> Store:
        return fact_store(self.database, self.url, None)

    @pytest.mark.parametrize("metadata", [METADATA, TEXTS_METADATA])
    async def test_the_migrations_make_the_tables_that_the_code_knows(
        self, metadata: MetaData
    ) -> None:
        names = set(metadata.tables)

        def difference(connection: Connection) -> object:
            options = {
                "version_table": VERSION_TABLE,
                "include_name": lambda name, kind, _: kind != "table" or name in names,
                "include_object": lambda _, name, kind, *__: kind != "table" or name in names,
            }
            return compare_metadata(MigrationContext.configure(connection, opts=options), metadata)

        async with self.database.reading() as connection:
            assert await connection.run_sync(difference) == []
