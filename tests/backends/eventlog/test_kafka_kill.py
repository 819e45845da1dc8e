# SPDX-License-Identifier: Apache-2.0
"""A process is killed while it writes changes to PostgreSQL, sends their events to Kafka and
handles them; then all must fit together.

The process is this file too: `python test_kafka_kill.py URL SERVERS PREFIX SEED RUN [VARIANT]`.
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Callable, Sequence

import pytest

from rollcall.backends.eventlog.kafka import KafkaEventLog
from rollcall.backends.eventlog.kafka_client import KafkaSettings
from rollcall.backends.sql.database import Database, dialect_of
from rollcall.events.dispatcher import Dispatcher
from rollcall.events.envelope import Event
from rollcall.events.subscriptions import Sink
from rollcall.kernel.clock import SystemClock
from rollcall.testing.event_log_contract.case import CREATED, DELETED
from support.changes import APART, OUTSIDE, TOGETHER, Worker, faults, make_tables
from support.killing import acknowledged_until_killed
from support.servers.kafka import Kafka

pytestmark = pytest.mark.server

RUNS = 2


def settings(servers: str, prefix: str) -> KafkaSettings:
    # Short, since who was killed says nothing to the group.
    return KafkaSettings(servers, prefix, partitions=3, session_timeout=1.0)


async def work_until_killed(
    url: str, servers: str, prefix: str, seed: str, run: str, variant: str = ""
) -> None:
    database = Database(dialect_of(url))
    await database.open()
    await make_tables(database)
    async with KafkaEventLog(settings(servers, prefix), database, SystemClock()) as log:
        await Worker(database, log, seed, run, variant).work()


async def events_of(log: KafkaEventLog) -> Sequence[Event]:
    """What is in Kafka, as a new group reads it."""
    found: dict[object, Event] = {}

    async def send(event: Event) -> None:
        found.setdefault(event.identity, event)

    dispatcher = Dispatcher(
        log, SystemClock(), [Sink("reader", frozenset({CREATED, DELETED}), send)]
    )
    await dispatcher.start()
    await asyncio.wait_for(dispatcher.drained(), 60)
    await dispatcher.stop()
    return list(found.values())


async def faults_after_kills(
    url: str, kafka: Kafka, prefix: str, seed: int, *variant: str
) -> list[str]:
    acknowledged: set[str] = set()
    for run in range(RUNS):
        moment = random.Random(f"{seed} {run}").randint(5, 150)
        told = await acknowledged_until_killed(
            *(__file__, url, kafka.place, prefix, str(seed), str(run), *variant), moment=moment
        )
        acknowledged |= {f"{run}-{number}-0" for number in range(1, told + 1)}
    database = Database(dialect_of(url))
    await database.open()
    try:
        async with KafkaEventLog(settings(kafka.place, prefix), database, SystemClock()) as log:
            return await faults(database, log, lambda: events_of(log), acknowledged)
    finally:
        await database.close()


@pytest.fixture
def place(
    fresh_database: Callable[[], str], kafka: Kafka, fresh_prefix: Callable[[], str]
) -> tuple[str, Kafka, str]:
    return fresh_database(), kafka, fresh_prefix()


@pytest.mark.parametrize(("seed", "variant"), [(0, ""), (1, TOGETHER)])
async def test_changes_events_and_effects_fit_together_after_kills(
    place: tuple[str, Kafka, str], seed: int, variant: str
) -> None:
    assert await faults_after_kills(*place, seed, variant) == []


@pytest.mark.kill
@pytest.mark.parametrize("variant", ["", TOGETHER])
@pytest.mark.parametrize("seed", range(3, 53))
async def test_changes_events_and_effects_fit_together_after_kills_again_and_again(
    place: tuple[str, Kafka, str], seed: int, variant: str
) -> None:
    assert await faults_after_kills(*place, seed, variant) == []


async def test_publishing_outside_the_outbox_is_found_out(place: tuple[str, Kafka, str]) -> None:
    found = await faults_after_kills(*place, 1, OUTSIDE)
    assert any("changes without an event" in fault for fault in found)


@pytest.mark.kill
async def test_effects_outside_the_handlers_unit_of_work_are_found_out(
    place: tuple[str, Kafka, str],
) -> None:
    found = await faults_after_kills(*place, 1, APART)
    assert any("the effect of" in fault for fault in found)


if __name__ == "__main__":
    asyncio.run(work_until_killed(*sys.argv[1:]))
