# SPDX-License-Identifier: Apache-2.0
"""The database of the services on a real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, func, select

from rollcall.agents import tables as agents
from rollcall.analytics import tables as analytics
from rollcall.backends.eventlog import kafka_tables
from rollcall.backends.sql import event_keys, outbox
from rollcall.backends.sql.audit import SqlAuditLog
from rollcall.backends.sql.consumers import GROUPS
from rollcall.backends.sql.database import Database, dialect_of
from rollcall.backends.sql.keys import SqlKeyStore
from rollcall.backends.sql.migrate import VERSION_TABLE
from rollcall.backends.sql.passes import SECRET
from rollcall.backends.sql.postgres import PostgresDialect
from rollcall.backends.sql.relay import RELAY
from rollcall.backends.sql.tables import METADATA
from rollcall.billing import books_tables as books
from rollcall.billing import tables as billing
from rollcall.dashboard import tables as dashboard
from rollcall.kernel.caller import READ
from rollcall.kernel.errors import InvalidInput, StoreUnavailable
from rollcall.memory import graph_tables as graph
from rollcall.memory import tables as memory
from rollcall.testing.event_log_contract.case import created
from rollcall.web.audit import AuditEntry
from rollcall.web.keys import ApiKey
from rollcall.widgets import tables as widgets
from support.servers.postgres import Postgres

pytestmark = pytest.mark.server

OF_OTHERS = {
    *("agent_registry", "registry_changes", "registry_documents", "registry_store"),
    "messages",
    *("conversation_sessions", "conversation_turns"),
    *(
        str(table)
        for one in (agents, memory, graph, analytics, billing, books, dashboard, widgets)
        for table in one.METADATA.tables
    ),
    *analytics.TEXTS_METADATA.tables,
}
"""Tables whose owners have tests of their own."""


async def test_the_migrations_make_the_tables_that_the_code_knows(
    fresh_database: Callable[[], str],
) -> None:
    database = Database(dialect_of(fresh_database()))
    await database.open()

    def difference(connection: Connection) -> object:
        options = {
            "version_table": VERSION_TABLE,
            "include_name": lambda name, kind, _: kind != "table" or name not in OF_OTHERS,
        }
        return compare_metadata(MigrationContext.configure(connection, opts=options), METADATA)

    for known in (RELAY, GROUPS, SECRET, kafka_tables.INBOX, kafka_tables.HELD):
        assert METADATA.tables[known.name] is known
    assert METADATA.tables["event_keys"] is event_keys.KEYS
    async with database.reading() as connection:
        assert await connection.run_sync(difference) == []
    await database.close()


async def test_processes_that_start_at_once_migrate_one_after_the_other(postgres: Postgres) -> None:
    url = postgres.create("at_once")
    databases = [Database(dialect_of(url)) for _ in range(3)]
    for one in databases:
        await one.open()
    await asyncio.gather(*(one.close() for one in databases))


async def test_keys_and_audit_entries_are_kept(fresh_database: Callable[[], str]) -> None:
    url = fresh_database()
    database = Database(dialect_of(url))
    await database.open()
    key = ApiKey("a" * 16, "d", "first", "acme", frozenset({READ}), 1.5)
    entries = [AuditEntry(float(n), "key:1", "acme", "POST /x", "s", 200, "r") for n in range(9)]
    await SqlKeyStore(database).add(key)
    log = SqlAuditLog(database)
    await asyncio.gather(*(log.append(one) for one in entries))
    await database.close()

    again = Database(dialect_of(url))
    await again.open()
    assert await SqlKeyStore(again).get(key.id) == key
    assert await SqlKeyStore(again).usable(2.0)
    assert len(await SqlAuditLog(again).entries("acme")) == 9
    assert await SqlAuditLog(again).forget(4.0) == 4
    await again.close()


async def test_a_server_that_is_away_is_unavailable_and_comes_back(
    fresh_database: Callable[[], str], postgres: Postgres
) -> None:
    database = Database(dialect_of(fresh_database()))
    await database.open()
    keys = SqlKeyStore(database)
    postgres.stop()
    try:
        with pytest.raises(StoreUnavailable) as error:
            await keys.list("acme")
        assert postgres.place in str(error.value)
        with pytest.raises(StoreUnavailable):
            await keys.revoke("acme", "x", 1.0)
    finally:
        postgres.start()
    assert await keys.list("acme") == []
    await database.close()


async def test_a_server_that_was_never_there_is_unavailable() -> None:
    database = Database(dialect_of("postgresql://me:hunter2@127.0.0.1:9/fleet"))
    with pytest.raises(StoreUnavailable) as error:
        await database.open()
    assert "hunter2" not in str(error.value)


async def test_a_database_that_does_not_exist_is_unavailable(postgres: Postgres) -> None:
    database = Database(dialect_of(postgres.url("nowhere")))
    with pytest.raises(StoreUnavailable, match="nowhere"):
        await database.open()


@pytest.mark.parametrize(
    "url", ["postgresql://", "postgresql://h", "postgresql://h:x/d", "postgresql://h/d?x=1"]
)
def test_a_url_that_names_no_database_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput):
        dialect_of(url)


def test_a_connection_that_broke_is_told_from_a_fault_of_ours() -> None:
    dialect = PostgresDialect("postgresql://127.0.0.1/fleet", 1)
    assert dialect.broke(ConnectionResetError())
    assert dialect.broke(asyncpg.InternalClientError("another operation is in progress"))
    assert not dialect.broke(TypeError())


async def test_what_is_read_together_is_of_one_moment(fresh_database: Callable[[], str]) -> None:
    database = Database(dialect_of(fresh_database()))
    await database.open()
    count = select(func.count()).select_from(outbox.OUTBOX)
    for event in ("a", "b"):
        async with database.reading() as connection:
            before = await connection.scalar(count)
            async with database.begin() as work:
                work.publish(created(event))
            assert await connection.scalar(count) == before
    async with database.reading() as connection:
        assert await connection.scalar(count) == 2
    await database.close()
