# SPDX-License-Identifier: Apache-2.0
"""Document 4's application of a new service, quoted: it needs nothing more to be a service here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from support.scripts import Script, running
from support.serving import REGISTRIES, Serving, eventually, serving
from support.snippets import snippet

APPLICATION = snippet("adding_new_services", document=4)

AROUND = """
import asyncio
import socket
import uvicorn
from rollcall.client import get_registration_client

async def main():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        print(f"http://127.0.0.1:{port}", flush=True)
        client = get_registration_client()
        await client.register("new-service", port, "127.0.0.1", "api", wait_ready=True)
        await uvicorn.Server(uvicorn.Config(app, log_config=None)).serve([listening])
        await client.unregister()
        await client.close()

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def registries(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("up"), *REGISTRIES, ROLLCALL_STORE="memory") as one:
        yield one


@pytest.fixture(scope="module")
def service(registries: Serving, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Script]:
    file = tmp_path_factory.mktemp("service") / "main.py"
    file.write_text(APPLICATION + AROUND, encoding="utf-8")
    with running(file, SERVICE_REGISTRY_URL=registries.services) as one:
        eventually("new-service", f"{registries.services}/api/v1/discover")
        yield one


def test_it_says_that_it_is_healthy_and_describes_itself(service: Script) -> None:
    healthy = {"status": "healthy", "service": "new-service"}
    assert httpx.get(f"{service.url}/health").json() == healthy
    described = httpx.get(f"{service.url}/openapi.json").json()["info"]
    assert described["title"] == "New Service"


def test_it_is_registered_and_discoverable(registries: Serving, service: Script) -> None:
    asked = {"name": "new-service", "status": "healthy"}
    said: dict[str, Any] = httpx.post(f"{registries.services}/api/v1/discover", json=asked).json()
    (one,) = said["services"]
    assert (one["host"], one["port"]) == ("127.0.0.1", service.port)


def test_the_registry_has_asked_for_its_health(registries: Serving, service: Script) -> None:
    (one,) = httpx.get(f"{registries.services}/api/v1/discover").json()["services"]
    eventually('"passing"', f"{registries.agents}/health/{one['service_id']}")
