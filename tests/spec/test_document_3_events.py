# SPDX-License-Identifier: Apache-2.0
"""Document 3's example of services that publish and consume events, as it stands there.

What the document leaves to the reader (the memory that is stored, how entities are found) is here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import MethodType
from typing import Any

import pytest
import pytest_asyncio

from rollcall.backends.eventlog.sql import SqlEventLog
from rollcall.backends.sql.database import Database, dialect_of
from rollcall.events.publisher import EventPublisher
from rollcall.events.subscriber import EventConsumer
from support.databases import sqlite_at
from support.servers.kafka import Kafka

SNIPPET = Path(__file__).with_name("document_3") / "event_integration.txt"
CONTENT = "Ada Lovelace wrote the first program"


class Services:
    """The document's memory service and entity extractor in one, with what it does not show."""

    def __init__(self, publisher: EventPublisher, consumer: EventConsumer) -> None:
        self.event_publisher = publisher
        self.event_consumer = consumer
        self.memory_service = self.knowledge_graph = self
        self.graph: list[tuple[str, list[dict[str, Any]]]] = []
        names: dict[str, Any] = {"memory_id": "mem_1", "memory": {"memory_id": "mem_1"}}
        exec(compile(SNIPPET.read_text(encoding="utf-8"), "document 3", "exec"), names)  # noqa: S102
        for name in ("add_memory", "setup", "handle_memory_created"):
            setattr(self, name, MethodType(names[name], self))

    async def get_memory(self, memory_id: str) -> dict[str, Any]:
        assert memory_id == "mem_1"
        return {"memory_id": memory_id, "content": CONTENT}

    async def extract_entities(self, content: str) -> list[dict[str, Any]]:
        return [{"id": "ent_1", "name": content[:12], "type": "person", "confidence": 0.9}]

    async def add_entities(self, memory_id: str, entities: list[dict[str, Any]]) -> None:
        self.graph.append((memory_id, entities))


@pytest_asyncio.fixture
async def sql_log(tmp_path: Path) -> AsyncIterator[SqlEventLog]:
    database = Database(dialect_of(sqlite_at(tmp_path / "rollcall.db")))
    await database.open()
    yield SqlEventLog(database)
    await database.close()


async def run_the_example(place: Any, group: str) -> None:
    found: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    listener = EventConsumer(place, f"{group}-listener", ["memory.entity.extracted"])
    listener.register_handler("memory.entity.extracted", found.put)
    publisher = EventPublisher(place)
    services: Any = Services(publisher, EventConsumer(place, group, ["memory.created"]))
    try:
        await services.setup()
        await listener.start()
        filters = {"agent_id": "agent_1"}
        assert await services.add_memory(CONTENT, filters) == {"memory_id": "mem_1"}
        event = await asyncio.wait_for(found.get(), 60)
    finally:
        await services.event_consumer.stop()
        await listener.stop()
        await publisher.close()

    entity = {"id": "ent_1", "name": "Ada Lovelace", "type": "person", "confidence": 0.9}
    assert services.graph == [("mem_1", [entity])]
    assert (event["memory_id"], event["entities"]) == ("mem_1", [entity])
    assert event["event_type"] == "memory.entity.extracted"
    assert event["event_id"]
    assert event["timestamp"].endswith("+00:00")


async def test_the_example_runs_on_the_embedded_log(sql_log: SqlEventLog) -> None:
    await run_the_example(sql_log, "extractor")


@pytest.mark.server
async def test_the_example_runs_on_kafka(kafka: Kafka, fresh_prefix: Callable[[], str]) -> None:
    await run_the_example(kafka.place, fresh_prefix() + "extractor")
