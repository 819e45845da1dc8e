# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError

from rollcall.backends.eventlog.sql import SqlEventLog
from rollcall.backends.sql import outbox
from rollcall.backends.sql.database import Database, dialect_of
from rollcall.kernel.errors import (
    Closed,
    IncompatibleStore,
    InvalidInput,
    OutcomeUnknown,
    StoreInUse,
    StoreUnavailable,
)
from rollcall.testing.event_log_contract.case import created


@pytest_asyncio.fixture
async def things(database: Database) -> Database:
    """A database with a table of somebody's."""
    async with database.begin() as work:
        await work.connection.execute(text("CREATE TABLE things (name TEXT PRIMARY KEY)"))
    return database


async def put(database: Database, name: str) -> None:
    async with database.begin() as work:
        await work.connection.execute(text("INSERT INTO things VALUES (:name)"), {"name": name})
        work.publish(created(name))


async def names(database: Database) -> list[str]:
    async with database.reading() as connection:
        return list((await connection.scalars(text("SELECT name FROM things ORDER BY 1"))).all())


async def told(database: Database) -> list[str]:
    async with database.reading() as connection:
        return [entry.event.id for entry in await outbox.read(connection, 0, 10_000)]


def kept(url: str) -> list[str]:
    """What another connection finds in the file."""
    connection = sqlite3.connect(url.removeprefix("sqlite:///"))
    found = [name for (name,) in connection.execute("SELECT name FROM things ORDER BY 1")]
    connection.close()
    return found


async def test_a_change_and_its_event_are_written_together(things: Database, url: str) -> None:
    await put(things, "a")

    assert await names(things) == ["a"]
    assert await told(things) == ["a"]
    assert kept(url) == ["a"]


async def test_where_the_block_raises_neither_is_written(things: Database) -> None:
    with pytest.raises(IntegrityError):
        await put_twice(things, "a")

    assert await names(things) == []
    assert await told(things) == []
    await put(things, "b")
    assert await names(things) == ["b"]


async def put_twice(database: Database, name: str) -> None:
    async with database.begin() as work:
        work.publish(created(name))
        for _ in range(2):
            await work.connection.execute(text("INSERT INTO things VALUES (:n)"), {"n": name})


async def test_where_it_is_cancelled_neither_is_written(things: Database) -> None:
    inside = asyncio.Event()

    async def write() -> None:
        async with things.begin() as work:
            await work.connection.execute(text("INSERT INTO things VALUES ('a')"))
            work.publish(created("a"))
            inside.set()
            await asyncio.Event().wait()

    writing = asyncio.ensure_future(write())
    await inside.wait()
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing

    assert await names(things) == []
    await put(things, "b")
    assert await told(things) == ["b"]


async def test_a_cancelled_commit_is_done_or_not_and_never_by_halves(things: Database) -> None:
    cancelled = 0
    turns, writing = 0, asyncio.ensure_future(put(things, "0"))
    # Some more turns of the loop each time, until one gets to its end before it is cancelled.
    while not writing.done():
        writing.cancel()
        (outcome,) = await asyncio.gather(writing, return_exceptions=True)
        cancelled += isinstance(outcome, asyncio.CancelledError)
        turns += 1 + turns // 5
        writing = asyncio.ensure_future(put(things, f"{turns}"))
        for _ in range(turns):
            await asyncio.sleep(0)
    await writing

    assert cancelled > 10
    assert await names(things) == sorted(await told(things))
    await put(things, "last")
    assert "last" in await names(things)


async def test_units_of_work_take_turns(things: Database) -> None:
    await asyncio.gather(*(put(things, f"{number:02}") for number in range(30)))

    assert await names(things) == [f"{number:02}" for number in range(30)]
    assert sorted(await told(things)) == await names(things)


async def test_a_unit_of_work_may_write_from_its_beginning(things: Database, url: str) -> None:
    other = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None, timeout=0)
    async with things.begin(), things.reading() as connection:
        await connection.execute(text("SELECT * FROM things"))
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
    async with things.reading() as connection:
        await connection.execute(text("SELECT * FROM things"))
        other.execute("BEGIN IMMEDIATE")
    other.close()


async def test_readers_see_one_state_and_wait_for_no_writer(things: Database) -> None:
    await put(things, "a")
    async with things.begin() as work:
        await work.connection.execute(text("INSERT INTO things VALUES ('b')"))
        assert await names(things) == ["a"]
    async with things.reading() as connection:
        count = text("SELECT count(*) FROM things")
        before = await connection.scalar(count)
        await put(things, "c")
        assert await connection.scalar(count) == before


async def test_the_file_is_safe_against_a_loss_of_power(database: Database) -> None:
    pragmas: dict[str, Any] = {}
    async with database.reading() as connection:
        for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout"):
            pragmas[name] = await connection.scalar(text(f"PRAGMA {name}"))

    assert pragmas == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 5000,
    }


async def test_a_file_belongs_to_one_process(database: Database, url: str) -> None:
    second = Database(dialect_of(url))
    with pytest.raises(StoreInUse, match=r"rollcall\.db"):
        await second.open()
    await database.close()
    await second.open()
    await second.close()


async def test_what_is_not_open_says_so(url: str) -> None:
    database = Database(dialect_of(url))
    with pytest.raises(Closed, match=r"rollcall\.db"):
        await names(database)
    with pytest.raises(Closed):
        await put(database, "a")
    await database.close()


async def test_a_database_that_was_closed_opens_again_with_all_that_was_in_it(
    things: Database,
) -> None:
    await put(things, "a")
    await things.close()
    await things.open()

    assert await names(things) == ["a"]
    await asyncio.wait_for(SqlEventLog(things).wait(0), 5)


async def test_a_mistake_in_sql_is_no_outage(database: Database) -> None:
    with pytest.raises(OperationalError, match="no such table"):
        await names(database)


async def test_a_lock_of_somebody_else_is_an_outage_and_nothing_was_written(
    things: Database, url: str
) -> None:
    async with things.reading() as connection:
        await connection.execute(text("PRAGMA busy_timeout = 0"))
    other = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="locked"):
        await put(things, "a")
    other.execute("ROLLBACK")
    other.close()

    await put(things, "a")
    assert await told(things) == ["a"]


async def test_a_commit_that_breaks_off_has_an_unknown_outcome(things: Database) -> None:
    def full(connection: Any) -> None:
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise OperationalError("COMMIT", None, error)

    from sqlalchemy import event

    engine = things._open_engine().sync_engine
    event.listen(engine, "commit", full)
    with pytest.raises(OutcomeUnknown, match="full"):
        await put(things, "a")
    event.remove(engine, "commit", full)

    await put(things, "b")
    assert await names(things) == ["b"]


@pytest.mark.parametrize(
    "url", ["", "fleet.db", "sqlite://", "sqlite:///", "sqlite://host/x.db", "mysql://host/db"]
)
def test_a_url_that_names_no_database_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match="sqlite:///"):
        dialect_of(url)


async def test_a_path_that_cannot_be_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="folder"):
        await Database(dialect_of(f"sqlite:///{tmp_path}")).open()
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnavailable):
        await Database(dialect_of(f"sqlite:///{tmp_path}/file/x.db")).open()


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    path.write_text("my notes, longer than the header of a database file would be" * 10)
    before = path.read_bytes()
    database = Database(dialect_of(f"sqlite:///{path}"))
    with pytest.raises(IncompatibleStore, match=r"notes\.db"):
        await database.open()
    assert path.read_bytes() == before
    path.unlink()
    await database.open()
    await database.close()
