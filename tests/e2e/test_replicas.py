# SPDX-License-Identifier: Apache-2.0
"""Two and three replicas on one PostgreSQL, and on one ZooKeeper."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from rollcall.kernel.clock import SystemClock
from support.servers.shared import Shared
from support.serving import REGISTRIES, Serving, eventually, serving

pytestmark = pytest.mark.server

WITHIN = 1.0
"""Seconds in which one replica must show what another has acknowledged."""


def card(agent_id: str, timeout: float = 60) -> dict[str, Any]:
    return {
        "agent_id": agent_id,
        "agent_name": agent_id,
        "base_url": "http://10.0.0.7:9000",
        "capabilities": [{"name": "translation"}],
        "heartbeat_timeout_seconds": timeout,
    }


@pytest.fixture
def replicas(tmp_path: Path, store: Shared) -> Iterator[list[Serving]]:
    with ExitStack() as stack:
        yield [
            stack.enter_context(
                serving(tmp_path / f"replica-{n}", *REGISTRIES, ROLLCALL_STORE=store.url)
            )
            for n in range(3)
        ]


class Listener:
    """Collects the events of one replica until it is closed."""

    def __init__(self, replica: Serving, query: str = "") -> None:
        self.events: list[dict[str, Any]] = []
        self._ready = threading.Event()
        self._thread = threading.Thread(
            target=self._read, args=(f"{replica.agents}/events{query}",)
        )
        self._thread.start()
        assert self._ready.wait(30)

    def _read(self, url: str) -> None:
        try:
            with httpx.stream("GET", url, timeout=httpx.Timeout(10, read=60)) as stream:
                for line in stream.iter_lines():
                    self._ready.set()
                    if line.startswith("data: "):
                        self.events.append(json.loads(line[6:]))
        except httpx.HTTPError:
            # The replica was stopped, which is how a test ends this.
            self._ready.set()

    def join(self) -> None:
        self._thread.join(30)
        assert not self._thread.is_alive()


def test_what_is_registered_changed_and_removed_at_one_is_seen_at_all_within_a_second(
    replicas: list[Serving],
) -> None:
    first, *others = replicas
    httpx.post(f"{first.agents}/register", json=card("a")).raise_for_status()
    for one in others:
        eventually('"active"', f"{one.agents}/agents/a", within=WITHIN)
    for place, status in enumerate(("busy", "degraded", "unhealthy")):
        writer = replicas[place]
        httpx.patch(f"{writer.agents}/agents/a/status", json={"status": status})
        for one in replicas:
            eventually(f'"{status}"', f"{one.agents}/agents/a", within=WITHIN)
    httpx.delete(f"{others[0].agents}/agents/a").raise_for_status()
    for one in replicas:
        eventually("record-not-found", f"{one.agents}/agents/a", within=WITHIN)


def test_the_same_service_registered_at_two_replicas_is_one_record(
    replicas: list[Serving],
) -> None:
    tool = {"name": "calc", "service_type": "tool", "host": "10.0.0.8", "port": 3006}
    ids = {
        httpx.post(f"{one.services}/api/v1/register", json=tool).json()["service_id"]
        for one in replicas
    }
    assert len(ids) == 1
    for one in replicas:
        eventually('"total_count":1', f"{one.services}/api/v1/discover", within=WITHIN)


def test_an_expiry_is_one_event_at_every_replica_and_the_same_one(
    replicas: list[Serving],
) -> None:
    listeners = [Listener(one, "?type=status_changed") for one in replicas]
    httpx.post(f"{replicas[0].agents}/register", json=card("mayfly", 2)).raise_for_status()
    for one in replicas:
        eventually('"offline"', f"{one.agents}/agents/mayfly", within=20)
    # A later change at each shows that nothing else came in between.
    httpx.patch(f"{replicas[1].agents}/agents/mayfly/status", json={"status": "busy"})
    for one in replicas:
        eventually('"reported":"busy"', f"{one.agents}/health/mayfly", within=10)
    for one in replicas:
        assert one.end() == 0
    for listener in listeners:
        listener.join()
    expiries = [
        [event for event in listener.events if event["new"] == "offline"] for listener in listeners
    ]
    assert [len(one) for one in expiries] == [1, 1, 1]
    assert len({one[0]["event_id"] for one in expiries}) == 1


def test_each_answers_alone_while_the_others_are_gone(replicas: list[Serving]) -> None:
    httpx.post(f"{replicas[0].agents}/register", json=card("a")).raise_for_status()
    eventually('"active"', f"{replicas[2].agents}/agents/a", within=WITHIN)
    replicas[0].kill()
    replicas[1].kill()
    last = replicas[2]
    assert httpx.get(f"{last.agents}/agents/a").status_code == 200
    assert httpx.post(f"{last.agents}/agents/a/heartbeat").status_code == 200
    assert httpx.post(f"{last.agents}/register", json=card("b")).status_code == 200
    assert httpx.patch(f"{last.agents}/agents/a/status", json={"status": "busy"}).is_success


@pytest.mark.parametrize(
    ("count", "timeout", "stretch", "pause"),
    [(1_000, 5.0, 6.0, 1.0), pytest.param(10_000, 8.0, 10.0, 1.5, marks=pytest.mark.slow)],
)
def test_agents_that_heartbeat_at_changing_replicas_are_never_expired(
    replicas: list[Serving], count: int, timeout: float, stretch: float, pause: float
) -> None:
    # For longer than a lease lives a replica hears nothing of two thirds of the agents, so it
    # has to learn of their heartbeats from the others.
    stretches = 2
    listeners = [Listener(one, "?type=status_changed") for one in replicas]
    clock = SystemClock()
    ids = [f"a{number:05}" for number in range(count)]
    registered: list[str] = []
    heard = clock.monotonic()

    def beat(shift: int) -> None:
        nonlocal heard
        began = clock.monotonic()
        for place, replica in enumerate(replicas):
            some = registered[(shift + place) % 3 :: 3]
            answer = httpx.post(
                f"{replica.agents}/heartbeats", json={"agent_ids": some}, timeout=60
            ).json()
            assert (answer["renewed"], answer["unknown"]) == (len(some), [])
        assert clock.monotonic() - heard < timeout, "too slow a machine to heartbeat in time"
        heard = began

    for start in range(0, len(ids), 500):
        some = ids[start : start + 500]
        httpx.post(
            f"{replicas[start % 3].agents}/register/batch",
            json={"agents": [card(one, timeout) for one in some]},
            timeout=60,
        ).raise_for_status()
        registered += some
        # Those that came first must not lapse while the last are registered.
        if clock.monotonic() - heard > pause or len(registered) == len(ids):
            for one in replicas:
                eventually(f'"total_agents":{len(registered)}', f"{one.agents}/stats", within=30)
            beat(0)

    began = clock.monotonic()
    while (elapsed := clock.monotonic() - began) < stretch * stretches:
        beat(int(elapsed / stretch))
        threading.Event().wait(max(0.0, heard + pause - clock.monotonic()))

    for one in replicas:
        assert httpx.get(f"{one.agents}/stats").json()["active_agents"] == len(ids)
    for one in replicas:
        one.kill()
    for listener in listeners:
        listener.join()
        assert listener.events == []
