# SPDX-License-Identifier: Apache-2.0
"""What `rollcall doctor` says of where events are delivered from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from rollcall.app.findings import Finding, Grade
from rollcall.app.places import places
from rollcall.app.servers import answers
from rollcall.app.settings import Settings
from rollcall.backends.eventlog.kafka_client import KafkaSettings, ensure_topics
from rollcall.kernel.clock import SystemClock
from rollcall.testing.event_log_contract.case import CREATED, DELETED
from support.servers.kafka import Kafka
from support.servers.ports import free_ports


async def found(**variables: str) -> Finding:
    """What is said of events."""
    settings = Settings.load({"ROLLCALL_STORE": "memory", **variables})
    (finding,) = [one async for one in answers(places(settings), settings, SystemClock())]
    return finding


async def test_events_from_the_database_need_no_server() -> None:
    assert (await found()).grade is Grade.OK
    forgotten = await found(KAFKA_BOOTSTRAP_SERVERS="k:9092")
    assert forgotten.grade is Grade.WARNING
    assert "ROLLCALL_EVENTS=kafka" in forgotten.text


async def test_a_kafka_that_is_away_or_not_named_is_an_error() -> None:
    (port,) = free_ports(1)
    away = await found(ROLLCALL_EVENTS="kafka", KAFKA_BOOTSTRAP_SERVERS=f"127.0.0.1:{port}")
    assert (away.subject, away.grade) == ("Kafka", Grade.ERROR)
    assert "Is it running" in away.text
    nowhere = await found(ROLLCALL_EVENTS="kafka")
    assert nowhere.grade is Grade.ERROR
    assert "KAFKA_BOOTSTRAP_SERVERS" in nowhere.text


@pytest.mark.server
async def test_kafka_says_which_cluster_it_is_and_what_topics_there_are(
    kafka: Kafka, fresh_prefix: Callable[[], str], tmp_path: Path
) -> None:
    own = KafkaSettings(kafka.place, fresh_prefix())

    async def looked_at() -> Finding:
        return await found(
            ROLLCALL_EVENTS="kafka",
            KAFKA_BOOTSTRAP_SERVERS=kafka.place,
            KAFKA_TOPIC_PREFIX=own.prefix,
        )

    empty = await looked_at()
    assert (empty.subject, empty.grade) == ("Kafka", Grade.OK)
    assert "brokers: 1, no topics yet" in empty.text

    await ensure_topics(replace(own, partitions=3), [CREATED])
    others = await looked_at()
    assert others.grade is Grade.WARNING
    assert "set KAFKA_PARTITIONS=3" in others.text

    await ensure_topics(own, [DELETED])
    mixed = await looked_at()
    assert mixed.grade is Grade.WARNING
    assert f"{own.prefix}{CREATED} 3, {own.prefix}{DELETED} 6" in mixed.text
