# SPDX-License-Identifier: Apache-2.0
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from bench.events import ways
from bench.events.measure import IN_FLIGHT, THEIRS, page, through
from bench.service.wrk import Figures

from support.databases import sqlite_at
from support.servers.kafka import Kafka


async def test_a_unit_of_work_that_was_rolled_back_handled_nothing(tmp_path: Path) -> None:
    arrivals = ways.Arrivals()
    database = ways.Watched(sqlite_at(tmp_path / "rollcall.db"), arrivals)
    await database.open()
    event, arrival = ways.event("1", "a"), arrivals.expect("1")
    with suppress(ZeroDivisionError):
        async with database.begin() as work:
            await database.handle(event, work)
            raise ZeroDivisionError
    assert not arrival.done()
    async with database.begin() as work:
        await database.handle(event, work)
        assert not arrival.done()
    assert arrival.done()
    await database.close()


async def test_events_go_through_a_database(tmp_path: Path) -> None:
    url = sqlite_at(tmp_path / "rollcall.db")
    found = await through(lambda told: ways.database(told, url), 0.05)
    assert len(found) == len(IN_FLIGHT)
    assert all(one.rate > 0 and one.p50 and one.p99 and one.p50 <= one.p99 for one in found)


@pytest.mark.server
@pytest.mark.parametrize("way", ["outbox", "direct", "alone"])
async def test_events_go_through_kafka(
    tmp_path: Path, kafka: Kafka, fresh_prefix: Callable[[], str], way: str
) -> None:
    url, prefix = sqlite_at(tmp_path / "rollcall.db"), fresh_prefix()
    made = {
        "outbox": lambda told: ways.outbox(told, url, kafka.place, prefix),
        "direct": lambda told: ways.direct(told, kafka.place),
        "alone": lambda told: ways.alone(told, kafka.place, prefix),
    }
    found = await through(made[way], 0.05)
    assert all(one.rate > 0 for one in found)


def test_ways_on_kafka_are_told_beside_the_driver() -> None:
    text = page(
        {
            "SQLite, 1 under way": Figures(50.0, 0.01, 0.02),
            "SQLite, 64 under way": Figures(100.0, 0.01, 0.02),
            "Kafka, 1 under way": Figures(25.0, 0.01, 0.02),
            "Kafka, 64 under way": "it broke",
            f"{THEIRS}, 1 under way": Figures(100.0, 0.01, 0.02),
            f"{THEIRS}, 64 under way": Figures(100.0, 0.01, 0.02),
        }
    )
    assert "| SQLite, 1 under way | 50 | 10.00 ms | 20.00 ms |" in text
    assert "| Kafka, 64 under way | not measured: it broke | | |" in text
    told = [line for line in text.splitlines() if line.startswith("- ")]
    assert told == ["- Kafka, 1 under way: 0.25 times the rate of aiokafka alone"]


def test_without_the_driver_nothing_is_said_beside_it() -> None:
    missing = dict.fromkeys((f"{THEIRS}, {n} under way" for n in IN_FLIGHT), "no broker")
    text = page({"Kafka, 1 under way": Figures(1.0), "Kafka, 64 under way": "none", **missing})
    assert "- Kafka" not in text
