# SPDX-License-Identifier: Apache-2.0
"""Services in processes of their own, on one PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from support.serving import REGISTRIES, Serving, eventually, serving

pytestmark = pytest.mark.server

CARD = {
    "agent_id": "translator",
    "agent_name": "Translator",
    "base_url": "http://10.0.0.7:9000",
    "capabilities": [{"name": "translation", "description": "German to English"}],
}
TOOL = {
    "name": "calc",
    "service_type": "tool",
    "host": "10.0.0.8",
    "port": 3006,
    "health_check": {"enabled": False},
}
WITHIN = 1.0
"""Seconds in which one process must show what another has acknowledged."""


@pytest.fixture
def split(tmp_path: Path, fresh_database: Callable[[], str]) -> Iterator[tuple[Serving, Serving]]:
    url = fresh_database()
    with ExitStack() as stack:
        yield tuple(  # type: ignore[misc]
            stack.enter_context(
                serving(tmp_path / name, "serve", name, PORT="0", ROLLCALL_STORE=url)
            )
            for name in ("service-registry", "agent-registry")
        )


def test_what_one_process_registers_the_other_shows_within_a_second(
    split: tuple[Serving, Serving],
) -> None:
    services, agents = split
    httpx.post(f"{agents.agents}/register", json=CARD).raise_for_status()
    eventually("translator", f"{services.services}/api/v1/discover", within=WITHIN)

    made = httpx.post(f"{services.services}/api/v1/register", json=TOOL).json()["service_id"]
    eventually(made, f"{agents.agents}/agents?kind=tool", within=WITHIN)

    httpx.patch(f"{agents.agents}/agents/translator/status", json={"status": "degraded"})
    eventually('"unhealthy"', f"{services.services}/api/v1/services/translator", within=WITHIN)

    httpx.delete(f"{services.services}/api/v1/unregister/translator").raise_for_status()
    eventually("record-not-found", f"{agents.agents}/agents/translator", within=WITHIN)


def test_each_goes_on_when_the_other_is_killed(split: tuple[Serving, Serving]) -> None:
    services, agents = split
    httpx.post(f"{agents.agents}/register", json=CARD).raise_for_status()
    eventually("translator", f"{services.services}/api/v1/discover", within=WITHIN)
    agents.kill()
    assert httpx.get(f"{services.services}/api/v1/services/translator").status_code == 200
    assert httpx.post(f"{services.services}/api/v1/register", json=TOOL).status_code == 201
    assert httpx.post(f"{services.services}/api/v1/heartbeat/translator").status_code == 200


def test_the_banner_shows_no_password(tmp_path: Path, fresh_database: Callable[[], str]) -> None:
    url = fresh_database().replace("postgres@", "postgres:hunter2@")
    with serving(tmp_path, *REGISTRIES, ROLLCALL_STORE=url) as one:
        assert "hunter2" not in one.output + one.errors()
        assert "postgresql" in one.output
        assert one.end() == 0
        assert "hunter2" not in one.errors()
