# SPDX-License-Identifier: Apache-2.0
"""Keys of what is personal: made while it is told, gone with it, also where both happen at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import select, text

from rollcall.backends.eventlog.kafka_sealing import Sealing
from rollcall.backends.eventlog.kafka_wire import value_of
from rollcall.backends.eventlog.sql import SqlEventLog
from rollcall.backends.sql import event_keys
from rollcall.backends.sql.database import Database, dialect_of
from rollcall.backends.sql.redaction import EventRedaction, redacted
from rollcall.events.envelope import Event, from_json
from rollcall.events.log import Entry
from rollcall.kernel.clock import utc
from support.databases import sqlite_at

BLANKS = {"memory.updated": {"content_preview": ""}}
REDACTION = EventRedaction(BLANKS)


def event(id: str, subject: str = "a", type: str = "memory.updated") -> Event:  # noqa: A002
    data = {"memory_id": subject}
    if type == "memory.updated":
        data["content_preview"] = f"tea {id}"
    return Event(
        id=id,
        type=type,
        source="/memory",
        subject=subject,
        time=utc(1),
        data=data,
        namespace="default",
    )


class Outbox:
    """A database with events in its outbox."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.sealing = Sealing(database, BLANKS)

    async def told(self, *events: Event) -> list[Entry]:
        async with self.database.begin() as work:
            work.publish(*events)
        entries = await SqlEventLog(self.database).read(0)
        return entries[-len(events) :]

    async def sent(self, entries: list[Entry]) -> list[tuple[Event, bytes]]:
        values = await self.sealing.values(entries)
        assert set(values) == {one.position for one in entries}
        return [(from_json(values[one.position]), values[one.position]) for one in entries]

    async def forget(self, subject: str) -> None:
        async with self.database.begin() as work:
            await REDACTION.forget(work, "default", [subject])

    async def subjects(self) -> list[str]:
        async with self.database.reading() as connection:
            return list((await connection.execute(select(event_keys.KEYS.c.subject))).scalars())


@pytest_asyncio.fixture
async def outbox(tmp_path: Path) -> AsyncIterator[Outbox]:
    database = Database(dialect_of(sqlite_at(tmp_path / "rollcall.db")))
    await database.open()
    yield Outbox(database)
    await database.close()


async def test_readers_see_what_was_told_until_it_is_forgotten(outbox: Outbox) -> None:
    events = [event("1"), event("2"), event("3", "b"), event("4", "a", "memory.deleted")]
    sent = await outbox.sent(await outbox.told(*events))
    assert [one for one, _ in sent] == [redacted(one, BLANKS) for one in events]
    assert sent[3][1] == value_of(events[3])
    assert not any(b"tea" in value for _, value in sent)
    assert await outbox.sealing.events(sent) == events
    assert sorted(await outbox.subjects()) == ["a", "b"]

    await outbox.forget("a")
    assert await outbox.sealing.events(sent) == [sent[0][0], sent[1][0], events[2], events[3]]
    assert await outbox.subjects() == ["b"]


async def test_a_subject_keeps_its_key(outbox: Outbox) -> None:
    first = await outbox.sent(await outbox.told(event("1")))
    second = await outbox.sent(await outbox.told(event("2")))
    again = await outbox.sent(await outbox.told(event("3")))
    assert await outbox.sealing.events(first + second + again) == [
        event("1"),
        event("2"),
        event("3"),
    ]
    assert len({value for _, value in first + second + again}) == 3


async def test_what_was_forgottenafter_it_was_read_is_sent_with_blanks(outbox: Outbox) -> None:
    for id, known in (("1", False), ("2", True)):
        if known:
            await outbox.sent(await outbox.told(event("0")))
        entries = await outbox.told(event(id))
        await outbox.forget("a")
        ((blank, value),) = await outbox.sent(entries)
        assert value == value_of(redacted(event(id), BLANKS)) == value_of(blank)
        assert await outbox.subjects() == []


async def test_what_was_sent_before_an_erasure_stays_shut_under_a_later_key(outbox: Outbox) -> None:
    before = await outbox.sent(await outbox.told(event("1")))
    await outbox.forget("a")
    after = await outbox.sent(await outbox.told(event("2")))
    assert await outbox.sealing.events(before + after) == [before[0][0], event("2")]


async def waiting(database: Database) -> bool:
    """Whether somebody waits for a lock."""
    asked = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    async with database.reading() as connection:
        return (await connection.execute(text(asked))).scalar_one() > 0


@pytest.mark.server
async def test_an_erasure_that_is_under_way_is_waited_for(
    fresh_database: Callable[[], str],
) -> None:
    database = Database(dialect_of(fresh_database()))
    await database.open()
    outbox = Outbox(database)
    entries = await outbox.told(event("1"))
    forgotten = asyncio.Event()

    async def send() -> list[tuple[Event, bytes]]:
        await forgotten.wait()
        return await outbox.sent(entries)

    sending = asyncio.create_task(send())
    async with database.begin() as work:
        await REDACTION.forget(work, "default", ["a"])
        forgotten.set()
        # It has found no key, and wants to make one.
        async with asyncio.timeout(30):
            while not await waiting(database):
                pass
        assert not sending.done()
    ((blank, _),) = await sending
    assert blank.data["content_preview"] == ""
    assert await outbox.subjects() == []
    await database.close()
