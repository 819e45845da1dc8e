# SPDX-License-Identifier: Apache-2.0
"""Replicas on ZooKeeper: one server, and an ensemble of three whose leader is killed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import NotEmptyError

from rollcall.kernel.clock import SystemClock
from support.servers.zookeeper import Zookeeper
from support.serving import REGISTRIES, Serving, eventually, serving

pytestmark = pytest.mark.server

WITHIN = 1.0
"""Seconds in which one replica must show what another has acknowledged."""
PATIENCE = 60.0
_clock = SystemClock()


def card(agent_id: str, **more: Any) -> dict[str, Any]:
    return {
        "agent_id": agent_id,
        "agent_name": agent_id,
        "base_url": "http://10.0.0.7:9000",
        "capabilities": [{"name": "translation"}],
        **more,
    }


def replicas_on(folder: Path, stack: ExitStack, hosts: str, root: str, count: int) -> list[Serving]:
    return [
        stack.enter_context(
            serving(
                folder / f"replica-{n}", *REGISTRIES, ZOOKEEPER_HOSTS=hosts, ZOOKEEPER_ROOT=root
            )
        )
        for n in range(count)
    ]


@pytest.fixture
def replicas(
    tmp_path: Path, zookeeper: Zookeeper, fresh_root: Callable[[], str]
) -> Iterator[list[Serving]]:
    with ExitStack() as stack:
        yield replicas_on(tmp_path, stack, zookeeper.hosts, fresh_root(), 2)


def test_what_happens_at_one_replica_is_seen_at_the_other_within_a_second(
    replicas: list[Serving],
) -> None:
    first, second = replicas
    assert httpx.get(f"{first.services}/health").json()["zookeeper_connected"] is True
    httpx.post(f"{first.agents}/register", json=card("a")).raise_for_status()
    eventually('"active"', f"{second.agents}/agents/a", within=WITHIN)
    httpx.patch(f"{second.agents}/agents/a/status", json={"status": "busy"}).raise_for_status()
    eventually('"busy"', f"{first.agents}/agents/a", within=WITHIN)
    httpx.post(f"{first.agents}/register", json=card("mayfly", heartbeat_timeout_seconds=2))
    for one in replicas:
        eventually('"offline"', f"{one.agents}/agents/mayfly", within=20)
    first.kill()
    assert httpx.post(f"{second.agents}/agents/a/heartbeat").status_code == 200
    assert httpx.delete(f"{second.agents}/agents/a").status_code == 200


def test_a_registry_that_is_killed_takes_no_registration_along(
    tmp_path: Path, zookeeper: Zookeeper, fresh_root: Callable[[], str]
) -> None:
    root = fresh_root()
    with ExitStack() as stack:
        (first,) = replicas_on(tmp_path, stack, zookeeper.hosts, root, 1)
        for number in range(50):
            httpx.post(f"{first.agents}/register", json=card(f"a{number}")).raise_for_status()
        first.kill()
        (again,) = replicas_on(tmp_path / "again", stack, zookeeper.hosts, root, 1)
        assert httpx.get(f"{again.agents}/stats").json()["total_agents"] == 50


def test_replicas_go_on_in_a_root_that_was_removed(
    tmp_path: Path, zookeeper: Zookeeper, fresh_root: Callable[[], str]
) -> None:
    root = fresh_root()
    outside = KazooClient(hosts=zookeeper.hosts)
    outside.start()
    try:
        with ExitStack() as stack:
            replicas = replicas_on(tmp_path, stack, zookeeper.hosts, root, 2)
            for number in range(20):
                url = replicas[number % 2].agents
                httpx.post(f"{url}/register", json=card(f"a{number}")).raise_for_status()
            with suppress(NotEmptyError):
                outside.delete(root, recursive=True)
            for one in replicas:
                eventually('"total_agents":0', f"{one.agents}/stats", within=PATIENCE)
                eventually('"status":"healthy"', f"{one.agents}/health", within=PATIENCE)
            httpx.post(f"{replicas[0].agents}/register", json=card("b")).raise_for_status()
            eventually('"active"', f"{replicas[1].agents}/agents/b", within=WITHIN)
    finally:
        outside.stop()
        outside.close()


def test_the_leader_of_the_ensemble_is_killed_and_all_goes_on(
    tmp_path: Path, ensemble: Zookeeper, fresh_root: Callable[[], str]
) -> None:
    with ExitStack() as stack:
        replicas = replicas_on(tmp_path, stack, ensemble.hosts, fresh_root(), 2)
        acknowledged: list[str] = []
        stop = threading.Event()

        def write() -> None:
            with httpx.Client(timeout=PATIENCE) as http:
                number = 0
                while not stop.is_set():
                    number += 1
                    agent_id = f"a{number:05}"
                    url = replicas[number % 2].agents
                    answer = http.post(f"{url}/register", json=card(agent_id))
                    assert answer.status_code in (200, 503), answer.text
                    if answer.status_code == 200:
                        acknowledged.append(agent_id)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            _until(lambda: len(acknowledged) > 50)
            ensemble.kill(ensemble.leader())
            before = len(acknowledged)
            _until(lambda: len(acknowledged) > before + 100)
        finally:
            stop.set()
            writer.join(PATIENCE)
        for one in replicas:
            eventually('"status":"healthy"', f"{one.agents}/health", within=PATIENCE)
            eventually(acknowledged[-1], f"{one.agents}/agents/{acknowledged[-1]}", within=PATIENCE)
            listed = httpx.get(f"{one.agents}/agents?limit=1000").json()
            assert {agent["agent_id"] for agent in listed} >= set(acknowledged[:900])


def _until(done: Callable[[], bool]) -> None:
    deadline = _clock.monotonic() + PATIENCE
    while not done():
        assert _clock.monotonic() < deadline
        threading.Event().wait(0.02)
