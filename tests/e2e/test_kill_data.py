# SPDX-License-Identifier: Apache-2.0
"""`kill -9` of the gateway while definitions and memories change: each change has its event."""

from __future__ import annotations

import asyncio
import os
import random
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.accounts import Accounts, accounts_of, faults_of, graph_faults, unforwarded
from support.datawriters import CAPABILITIES, AgentWriter, MemoryWriter, Writer
from support.servers.kafka import Kafka
from support.servers.topics import topics_of
from support.serving import Serving, serving

CLIENTS = 4
"""Of each sort."""
WITHIN = 60.0
"""Seconds in which what is left is handled."""
_PATH = os.pathsep.join(
    [str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
)


@dataclass
class House:
    """Where the gateway runs, and on what.

    Args:
        folder: Its own.
        database: The URL of its database.
        program: The module that is run.
        variables: What it is told.
        kafka: Where its events go to.
        prefix: How its topics begin.
    """

    folder: Path
    database: str
    program: str = "rollcall"
    variables: Mapping[str, str] = field(default_factory=dict[str, str])
    kafka: Kafka | None = None
    prefix: str = ""

    def start(self) -> AbstractContextManager[Serving]:
        return serving(self.folder, "up", "gateway", program=self.program, **self.variables)

    def accounts(self) -> Accounts:
        return asyncio.run(accounts_of(self.database))

    def left(self) -> list[str]:
        """What is not in the graph yet, or not in Kafka."""
        accounts = self.accounts()
        left = graph_faults(accounts)
        if self.kafka is not None:
            left += unforwarded(accounts, asyncio.run(topics_of(self.kafka.place, self.prefix)))
        return left


def on_sqlite(folder: Path, **how: Any) -> House:
    return House(folder, f"sqlite:///{folder}/data/services.db", **how)


def faults_after_kills(house: House, seed: int, kills: int) -> list[str]:
    """What does not fit together after so many kills, each at some moment."""
    rng = random.Random(seed)
    writers: list[Writer[Any]] = [
        sort(f"{sort.__name__[0].lower()}{number}", random.Random(f"{seed} {sort} {number}"))
        for sort in (AgentWriter, MemoryWriter)
        for number in range(CLIENTS)
    ]
    faults: list[str] = []
    for number in range(kills):
        with house.start() as up:
            if not number:
                _add_capabilities(up)
            faults += _compared(up, writers)
            _killed_at_work(up, writers, rng.randrange(1, 120))
        faults += [one.fault for one in writers if one.fault]
    with house.start() as up:
        faults += _compared(up, writers)
        faults += _unsettled(up, house)
        assert up.end() == 0
    changes = {key: count for one in writers for key, count in one.changes.items()}
    acknowledged = sum(one.acknowledged for one in writers)
    sys.stdout.write(f"{acknowledged:,} changes were acknowledged, {kills} kills\n")
    return faults + faults_of(house.accounts(), changes)


def _add_capabilities(up: Serving) -> None:
    for one in CAPABILITIES:
        body = {"id": one, "name": one}
        httpx.post(f"{up.gateway}/api/capabilities", json=body).raise_for_status()


def _killed_at_work(up: Serving, writers: Sequence[Writer[Any]], after: int) -> None:
    """Kill it once so many changes were acknowledged, with others in flight."""
    stop, written = threading.Event(), threading.Semaphore(0)
    threads = [
        threading.Thread(target=one.write, args=(up.gateway, stop, written)) for one in writers
    ]
    for thread in threads:
        thread.start()
    for _ in range(after):
        if not written.acquire(timeout=30):
            break
    up.kill()
    stop.set()
    for thread in threads:
        thread.join(60)


def _compared(up: Serving, writers: Sequence[Writer[Any]]) -> list[str]:
    with httpx.Client(base_url=up.gateway, timeout=30) as http:
        return [fault for one in writers for fault in one.faults(one.look(http))]


def _unsettled(up: Serving, house: House) -> list[str]:
    """What is not handled, as long as that may take."""
    left: list[str] = []
    for _ in range(round(WITHIN / 0.2)):
        groups = httpx.get(f"{up.gateway}/api/v1/admin/events/groups", timeout=30).json()
        left = [str(one) for one in groups if one["lag"] or one["retrying"] or one["waiting"]]
        # A file cannot be looked into while it is in use; but there a lag of 0 is the end.
        if not left and house.database.startswith("postgresql"):
            left = house.left()
        if not left:
            break
        threading.Event().wait(0.2)
    return left


def test_every_change_has_its_event_on_sqlite(tmp_path: Path) -> None:
    assert faults_after_kills(on_sqlite(tmp_path), 1, 3) == []


@pytest.mark.server
@pytest.mark.slow
def test_every_change_has_its_event_on_postgresql(
    tmp_path: Path, fresh_database: Callable[[], str]
) -> None:
    url = fresh_database()
    house = House(tmp_path, url, variables={"ROLLCALL_STORE": url})
    assert faults_after_kills(house, 5, 3) == []


def on_kafka(folder: Path, url: str, kafka: Kafka, prefix: str) -> House:
    variables = {
        "ROLLCALL_STORE": url,
        "ROLLCALL_EVENTS": "kafka",
        "KAFKA_BOOTSTRAP_SERVERS": kafka.place,
        "KAFKA_TOPIC_PREFIX": prefix,
        "KAFKA_PARTITIONS": "3",
    }
    return House(folder, url, variables=variables, kafka=kafka, prefix=prefix)


@pytest.mark.server
@pytest.mark.timeout(240)
@pytest.mark.slow
def test_every_change_has_its_event_on_postgresql_with_kafka(
    tmp_path: Path, fresh_database: Callable[[], str], kafka: Kafka, fresh_prefix: Callable[[], str]
) -> None:
    house = on_kafka(tmp_path, fresh_database(), kafka, fresh_prefix())
    assert faults_after_kills(house, 6, 2) == []


@pytest.mark.kill
@pytest.mark.timeout(1800)
def test_every_change_has_its_event_in_fifty_kills_on_sqlite(tmp_path: Path) -> None:
    assert faults_after_kills(on_sqlite(tmp_path), 7, 50) == []


@pytest.mark.kill
@pytest.mark.server
@pytest.mark.timeout(1800)
def test_every_change_has_its_event_in_fifty_kills_on_postgresql_with_kafka(
    tmp_path: Path, fresh_database: Callable[[], str], kafka: Kafka, fresh_prefix: Callable[[], str]
) -> None:
    house = on_kafka(tmp_path, fresh_database(), kafka, fresh_prefix())
    assert faults_after_kills(house, 7, 50) == []


def test_publishing_after_the_commit_is_found_out(tmp_path: Path) -> None:
    house = on_sqlite(tmp_path, program="support.publishinglate", variables={"PYTHONPATH": _PATH})
    faults = faults_after_kills(house, 1, 2)
    assert any(" changes, but " in fault for fault in faults)
    assert any(", told as " in fault for fault in faults)
