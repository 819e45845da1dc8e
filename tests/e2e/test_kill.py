# SPDX-License-Identifier: Apache-2.0
"""`kill -9` of the server with writes in flight: all that was acknowledged is there, no more."""

from __future__ import annotations

import os
import random
import sys
import textwrap
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.serving import REGISTRIES, Serving, serving

CLIENTS = 8
AGENTS = 4
"""How many agents each client writes about, so that it changes and removes what it made."""
State = tuple[int, str] | None
"""Of an agent: the number of its last registration, and the status reported; None: not there."""


@dataclass
class Client:
    """Writes about agents of its own, one write at a time, and remembers what it was told."""

    name: str
    rng: random.Random
    known: dict[str, State] = field(default_factory=dict)
    unsure: dict[str, list[State]] = field(default_factory=dict)
    acknowledged: int = 0
    fault: str = ""

    def write(self, url: str, stop: threading.Event, written: threading.Semaphore) -> None:
        with httpx.Client(base_url=url, timeout=30) as http:
            while not stop.is_set():
                agent_id = f"{self.name}-{self.rng.randrange(AGENTS)}"
                state = self.known.get(agent_id)
                method, path, body, wanted = self._act(agent_id, state)
                self.unsure[agent_id] = [state, wanted]
                try:
                    answer = http.request(method, path, json=body)
                except httpx.HTTPError:
                    return
                if not answer.is_success:
                    self.fault = f"{method} {path}: {answer.status_code} {answer.text}"
                    return
                self.known[agent_id] = wanted
                del self.unsure[agent_id]
                self.acknowledged += 1
                written.release()

    def _act(self, agent_id: str, state: State) -> tuple[str, str, Any, State]:
        if state is None or self.rng.random() < 0.4:
            number = self.rng.randrange(1 << 30)
            body = {
                "agent_id": agent_id,
                "agent_name": "A",
                "base_url": "http://10.0.0.1:9000",
                "metadata": {"number": number},
                "capabilities": [{"name": f"skill {number % 7}"}],
            }
            return "POST", "/register", body, (number, "active")
        if self.rng.random() < 0.6:
            status = self.rng.choice(["busy", "degraded", "active"])
            return "PATCH", f"/agents/{agent_id}/status", {"status": status}, (state[0], status)
        return "DELETE", f"/agents/{agent_id}", None, None

    def faults(self, there: dict[str, State]) -> list[str]:
        """What is lost or invented, and take over what turned out to be there."""
        found: list[str] = []
        for number in range(AGENTS):
            agent_id = f"{self.name}-{number}"
            state = there.get(agent_id)
            allowed = self.unsure.pop(agent_id, [self.known.get(agent_id)])
            if state not in allowed:
                found.append(f"{agent_id} is {state}, not one of {allowed}")
            self.known[agent_id] = state
        return found


def agents_of(registry: Serving) -> dict[str, State]:
    listed = httpx.get(f"{registry.agents}/agents?limit=1000", timeout=30).json()
    return {one["agent_id"]: (one["metadata"]["number"], one["status"]) for one in listed}


def faults_after_kills(start: Callable[[], Any], seed: int, kills: int) -> list[str]:
    """What was lost or invented by killing the server so often, each time at some moment."""
    rng = random.Random(seed)
    clients = [Client(f"c{n}", random.Random(f"{seed}-{n}")) for n in range(CLIENTS)]
    faults: list[str] = []
    for _ in range(kills):
        with start() as registry:
            faults += _compared(clients, registry)
            _killed_at_work(registry, clients, rng.randrange(1, 120))
        faults += [client.fault for client in clients if client.fault]
    with start() as registry:
        faults += _compared(clients, registry)
    acknowledged = sum(client.acknowledged for client in clients)
    sys.stdout.write(f"{acknowledged:,} writes were acknowledged, {kills} kills\n")
    return faults


def _killed_at_work(registry: Serving, clients: list[Client], after: int) -> None:
    """Kill it once so many writes were acknowledged, with others in flight."""
    stop, written = threading.Event(), threading.Semaphore(0)
    threads = [
        threading.Thread(target=client.write, args=(registry.agents, stop, written))
        for client in clients
    ]
    for thread in threads:
        thread.start()
    for _ in range(after):
        if not written.acquire(timeout=30):
            break
    registry.kill()
    stop.set()
    for thread in threads:
        thread.join(60)


def _compared(clients: list[Client], registry: Serving) -> list[str]:
    there = agents_of(registry)
    faults = [fault for client in clients for fault in client.faults(there)]
    names = {client.name for client in clients}
    return faults + [f"{one} was invented" for one in there if one.partition("-")[0] not in names]


@pytest.mark.parametrize("seed", range(3))
def test_what_was_acknowledged_survives_on_sqlite(seed: int, tmp_path: Path) -> None:
    assert faults_after_kills(lambda: serving(tmp_path, *REGISTRIES), seed, 2) == []


@pytest.mark.server
@pytest.mark.parametrize("seed", range(3))
def test_what_was_acknowledged_survives_on_postgresql(
    seed: int, tmp_path: Path, fresh_database: Callable[[], str]
) -> None:
    url = fresh_database()

    def start() -> Any:
        return serving(tmp_path, *REGISTRIES, ROLLCALL_STORE=url)

    assert faults_after_kills(start, seed, 2) == []


@pytest.mark.kill
@pytest.mark.timeout(1800)
def test_it_survives_fifty_kills_on_sqlite(tmp_path: Path) -> None:
    assert faults_after_kills(lambda: serving(tmp_path, *REGISTRIES), 7, 50) == []


@pytest.mark.kill
@pytest.mark.server
@pytest.mark.timeout(1800)
def test_it_survives_fifty_kills_on_postgresql(
    tmp_path: Path, fresh_database: Callable[[], str]
) -> None:
    url = fresh_database()

    def start() -> Any:
        return serving(tmp_path, *REGISTRIES, ROLLCALL_STORE=url)

    assert faults_after_kills(start, 7, 50) == []


HASTY = '''
import asyncio
from pathlib import Path

from rollcall.backends.records.inmemory import InMemoryStore
from rollcall.backends.records.sqlite import SqliteStore


class Hasty:
    """Acknowledges what memory has taken, and writes it to the disk a little later."""

    traits = SqliteStore.traits

    def __init__(self, path, clock, ids):
        self.kept, self.memory = SqliteStore(path, clock, ids), InMemoryStore(clock, ids)
        self.tasks = set()

    async def open(self):
        from rollcall.registry.models import TABLE_OF
        from rollcall.registry.store import Write

        snapshot = await self.kept.open()
        await self.memory.open()
        for number, one in enumerate(snapshot.docs):
            doc = one.doc
            await self.memory.commit(
                [Write(f"load-{number}", "load", TABLE_OF[type(doc)], doc.namespace, doc.id, doc)]
            )
        return await self.memory.open()

    async def commit(self, writes):
        outcomes = await self.memory.commit(writes)
        task = asyncio.create_task(self.later(writes))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return outcomes

    async def later(self, writes):
        await asyncio.sleep(0.05)
        import msgspec

        await self.kept.commit([msgspec.structs.replace(one, expect=None) for one in writes])

    def __getattr__(self, name):
        return getattr(self.memory, name)


def store(url, clock, ids):
    return Hasty(Path(url.path), clock, ids)
'''


def test_a_store_that_acknowledges_before_it_commits_is_found_out(tmp_path: Path) -> None:
    plugin = tmp_path / "plugin"
    metadata = plugin / "hasty-1.dist-info"
    metadata.mkdir(parents=True)
    (plugin / "hasty.py").write_text(textwrap.dedent(HASTY))
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: hasty\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text("[rollcall.record_stores]\nhasty = hasty:store\n")

    def start() -> Any:
        return serving(
            tmp_path,
            *REGISTRIES,
            PYTHONPATH=os.pathsep.join(
                [str(plugin), *filter(None, [os.environ.get("PYTHONPATH")])]
            ),
            ROLLCALL_STORE=f"hasty://{tmp_path}/hasty.db",
            ROLLCALL_DATABASE=f"sqlite:///{tmp_path}/services.db",
        )

    faults = faults_after_kills(start, 1, 2)
    assert any(" is " in fault for fault in faults)
