# SPDX-License-Identifier: Apache-2.0
"""Erasure as a user asks for it: what they have said anywhere is nowhere afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from rollcall.kernel.clock import SystemClock
from support.serving import Serving, serving

PLANTED = "quixotryzebra"
ADA = {"user_id": "ada"}
PATIENCE = 30.0
SERVICES = ("up", "service-registry", "agent", "tools", "gateway")
_clock = SystemClock()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def store(request: pytest.FixtureRequest) -> str:
    """The URL of a database; empty: files in the folder of the test."""
    if request.param == "sqlite":
        return ""
    fresh: Callable[[], str] = request.getfixturevalue("fresh_database")
    return fresh()


@pytest.fixture
def up(tmp_path: Path, store: str) -> Iterator[Serving]:
    with serving(tmp_path, *SERVICES, **({"ROLLCALL_STORE": store} if store else {})) as running:
        yield running


def until(question: Callable[[], Any], what: str) -> None:
    """Ask until there is an answer: events take their time."""
    deadline = _clock.monotonic() + PATIENCE
    while not question():
        assert _clock.monotonic() < deadline, what


def plant(client: httpx.Client, up: Serving) -> None:
    """Have the planted word in a memory, its history, the graph, a conversation and a message."""
    said = {"content": f"My name is {PLANTED.title()} Lovelace. {PLANTED} tea", "filters": ADA}
    memory = client.post("/api/memories", json={**said, "metadata": {"topic": PLANTED}}).json()
    client.patch(f"/api/memories/{memory['id']}", json={"content": f"{PLANTED}@example.com"})
    process = f"{up.talk}/api/v1/process"
    message = {"user_input": f"remember: {PLANTED} is my word", "session_id": "s1", **ADA}
    client.post(process, json=message).raise_for_status()
    other = {"user_input": "what stays is tea", "session_id": "s2", "user_id": "bert"}
    client.post(process, json=other).raise_for_status()
    until(lambda: PLANTED in client.get("/api/graph/entities").text.lower(), "no entities")
    until(lambda: found(client, up, PLANTED), "the message is not found")
    until(lambda: found(client, up, "stays"), "the other message is not found")


def found(client: httpx.Client, up: Serving, word: str) -> list[Any]:
    answer = client.post(f"{up.tools}/messages", json={"query": word})
    return answer.raise_for_status().json()["results"]


def holding(folder: Path, store: str) -> list[str]:
    """Where the planted word still is: files, or tables."""
    if store:
        return asyncio.run(_rows(store))
    files = [one for one in (folder / "data").rglob("*") if one.is_file()]
    return [one.name for one in files if PLANTED.encode() in one.read_bytes().lower()]


async def _rows(url: str) -> list[str]:
    connection = await asyncpg.connect(url)
    try:
        names = await connection.fetch(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
        )
        holding: list[str] = []
        for (name,) in names:
            asked = f'SELECT count(*) FROM "{name}" AS one WHERE lower(one::text) LIKE $1'  # noqa: S608
            if await connection.fetchval(asked, f"%{PLANTED}%"):
                holding.append(name)
        return holding
    finally:
        await connection.close()


def test_what_a_user_has_said_anywhere_is_nowhere_after_an_erasure(
    up: Serving, store: str, tmp_path: Path
) -> None:
    with httpx.Client(base_url=up.gateway, timeout=PATIENCE, trust_env=False) as client:
        plant(client, up)
        assert holding(tmp_path, store)
        dry = client.post("/api/memories/erase", json={"filters": ADA, "dry_run": True})
        would = dry.raise_for_status().json()["removed"]
        assert would["memories"] >= 1
        assert would["history"] >= 1
        assert (would["conversations"], would["turns"], would["messages"]) == (1, 1, 2)
        assert found(client, up, PLANTED)

        receipt = client.post("/api/memories/erase", json={"filters": ADA}).raise_for_status()
        assert receipt.json()["removed"] == would
        assert holding(tmp_path, store) == []
        assert found(client, up, PLANTED) == []
        assert found(client, up, "stays")
        assert client.get(f"{up.talk}/api/v1/sessions/s1").status_code == 404
        assert client.get(f"{up.talk}/api/v1/sessions/s2").status_code == 200

        # Who reads the events of it again learns nothing, and stumbles over nothing.
        until(lambda: settled(client), "the graph has not settled")
        assert holding(tmp_path, store) == []
        again = client.post("/api/memories/erase", json={"filters": ADA}).raise_for_status()
        assert set(again.json()["removed"].values()) == {0}
    assert PLANTED not in up.errors()


def settled(client: httpx.Client) -> bool:
    return PLANTED not in client.get("/api/graph/export?format=json").text.lower()
