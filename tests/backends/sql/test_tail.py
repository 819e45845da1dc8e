"""What was told about behind a place of the log."""

from __future__ import annotations

from pathlib import Path

from rollcall.backends.sql import tail
from rollcall.backends.sql.database import Database, dialect_of
from rollcall.events.envelope import Event
from rollcall.kernel.clock import utc
from support.databases import sqlite_at


def told(number: int, subject: str, source: str = "/agents", namespace: str = "default") -> Event:
    return Event(
        id=f"e{number}",
        type="agent.deleted",
        source=source,
        subject=subject,
        time=utc(0),
        data={"agent_id": subject},
        namespace=namespace,
    )


async def test_each_subject_is_told_once_in_the_order_of_the_last_time(tmp_path: Path) -> None:
    database = Database(dialect_of(sqlite_at(tmp_path / "x.db")))
    await database.open()
    async with database.reading() as connection:
        assert await tail.subjects(connection, "/agents", 0) == (0, ())
    async with database.begin() as work:
        work.publish(
            told(1, "a"),
            told(2, "b"),
            told(3, "a"),
            told(4, "a", source="/else"),
            told(5, "a", namespace="acme"),
        )

    async with database.reading() as connection:
        everything = await tail.subjects(connection, "/agents", 0)
        rest = await tail.subjects(connection, "/agents", 3)
        nothing = await tail.subjects(connection, "/agents", 5)
    await database.close()

    assert everything == (5, [("default", "b"), ("default", "a"), ("acme", "a")])
    assert rest == (5, [("acme", "a")])
    assert nothing == (5, ())
