# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from rollcall.agents import tables as agents
from rollcall.analytics import tables as analytics
from rollcall.backends.eventlog import kafka_tables
from rollcall.backends.messages import tables as messages
from rollcall.backends.sql import audit, consumers, event_keys, keys, outbox, passes, relay
from rollcall.backends.sql.database import Database, dialect_of
from rollcall.backends.sql.migrate import FOLDER, VERSION_TABLE, revisions, upgrade
from rollcall.backends.sql.sqlite import SqliteDialect
from rollcall.backends.sql.tables import METADATA
from rollcall.billing import books_tables as books
from rollcall.billing import tables as billing
from rollcall.conversations import tables as conversations
from rollcall.dashboard import tables as dashboard
from rollcall.kernel.errors import IncompatibleStore
from rollcall.memory import graph_tables as graph
from rollcall.memory import tables as memory
from rollcall.testing.event_log_contract.case import created
from rollcall.widgets import tables as widgets
from support.databases import sqlite_at

FEATURES = (
    *(one.METADATA for one in (messages, conversations, agents, memory, graph)),
    *(one.METADATA for one in (billing, books, dashboard, widgets)),
    # Facts are in a file of their own.
    analytics.TEXTS_METADATA,
)
TABLES = {
    outbox.OUTBOX,
    outbox.HEAD,
    consumers.GROUPS,
    consumers.INBOX,
    consumers.HELD,
    keys.KEYS,
    relay.RELAY,
    audit.AUDIT,
    passes.SECRET,
    kafka_tables.INBOX,
    kafka_tables.HELD,
    event_keys.KEYS,
}


async def run(path: Path, revision: str) -> None:
    """Migrate as `Database.open` does, but only so far."""
    dialect = SqliteDialect(path, 1)
    engine = dialect.open()
    async with engine.begin() as connection:
        await connection.run_sync(lambda sync: upgrade(sync, revision))
    await engine.dispose()
    dialect.close()


def tables(path: Path) -> set[str]:
    engine = create_engine(f"sqlite:///{path}")
    try:
        return set(inspect(engine).get_table_names())
    finally:
        engine.dispose()


async def test_from_nothing_it_makes_the_tables_that_the_code_knows(tmp_path: Path) -> None:
    database = Database(dialect_of(f"sqlite:///{tmp_path}/x.db"))
    await database.open()

    def difference(connection: Connection) -> object:
        options = {
            "version_table": VERSION_TABLE,
            "compare_type": True,
            # What FTS5 makes for itself.
            "include_name": lambda name, kind, _: (
                kind != "table" or not name.startswith(("message_words", "memory_words"))
            ),
        }
        return compare_metadata(
            MigrationContext.configure(connection, opts=options),
            [METADATA, *FEATURES],
        )

    async with database.reading() as connection:
        assert await connection.run_sync(difference) == []
    assert set(METADATA.tables.values()) == TABLES
    await database.close()


async def test_from_an_earlier_revision_it_goes_on_and_keeps_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    await run(path, "0001")
    assert tables(path) == {"outbox", "outbox_head", VERSION_TABLE}
    dialect = SqliteDialect(path, 1)
    engine = dialect.open()
    async with engine.begin() as connection:
        await outbox.append(connection, [created("old")])
    await engine.dispose()
    dialect.close()

    database = Database(dialect_of(f"sqlite:///{path}"))
    await database.open()

    async with database.reading() as connection:
        assert [e.event.id for e in await outbox.read(connection, 0, 10)] == ["old"]
        assert await consumers.held(connection, "g") == []
    await database.close()


async def test_a_second_time_it_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    await run(path, "head")
    before = tables(path)
    await run(path, "head")
    assert tables(path) == before


def test_the_files_are_called_after_their_revisions_in_order() -> None:
    known = [one.revision for one in ScriptDirectory(str(FOLDER)).walk_revisions()]
    assert revisions() == known[::-1]


def test_nothing_is_imported_to_migrate_what_is_up_to_date(tmp_path: Path) -> None:
    code = """if True:
        import asyncio, sys
        from rollcall.backends.sql.database import Database, dialect_of

        async def main(url):
            database = Database(dialect_of(url))
            await database.open()
            await database.close()

        asyncio.run(main(sys.argv[1]))
        sys.exit("alembic" in sys.modules)
    """
    url = sqlite_at(tmp_path / "x.db")
    assert (
        subprocess.run([sys.executable, "-c", code, url], timeout=60, check=False).returncode == 0
    )


async def test_a_migration_that_breaks_leaves_the_database_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    await run(path, "0001")
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        # In the way of the last table that the next revision makes.
        connection.execute(text("CREATE TABLE held_events (x)"))
    engine.dispose()
    before = tables(path)

    database = Database(dialect_of(f"sqlite:///{path}"))
    with pytest.raises(Exception, match="held_events"):
        await database.open()

    assert tables(path) == before
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE held_events"))
    engine.dispose()
    await database.open()
    await database.close()


async def test_what_a_newer_version_wrote_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    await run(path, "head")
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        connection.execute(text("UPDATE rollcall_version SET version_num = '9999'"))
    engine.dispose()

    with pytest.raises(IncompatibleStore, match="9999"):
        await Database(dialect_of(f"sqlite:///{path}")).open()


async def test_what_belongs_to_something_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE recipes (name)"))
    engine.dispose()

    with pytest.raises(IncompatibleStore, match="something else"):
        await Database(dialect_of(f"sqlite:///{path}")).open()
    assert tables(path) == {"recipes"}


@pytest.mark.parametrize(
    "table",
    sorted(
        {*TABLES, messages.MESSAGES}.union(*(one.tables.values() for one in FEATURES)),
        key=str,
    ),
    ids=str,
)
def test_the_tables_are_valid_on_postgresql_too(table: object) -> None:
    assert "CREATE TABLE" in str(CreateTable(table).compile(dialect=postgresql.dialect()))  # type: ignore[arg-type]
