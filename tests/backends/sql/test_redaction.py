# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from sqlalchemy import select, text

from rollcall.backends.sql import event_keys
from rollcall.backends.sql.consumers import HELD
from rollcall.backends.sql.database import Database
from rollcall.backends.sql.outbox import OUTBOX
from rollcall.backends.sql.redaction import EventRedaction
from rollcall.events.envelope import Event, from_json, to_json
from rollcall.kernel.clock import utc

BLANKS = {"memory.updated": {"content_preview": ""}, "memory.deleted": {}}


def event(subject: str, kind: str = "memory.updated", namespace: str = "default") -> Event:
    data = {"memory_id": subject}
    if kind == "memory.updated":
        data["content_preview"] = "tea"
    return Event(
        id=f"{kind} {subject}",
        type=kind,
        source="/memory",
        subject=subject,
        time=utc(1),
        data=data,
        namespace=namespace,
    )


async def publish(database: Database, *events: Event) -> None:
    async with database.begin() as work:
        work.publish(*events)


async def previews(database: Database, table: str = "outbox") -> list[str]:
    async with database.reading() as connection:
        rows = await connection.execute(text(f"SELECT event FROM {table} ORDER BY position"))  # noqa: S608
        return [from_json(row.event).data.get("content_preview", "-") for row in rows]


async def test_events_about_a_subject_lose_what_they_tell_and_no_more(database: Database) -> None:
    await publish(
        database,
        event("a"),
        event("a", "memory.deleted"),
        event("b"),
        event("a", namespace="other"),
    )
    redaction = EventRedaction(BLANKS)
    async with database.reading() as connection:
        assert await redaction.count(connection, "default", ["a"]) == {"events": 1, "event_keys": 0}
    async with database.begin() as work:
        gone = await redaction.forget(work, "default", ["a", "c"])
    assert gone == {"events": 1, "event_keys": 0}
    assert await previews(database) == ["", "-", "tea", "tea"]
    async with database.begin() as work:
        for subjects in (["a"], []):
            again = await redaction.forget(work, "default", subjects)
            assert again == {"events": 0, "event_keys": 0}


async def test_keys_of_what_was_sent_elsewhere_go_with_it(database: Database) -> None:
    keys = {("default", "a"): b"1", ("default", "b"): b"2", ("other", "a"): b"3"}
    async with database.begin() as work:
        await event_keys.add(work.connection, keys)
        await event_keys.add(work.connection, {("default", "a"): b"4"})
    redaction = EventRedaction(BLANKS)
    async with database.reading() as connection:
        counted = await redaction.count(connection, "default", ["a", "c"])
        assert await event_keys.find(connection, keys) == keys
    assert counted == {"events": 0, "event_keys": 1}
    async with database.begin() as work:
        assert await redaction.forget(work, "default", ["a", "c"]) == counted
    async with database.reading() as connection:
        assert set(await event_keys.find(connection, keys)) == {*keys} - {("default", "a")}


async def test_what_groups_hold_is_redacted_too(database: Database) -> None:
    async with database.begin() as work:
        for position, one in enumerate((event("a"), event("b"))):
            await work.connection.execute(
                HELD.insert().values(
                    group_name="g",
                    position=position,
                    namespace="default",
                    attempts=1,
                    failed_at=0.0,
                    error="",
                    event=to_json(one).decode(),
                )
            )
    async with database.begin() as work:
        await EventRedaction(BLANKS).forget(work, "default", ["a"])
    assert await previews(database, "held_events") == ["", "tea"]


async def test_an_erasure_that_fails_redacts_nothing(database: Database) -> None:
    await publish(database, event("a"))
    try:
        async with database.begin() as work:
            await EventRedaction(BLANKS).forget(work, "default", ["a"])
            raise ZeroDivisionError
    except ZeroDivisionError:
        pass
    assert await previews(database) == ["tea"]


async def test_events_are_found_by_their_subject(database: Database) -> None:
    asked = select(OUTBOX.c.event).where(
        OUTBOX.c.namespace == "default", OUTBOX.c.subject.in_(["a"])
    )
    async with database.reading() as connection:
        compiled = asked.compile(connection.sync_engine, compile_kwargs={"literal_binds": True})
        rows = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}")
        steps = [row.detail for row in rows]
    assert steps == [
        "SEARCH outbox USING INDEX ix_outbox_namespace_subject (namespace=? AND subject=?)"
    ]
