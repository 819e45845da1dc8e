"""The Python snippets of document 1, quoted, run as they stand; only the package has our name.

The registry is `rollcall up`, started as a user would.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from rollcall.client import Discovery, RegistrationClient, get_registration_client
from support.serving import REGISTRIES, serving
from support.snippets import snippet

REGISTRATION = snippet("registration", document=1)
ENDPOINTS = snippet("endpoints", document=1)
HEALTH = snippet("health", document=1)


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A service registry, which the environment names."""
    with serving(tmp_path, *REGISTRIES) as one:
        monkeypatch.setenv("SERVICE_REGISTRY_URL", one.services)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield one.services
        assert "Traceback" not in one.errors()


@pytest.fixture
async def registration(url: str) -> AsyncIterator[RegistrationClient]:
    """The one of this process, after the snippet has run in its service's start."""
    names: dict[str, Any] = {}
    exec(REGISTRATION.replace("services.registration", "rollcall.client"), names)  # noqa: S102
    await names["startup"]()
    client = get_registration_client()
    yield client
    await client.close()


async def test_a_new_tool_is_found_as_soon_as_it_has_registered(
    registration: RegistrationClient, url: str
) -> None:
    async with Discovery(url) as discovery:
        (found,) = (await discovery.find("my-new-tool")).services
        chosen = await discovery.choose(service_type="tool")

    assert found.service_id == chosen.service_id
    assert found.service_id == registration.service_id
    assert (found.service_type, found.status) == ("tool", "healthy")
    assert found.address == "my-new-tool:8080"


async def test_started_again_it_is_the_same_registration(
    registration: RegistrationClient, url: str
) -> None:
    first = registration.service_id

    assert await registration.register("my-new-tool", 8080, "my-new-tool") == first
    async with Discovery(url) as discovery:
        assert len((await discovery.find(service_type="tool")).services) == 1


async def test_it_leaves_at_shutdown(registration: RegistrationClient, url: str) -> None:
    await registration.unregister()

    async with Discovery(url) as discovery:
        assert (await discovery.find("my-new-tool")).services == ()


async def test_the_tool_of_the_document_answers() -> None:
    app = FastAPI()
    for source in (ENDPOINTS, HEALTH):
        exec(source, {"app": app})  # noqa: S102

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://tool") as http:
        (tool,) = (await http.get("/tools")).json()["tools"]
        assert (await http.post(tool["path"], json={})).json() == {"result": "tool output"}
        assert (await http.get("/health")).json() == {"status": "healthy"}
