# SPDX-License-Identifier: Apache-2.0
"""The gateway and its services in processes of their own, on one PostgreSQL."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.modelled import until
from support.servers.postgres import Postgres
from support.serving import Serving, serving

pytestmark = pytest.mark.server

SESSIONS = "/api/v1/sessions"
DISCOVER = "/api/v1/discover"
CLIENTS = 4
BEFORE = 60
"""Answers before an instance is killed."""
AFTER = 120


@dataclass
class House:
    """Processes that know each other by the registry alone."""

    folder: Path
    stack: ExitStack
    told: dict[str, str]
    remote: bool

    def start(self, service: str, name: str) -> Serving:
        one = serving(self.folder / name, "serve", service, **self.told)
        return self.stack.enter_context(one)

    def open(self) -> None:
        self.registry = self.start("service-registry", "registry")
        if self.remote:
            self.told["SERVICE_REGISTRY_URL"] = self.registry.services
        self.start("tools", "tools")
        self.agent = self.start("agent", "agent")
        self.gateway = self.start("gateway", "gateway")
        until(lambda: {self.healthy()[name] for name in ("agent", "tools")} == {"ok"})

    def healthy(self) -> dict[str, Any]:
        return httpx.get(f"{self.gateway.gateway}/health", timeout=30).json()["checks"]

    def sessions(self) -> httpx.Response:
        """Something that the gateway asks an agent for."""
        headers = {"Authorization": "Bearer secret"}
        url = f"{self.gateway.gateway}/services/agent{SESSIONS}"
        return httpx.get(url, headers=headers, timeout=30)


@pytest.fixture(scope="module", params=["the registry's store", "SERVICE_REGISTRY_URL"])
def house(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    postgres: Postgres,
    template: str,
) -> Iterator[House]:
    remote = request.param == "SERVICE_REGISTRY_URL"
    url = postgres.create(f"apart_{'remote' if remote else 'shared'}", template)
    with ExitStack() as stack:
        told = {"PORT": "0", "ROLLCALL_STORE": url}
        one = House(tmp_path_factory.mktemp("apart"), stack, told, remote)
        one.open()
        yield one
        assert one.gateway.end() == 0
        assert "Traceback" not in one.gateway.errors()


def test_services_apart_are_found_and_asked_by_the_registry(house: House) -> None:
    url = house.gateway.gateway
    checks = house.healthy()
    assert checks["memory"] == checks["agents"] == "ok"
    assert checks["billing"] == "absent"

    said = httpx.post(f"{url}/services/tools/calculate", json={"expression": "6 * 7"}, timeout=30)
    assert said.json()["result"] == 42
    turn = {"session_id": "s", "user_input": "Calculate 6 * 7"}
    asked = httpx.post(f"{url}/services/agent/api/v1/process", json=turn, timeout=60)
    assert asked.status_code == 200
    assert [one["session_id"] for one in httpx.get(f"{url}/services/agent{SESSIONS}").json()] == [
        "s"
    ]
    registry = httpx.get(f"{url}/services/registry/api/v1/discover", timeout=30)
    if house.remote:
        assert checks["service-registry"] == "ok"
        names = [one["name"] for one in registry.json()["services"]]
        assert {"agent-service", "api-gateway", "tools-service"} <= {*names}
    else:
        # It has no record of itself, and nobody has said where it is.
        assert checks["service-registry"] == "absent"
        assert registry.status_code == 503


def test_a_record_that_only_has_the_name_of_a_service_gets_nothing(house: House) -> None:
    with socket.create_server(("127.0.0.1", 0)) as forger:
        forger.setblocking(False)
        body = {
            "name": "agent-service",
            "service_type": "agent",
            "host": "127.0.0.1",
            "port": forger.getsockname()[1],
            "health_check": {"enabled": False},
        }
        registered = f"{house.registry.services}/api/v1/register"
        made = httpx.post(registered, json=body).raise_for_status().json()["service_id"]
        before = served(house.registry, DISCOVER)

        def known() -> bool:
            """Whether the gateway has heard of the record."""
            if house.remote:
                return house.sessions().is_success and served(house.registry, DISCOVER) > before
            return made in httpx.get(f"{house.gateway.gateway}/api/v1/admin/export").text

        until(known)
        for _ in range(30):
            assert house.sessions().status_code == 200
        with pytest.raises(BlockingIOError):
            forger.accept()


def test_a_killed_instance_fails_no_request_that_may_be_repeated(house: House) -> None:
    victim, survivor = house.start("agent", "victim"), house.agent
    until(lambda: house.sessions().is_success and served(victim, SESSIONS) > 0)
    url = f"{house.gateway.gateway}/services/agent{SESSIONS}"
    answered, statuses = threading.Semaphore(0), list[int | str]()

    def ask() -> None:
        with httpx.Client(timeout=30) as http:
            for _ in range((BEFORE + AFTER) // CLIENTS):
                try:
                    statuses.append(http.get(url).status_code)
                except httpx.HTTPError as error:
                    statuses.append(repr(error))
                answered.release()

    threads = [threading.Thread(target=ask) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for _ in range(BEFORE):
        assert answered.acquire(timeout=30)
    before = served(survivor, SESSIONS)
    victim.kill()
    for thread in threads:
        thread.join(60)

    assert statuses == [200] * (BEFORE + AFTER)
    assert served(survivor, SESSIONS) > before


def served(one: Serving, route: str) -> int:
    """How often a service was asked for something."""
    figures = httpx.get(f"{one.talk or one.services}/metrics", timeout=30).text
    line = rf'^rollcall_http_requests_total\{{[^}}]*route="{route}".*\}} (\d+)'
    return sum(map(int, re.findall(line, figures, re.MULTILINE)))
