# SPDX-License-Identifier: Apache-2.0
"""Which event log a process has by its settings, and how operators see the one on Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from rollcall.app.compose import Platform
from rollcall.app.events import event_log, kafka_settings
from rollcall.app.places import places
from rollcall.app.services import Service
from rollcall.app.settings import Settings
from rollcall.backends.eventlog.kafka_client import KafkaSettings, ensure_topics
from rollcall.backends.eventlog.kafka_direct import KafkaSender
from rollcall.backends.eventlog.sql import SqlEventLog
from rollcall.backends.records.inmemory import InMemoryStore
from rollcall.backends.sql.database import Database, dialect_of
from rollcall.events.envelope import Event
from rollcall.events.log import UNREADABLE
from rollcall.events.subscriptions import Handler
from rollcall.kernel.clock import SystemClock
from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.ids import RandomIds
from rollcall.testing.event_log_contract.case import CREATED, created
from rollcall.web.module import Module
from support.databases import sqlite_at
from support.servers.kafka import Kafka

KAFKA = {"ROLLCALL_EVENTS": "kafka", "KAFKA_BOOTSTRAP_SERVERS": "k:9092"}
SASL = {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_SASL_USERNAME": "me"}
PHRASE = "hunter2"


def test_every_setting_of_kafka_reaches_it() -> None:
    settings = Settings.load(
        {
            **KAFKA,
            **SASL,
            "KAFKA_SASL_PASSWORD": PHRASE,
            "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
            "KAFKA_TOPIC_PREFIX": "fleet.",
            "KAFKA_PARTITIONS": "12",
            "KAFKA_REPLICATION_FACTOR": "3",
        }
    )
    assert kafka_settings(settings) == KafkaSettings(
        "k:9092",
        "fleet.",
        partitions=12,
        replicas=3,
        protocol="SASL_SSL",
        mechanism="SCRAM-SHA-512",
        user="me",
        password=PHRASE,
    )
    assert PHRASE not in repr(settings)


@pytest.mark.parametrize(
    ("given", "variable"),
    [
        ({"KAFKA_BOOTSTRAP_SERVERS": ""}, "KAFKA_BOOTSTRAP_SERVERS"),
        ({"KAFKA_REPLICATION_FACTOR": "0"}, "KAFKA_REPLICATION_FACTOR"),
        ({"KAFKA_SECURITY_PROTOCOL": "TLS"}, "KAFKA_SECURITY_PROTOCOL"),
        (SASL, "KAFKA_SASL_USERNAME"),
        ({**SASL, "KAFKA_SASL_PASSWORD": "x", "KAFKA_SASL_MECHANISM": "X"}, "KAFKA_SASL_MECHANISM"),
        ({"KAFKA_SSL_KEYFILE": "key.pem"}, "KAFKA_SSL_KEYFILE"),
        ({"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SSL_CAFILE": "/none"}, "KAFKA_SSL_CAFILE"),
        ({"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SSL_CERTFILE": "/none"}, "KAFKA_SSL_CERTFILE"),
    ],
)
def test_settings_of_no_sense_name_their_variable(given: dict[str, str], variable: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        kafka_settings(Settings.load({**KAFKA, **given}))
    assert refused.value.field == variable


async def test_without_being_told_otherwise_events_come_from_the_database(tmp_path: Path) -> None:
    settings = Settings.load({"KAFKA_BOOTSTRAP_SERVERS": "k:9092"})
    assert kafka_settings(settings) is None
    database = Database(dialect_of(sqlite_at(tmp_path / "services.db")))
    async with event_log(settings, database, SystemClock()) as log:
        assert isinstance(log, SqlEventLog)


class Desk:
    """An operator's, at a process that has one handler, in group `g`, and its events on Kafka."""

    def __init__(self, settings: Settings) -> None:
        self.handled: list[str] = []
        self.more = asyncio.Event()
        part = Module("part", subscriptions=[Handler("g", frozenset({CREATED}), self._handle)])
        clock, ids = SystemClock(), RandomIds()
        self.platform = Platform(
            settings,
            [Service("one", "one", lambda _: 0, "PORT", lambda _: (part,))],
            places(settings),
            clock,
            ids,
            InMemoryStore(clock, ids),
        )

    async def _handle(self, event: Event, work: Any) -> None:
        self.handled.append(event.id)
        self.more.set()

    async def call(self, method: str, path: str, **body: Any) -> Any:
        transport = httpx.ASGITransport(self.platform.apps["one"])
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            answer = await client.request(method, path, json=body or None)
        assert answer.is_success, answer.text
        return answer.json() if "json" in answer.headers["content-type"] else answer.text

    async def publish(self, *events: Event) -> None:
        async with self.platform.database.begin() as work:
            work.publish(*events)

    async def settled(self) -> None:
        await asyncio.wait_for(self.platform.dispatcher.drained(), 60)


@pytest.mark.server
async def test_operators_see_and_steer_delivery_from_kafka_as_that_from_sql(
    kafka: Kafka, fresh_prefix: Callable[[], str], tmp_path: Path
) -> None:
    prefix = fresh_prefix()
    own = KafkaSettings(kafka.place, prefix)
    await ensure_topics(own, [CREATED])
    sender = KafkaSender(own)
    await sender.put(CREATED, b"key", b"no event", ())
    await sender.close()
    desk = Desk(
        Settings.load(
            {
                **KAFKA,
                "KAFKA_BOOTSTRAP_SERVERS": kafka.place,
                "KAFKA_TOPIC_PREFIX": prefix,
                "ROLLCALL_STORE": "memory",
                "ROLLCALL_DATABASE": f"sqlite:///{tmp_path}/services.db",
                "ROLLCALL_DATA_DIR": str(tmp_path),
            }
        )
    )
    admin = "/api/v1/admin/events"
    async with desk.platform:
        await desk.publish(created("a1", "a"))
        await desk.settled()
        assert desk.handled == ["a1"]

        (dead,) = await desk.call("GET", f"{admin}/dead")
        place = {"group": "g", "position": dead["position"]}
        assert dead["event"]["type"] == UNREADABLE
        await desk.call("POST", f"{admin}/replay", **place)
        await desk.settled()
        (again,) = await desk.call("GET", f"{admin}/dead")
        assert again["failed_at"] > dead["failed_at"]
        await desk.call("POST", f"{admin}/skip", **place)
        assert await desk.call("GET", f"{admin}/dead") == []

        await desk.call("POST", f"{admin}/groups/g/pause")
        await desk.publish(created("a2", "a"), created("b1", "b"))
        lag = 0
        while lag < 2:
            (group,) = await desk.call("GET", f"{admin}/groups")
            lag = group["lag"]
        assert (group["paused"], desk.handled) == (True, ["a1"])
        await desk.call("POST", f"{admin}/groups/g/resume")
        await desk.settled()
        assert sorted(desk.handled) == ["a1", "a2", "b1"]
        (group,) = await desk.call("GET", f"{admin}/groups")
        assert (group["paused"], group["lag"], group["delivered"]) == (False, 0, 3)
        figures = await desk.call("GET", "/metrics")
    assert 'rollcall_event_lag{group="g"}' in figures
    assert "rollcall_events_unsent" in figures
