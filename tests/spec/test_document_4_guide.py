# SPDX-License-Identifier: Apache-2.0
"""Document 4's application of a new service, quoted, and our guide's smallest service beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.scripts import Script, running
from support.servers.ports import free_ports
from support.serving import REGISTRIES, Serving, eventually, serving
from support.snippets import snippet

GUIDE = Path(__file__).parents[2] / "docs" / "services.md"
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


def test_the_guides_smallest_service_is_registered_while_it_runs_and_not_after(
    registries: Serving, tmp_path: Path
) -> None:
    block = re.search(
        r"^```python\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    assert block is not None
    (port,) = free_ports(1)
    file = tmp_path / "main.py"
    # Uvicorn says where it listens on its standard error alone.
    said = f'print("http://127.0.0.1:{port}", flush=True)\n'
    file.write_text(said + block[1].replace("8100", str(port)), encoding="utf-8")
    asked = f"{registries.services}/api/v1/discover?status=healthy&name=new-service"
    with running(file, SERVICE_REGISTRY_URL=registries.services) as one:
        eventually(f'"port":{port},', asked)
        one.end()
        assert f'"port":{port},' not in httpx.get(asked).text
        assert "Traceback" not in one.errors()
