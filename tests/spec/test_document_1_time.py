"""The registration of document 1 while time passes: against a real server, whose clock we steer."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn

from rollcall.backends.records.inmemory import InMemoryStore
from rollcall.client import Discovery, RegistrationClient, get_registration_client
from rollcall.kernel.ids import RandomIds
from rollcall.protocols.service_registry.module import HEALTH_PATHS, module
from rollcall.registry.service import RegistryService
from rollcall.testing.clock import FrozenClock
from rollcall.web.audit import InMemoryAuditLog
from rollcall.web.auth import OpenAccess
from rollcall.web.drain import Drain
from rollcall.web.module import Kit, create_app
from support.hosting import Server
from support.snippets import snippet

REGISTRATION = snippet("registration", document=1)


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
async def url(clock: FrozenClock, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """A service registry, which the environment names."""
    service = RegistryService(InMemoryStore(clock, RandomIds()), clock=clock)
    await service.start()
    audit, drain = InMemoryAuditLog(), Drain()
    kit = Kit(
        "service-registry",
        "1",
        clock,
        RandomIds(),
        OpenAccess(),
        audit,
        drain,
        health_paths=HEALTH_PATHS,
    )
    app = create_app([module(service, store="memory")], kit)
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, ws="none", lifespan="off", log_config=None)
    server = Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    monkeypatch.setenv("SERVICE_REGISTRY_URL", address)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield address
    server.should_exit = True
    await serving
    await service.stop()


@pytest.fixture
async def registration(url: str) -> AsyncIterator[RegistrationClient]:
    """The one of this process, after the snippet has run in its service's start."""
    names: dict[str, Any] = {}
    exec(REGISTRATION.replace("services.registration", "rollcall.client"), names)  # noqa: S102
    await names["startup"]()
    client = get_registration_client()
    yield client
    await client.close()


async def test_heartbeats_keep_it_and_after_five_minutes_of_silence_it_registers_again(
    registration: RegistrationClient, url: str, clock: FrozenClock
) -> None:
    for _ in range(4):
        await clock.advance(50)
        await registration.send_heartbeat()
    assert registration.registered_again == 0

    await registration.stop_heartbeat()
    await clock.advance(301)
    async with Discovery(url) as discovery:
        assert (await discovery.find("my-new-tool")).services == ()
        await registration.send_heartbeat()
        assert registration.registered_again == 1
        assert (await discovery.choose("my-new-tool")).status == "healthy"
