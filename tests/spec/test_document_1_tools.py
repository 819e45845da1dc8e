"""Document 1's tool service, its three snippets in one process, beside `rollcall up`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from support.scripts import Script, running
from support.serving import REGISTRIES, eventually, serving
from support.snippets import snippet

REGISTRATION = snippet("registration", document=1)
ENDPOINTS = snippet("endpoints", document=1)
HEALTH = snippet("health", document=1)

BEFORE = """\
import contextlib
import socket
import uvicorn
from fastapi import FastAPI

@contextlib.asynccontextmanager
async def lifespan(app):
    await startup()
    yield
    await get_registration_client().close()

app = FastAPI(lifespan=lifespan)
"""

AFTER = """\
with socket.create_server(("127.0.0.1", 0)) as listening:
    print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None))
    server.run([listening])
"""


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("up"), *REGISTRIES, ROLLCALL_STORE="memory") as one:
        yield one.services


@pytest.fixture(scope="module")
def service(registry: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Script]:
    """The document's service as it is written, only that the package has our name."""
    file = tmp_path_factory.mktemp("tool") / "my_new_tool.py"
    parts = (BEFORE, REGISTRATION, ENDPOINTS, HEALTH, AFTER)
    file.write_text("\n".join(parts).replace("services.registration", "rollcall.client"))
    with running(file, SERVICE_REGISTRY_URL=registry, NO_PROXY="127.0.0.1") as one:
        eventually("healthy", f"{one.url}/health")
        yield one


def test_it_is_found_by_the_documents_question(registry: str, service: Script) -> None:
    question = {"service_type": "tool", "status": "healthy"}
    said: dict[str, Any] = httpx.post(f"{registry}/api/v1/discover", json=question).json()
    (found,) = said["services"]
    assert (found["name"], found["service_type"]) == ("my-new-tool", "tool")
    assert (found["host"], found["port"]) == ("my-new-tool", 8080)
    assert found["status"] == "healthy"


def test_what_it_lists_is_called_as_it_is_listed(service: Script) -> None:
    (tool,) = httpx.get(f"{service.url}/tools").json()["tools"]
    assert (tool["name"], tool["path"]) == ("my-tool", "/tools/my-tool")
    answer = httpx.post(service.url + tool["path"], json={"input": "some words"})
    assert answer.json() == {"result": "tool output"}


def test_it_says_that_it_is_well(service: Script) -> None:
    assert httpx.get(f"{service.url}/health").json() == {"status": "healthy"}


def test_it_complains_of_nothing(service: Script) -> None:
    assert "Traceback" not in service.errors()
