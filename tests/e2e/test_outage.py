# SPDX-License-Identifier: Apache-2.0
"""The store goes away under a running registry, and comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from rollcall.kernel.clock import SystemClock
from support.servers.shared import Server, Shared
from support.serving import REGISTRIES, Serving, eventually, serving, start

pytestmark = pytest.mark.server

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


@pytest.fixture
def registry(tmp_path: Path, store: Shared) -> Iterator[Serving]:
    with serving(tmp_path, *REGISTRIES, ROLLCALL_STORE=store.url) as one:
        yield one


@pytest.mark.parametrize("how", ["stopped", "cut off"])
def test_without_its_store_it_answers_from_memory_and_goes_on_by_itself(
    how: str, registry: Serving, store: Shared
) -> None:
    url = registry.agents
    httpx.post(f"{url}/register", json=card("a")).raise_for_status()
    assert "Age" not in httpx.get(f"{url}/agents/a").headers

    _take_away(store.server, how)
    try:
        refused = httpx.post(f"{url}/register", json=card("b"), timeout=PATIENCE)
        assert refused.status_code == 503, refused.text
        assert refused.headers["content-type"] == "application/problem+json"
        assert int(refused.headers["Retry-After"]) >= 1

        read = httpx.get(f"{url}/agents/a")
        assert read.json()["status"] == "active"
        assert int(read.headers["Age"]) >= 0
        assert httpx.get(f"{url}/capabilities/search?q=translation").json()[0]["agent_id"] == "a"
        assert httpx.post(f"{url}/agents/a/heartbeat").status_code == 200
        health = httpx.get(f"{url}/health").json()
        assert (health["status"], health["failed"]) == ("degraded", ["store"])
    finally:
        _bring_back(store.server, how)

    deadline = _clock.monotonic() + PATIENCE
    while httpx.post(f"{url}/register", json=card("b"), timeout=PATIENCE).status_code != 200:
        assert _clock.monotonic() < deadline
        asyncio.run(asyncio.sleep(0.1))
    eventually('"status":"healthy"', f"{url}/health", within=PATIENCE)
    answer = httpx.get(f"{url}/agents/b")
    assert answer.status_code == 200
    assert "Age" not in answer.headers


def test_nobody_is_expired_for_the_time_that_the_store_was_away(
    registry: Serving, store: Shared
) -> None:
    url = registry.agents
    httpx.post(f"{url}/register", json=card("a", heartbeat_timeout_seconds=3)).raise_for_status()
    store.server.stop()
    try:
        began = _clock.monotonic()
        while _clock.monotonic() - began < 5:
            status = httpx.get(f"{url}/agents/a").json()["status"]
            assert httpx.post(f"{url}/agents/a/heartbeat").status_code == 200
            assert status != "offline"
            asyncio.run(asyncio.sleep(0.25))
    finally:
        store.server.start()
    eventually('"status":"healthy"', f"{url}/health", within=PATIENCE)
    assert httpx.get(f"{url}/agents/a").json()["status"] in ("active", "suspect")
    assert httpx.post(f"{url}/agents/a/heartbeat").status_code == 200
    eventually('"active"', f"{url}/agents/a", within=PATIENCE)


def test_it_starts_only_where_its_store_answers_and_says_so(tmp_path: Path, store: Shared) -> None:
    store.server.stop()
    try:
        with pytest.raises(RuntimeError, match=f"{store.server.place}") as failed:
            start(tmp_path, *REGISTRIES, ROLLCALL_STORE=store.url)
        assert "Traceback" not in str(failed.value)
    finally:
        store.server.start()


def _take_away(server: Server, how: str) -> None:
    if how == "stopped":
        server.stop()
    else:
        server.freeze(on=True)


def _bring_back(server: Server, how: str) -> None:
    if how == "stopped":
        server.start()
    else:
        server.freeze(on=False)
