# SPDX-License-Identifier: Apache-2.0
"""Erasure where events have gone to a real Kafka: what was planted is in no byte of its topics, and
a reader that begins anew is told it no more.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import inspect, text

from rollcall.backends.eventlog.kafka import KafkaEventLog
from rollcall.backends.eventlog.kafka_client import KafkaSettings, new_consumer
from rollcall.backends.sql.database import Database, dialect_of
from rollcall.events.dispatcher import Dispatcher
from rollcall.events.envelope import Event
from rollcall.events.subscriptions import DeliverySettings, Handler, Sink, Subscription
from rollcall.kernel.clock import SystemClock
from rollcall.memory.module import BLANKS
from rollcall.memory.service import MemoryService
from rollcall.policies.retry import RetryPolicy
from support.databases import sqlite_at
from support.memories import memories_in
from support.servers.kafka import Kafka

pytestmark = pytest.mark.server

ANNA, BERT = {"user_id": "anna-planted"}, {"user_id": "bert-planted"}
PLANTED = "quixotryzebra"
TYPES = frozenset({"memory.created", "memory.updated", "memory.deleted"})
NEVER = DeliverySettings(retry=RetryPolicy(max_retries=0), poll=0.2)


class World:
    """Memories whose events go to Kafka."""

    def __init__(self, kafka: KafkaSettings, database: Database, url: str) -> None:
        self.kafka = kafka
        self.database = database
        self.log = KafkaEventLog(kafka, database, SystemClock(), BLANKS)
        self.memories: MemoryService[Any] = memories_in(database, url, SystemClock())

    async def replay(self, group: str) -> list[Event]:
        """All events, as a group is told them that is new."""
        told: list[Event] = []

        async def send(event: Event) -> None:
            told.append(event)

        async with self.delivering(Sink(group, TYPES, send)) as dispatcher:
            await asyncio.wait_for(dispatcher.drained(), 60)
        return told

    @asynccontextmanager
    async def delivering(self, subscription: Subscription[Any]) -> AsyncIterator[Dispatcher[Any]]:
        """Deliver to one group, which gives up what fails at once."""
        dispatcher = Dispatcher(self.log, SystemClock(), [subscription], NEVER)
        await dispatcher.start()
        try:
            yield dispatcher
        finally:
            await dispatcher.stop()

    async def raw(self, count: int) -> bytes:
        """All bytes of all topics, of which there are `count` messages."""
        member = new_consumer(self.kafka, "raw")
        member.subscribe([self.kafka.topic(name) for name in sorted(TYPES)])
        found: list[Any] = []
        await member.start()
        try:
            async with asyncio.timeout(60):
                while len(found) < count:
                    for some in (await member.getmany(timeout_ms=200)).values():
                        found += some
        finally:
            await member.stop()
        assert len(found) == count
        return b"".join(one.key + one.value + repr(one.headers).encode() for one in found)

    async def rows(self, *tables: str) -> str:
        """All that is in these tables of the database; without any, in all."""
        said: list[str] = []
        async with self.database.reading() as connection:
            names = await connection.run_sync(lambda sync: inspect(sync).get_table_names())
            for table in tables or names:
                rows = await connection.execute(text(f'SELECT * FROM "{table}"'))  # noqa: S608
                said += [f"{table} {tuple(row)}" for row in rows]
        return "\n".join(said)


@pytest_asyncio.fixture
async def world(
    tmp_path: Path, kafka: Kafka, fresh_prefix: Callable[[], str]
) -> AsyncIterator[World]:
    url = sqlite_at(tmp_path / "rollcall.db")
    async with AsyncExitStack() as stack:
        database = Database(dialect_of(url))
        await database.open()
        stack.push_async_callback(database.close)
        world = World(KafkaSettings(kafka.place, fresh_prefix(), partitions=2), database, url)
        await stack.enter_async_context(world.log)
        yield world


def shapes(word: str) -> list[bytes]:
    """A word, and how base64 writes its middle wherever it stands."""
    assert len(word) >= 9
    whole = [word.encode()]
    for before in range(3):
        coded = base64.b64encode(b" " * before + word.encode())
        whole.append(coded[4:-4])
    return whole


async def test_what_was_erased_is_in_no_byte_of_kafka_and_in_no_replay(world: World) -> None:
    ids: list[str] = []
    for number in range(5):
        memory = await world.memories.add_memory(
            f"{PLANTED} {number}", ANNA, {"topic": f"{PLANTED} {number}"}
        )
        await world.memories.update_memory(memory.id, f"{PLANTED} {number} once more")
        ids.append(memory.id)
    kept = await world.memories.add_memory("tea", BERT)
    before = await world.replay("before")
    assert len(before) == 11
    assert sum(PLANTED in str(event.data) for event in before) == 10

    dry = await world.memories.erase(ANNA, dry_run=True)
    receipt = await world.memories.erase(ANNA)
    assert receipt.removed == dry.removed
    assert (receipt.removed["events"], receipt.removed["event_keys"]) == (10, 5)

    after = await world.replay("after")
    raw = await world.raw(16)
    for word in (PLANTED, ANNA["user_id"], BERT["user_id"]):
        assert [shape for shape in shapes(word) if shape in raw] == []
    assert PLANTED not in str(after)
    assert ANNA["user_id"] not in str(after)
    rows = await world.rows()
    assert PLANTED not in rows
    assert ANNA["user_id"] not in rows
    assert kept.id in await world.rows("event_keys")
    blank = {"content_preview": "", "filters": {}, "metadata": {}}
    for id in ids:
        assert [(event.type, event.data) for event in after if event.subject == id] == [
            ("memory.created", {"memory_id": id, **blank}),
            ("memory.updated", {"memory_id": id, "content_preview": ""}),
            ("memory.deleted", {"memory_id": id}),
        ]
    (told,) = [event for event in after if event.subject == kept.id]
    assert told in before
    assert told.data["content_preview"] == "tea"


async def test_what_a_group_holds_is_sealed_and_shut_by_a_deletion(world: World) -> None:
    told: list[Event] = []

    async def handle(event: Event, work: Any) -> None:
        told.append(event)
        raise ValueError("it is broken")

    memory = await world.memories.add_memory(PLANTED, ANNA)
    handler = Handler("g", frozenset({"memory.created"}), handle)
    async with world.delivering(handler) as dispatcher:
        await asyncio.wait_for(dispatcher.drained(), 60)
        (parked,) = await dispatcher.parked("g")
        assert parked.event.data["content_preview"] == PLANTED
        held = await world.rows("kafka_held")
        assert memory.id in held
        assert PLANTED not in held

        await world.memories.delete_memory(memory.id)
        (parked,) = await dispatcher.parked("g")
        assert parked.event.data == {"memory_id": memory.id, "content_preview": "", "filters": {}}
        await dispatcher.replay("g", parked.position)
        await asyncio.wait_for(dispatcher.drained(), 60)
    assert [event.data["content_preview"] for event in told] == [PLANTED, ""]
    assert PLANTED not in await world.rows("outbox", "kafka_held", "held_events")
