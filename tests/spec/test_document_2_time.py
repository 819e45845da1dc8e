"""The snippets of document 2 in which time passes: against a real server, whose clock we steer.

What they send goes through `HTTP_PROXY` to one that answers for all of the document's host names.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn

from rollcall.backends.records.inmemory import InMemoryStore
from rollcall.kernel.ids import RandomIds
from rollcall.protocols.agent_registry.module import module
from rollcall.registry.service import RegistryService
from rollcall.testing.clock import FrozenClock
from rollcall.web.audit import InMemoryAuditLog
from rollcall.web.auth import BearerAccess
from rollcall.web.drain import Drain
from rollcall.web.keys import InMemoryKeyStore, draw_key
from rollcall.web.module import Kit, create_app
from support.hosting import Server
from support.snippets import ORCHESTRATOR, add_agent, closed, given, run, snippet, through


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
async def registry(
    clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[RegistryService]:
    """The core behind a server that takes one key, which the environment holds."""
    service = RegistryService(InMemoryStore(clock, RandomIds()), clock=clock)
    await service.start()
    keys = InMemoryKeyStore()
    scopes = frozenset({"register"})
    key, text = draw_key(RandomIds(), clock, name="all", namespace="default", scopes=scopes)
    await keys.add(key)
    access = BearerAccess(keys, clock)
    kit = Kit("agent-registry", "1", clock, RandomIds(), access, InMemoryAuditLog(), Drain())
    app = create_app([module(service)], kit)
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, http="httptools", ws="none", lifespan="off", log_config=None)
    server = Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    through(listening.getsockname()[1], text, monkeypatch)
    yield service
    server.should_exit = True
    await serving
    await service.stop()


@pytest.fixture
async def names(registry: RegistryService) -> AsyncIterator[dict[str, Any]]:
    """What the snippets use without saying where it comes from; their clients are closed."""
    there = given()
    yield there
    await closed(there)


async def test_heartbeats_keep_it_alive(
    names: dict[str, Any], registry: RegistryService, clock: FrozenClock
) -> None:
    await run(snippet("registering"), names)
    client = names["client"]
    await client.stop_heartbeat()

    for _ in range(5):
        await clock.advance(40)
        await client.send_heartbeat()
    assert (await client.check_health("my-agent"))["is_healthy"]

    await clock.advance(61)
    assert (await client.check_health("my-agent"))["agent_status"] == "offline"
    assert registry.get("default", "my-agent").record is not None


async def test_example_3_falls_back_to_a_healthy_agent(
    names: dict[str, Any], clock: FrozenClock, capsys: pytest.CaptureFixture[str]
) -> None:
    await run(ORCHESTRATOR, names)
    await add_agent("scanner", "security_scanning")
    await clock.advance(61)
    await add_agent("reviewer", "code_review")

    await run(snippet("example_3"), names)

    assert names["agent_id"] == "reviewer"
    assert "✅ Using fallback agent: reviewer" in capsys.readouterr().out
    await add_agent("scanner", "security_scanning")
    assert await names["delegate_with_fallback"]("scan", "security_scanning") == "scanner"
    with pytest.raises(ValueError, match="No healthy agent found"):
        await names["delegate_with_fallback"]("fly", "flying", "floating")


async def test_the_registry_is_monitored(
    names: dict[str, Any], clock: FrozenClock, capsys: pytest.CaptureFixture[str]
) -> None:
    alerts: list[str] = []
    names["send_alert"] = alerts.append
    await run(ORCHESTRATOR + snippet("monitoring"), names)
    await add_agent("one", "coding")
    await names["monitor_registry"]()
    assert alerts == []

    await clock.advance(61)
    await add_agent("two", "reviewing")
    await names["monitor_registry"]()

    assert alerts == ["WARNING: More than 30% of agents are offline"]
    assert capsys.readouterr().out.splitlines()[-3:] == [
        "Active agents: 1",
        "Offline agents: 1",
        "Total capabilities: 2",
    ]
