"""The Python snippets of document 2, quoted, run as they stand; only the package has our name.

They speak with a real server. That they may use the document's host names, what they send goes
through `HTTP_PROXY` to one that answers for all of them.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import logging
import socket
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import uvicorn

from rollcall import client as sdk
from rollcall.backends.records.inmemory import InMemoryStore
from rollcall.client import AgentCapability, AgentRequestEvent, RegistryClient, RegistryUnavailable
from rollcall.kernel.ids import RandomIds
from rollcall.protocols.agent_registry.module import module
from rollcall.registry.service import RegistryService
from rollcall.testing.clock import FrozenClock
from rollcall.web.audit import InMemoryAuditLog
from rollcall.web.auth import BearerAccess
from rollcall.web.drain import Drain
from rollcall.web.keys import InMemoryKeyStore, draw_key
from rollcall.web.module import Kit, create_app

SNIPPETS = Path(__file__).with_name("document_2")

old_fastapi = pytest.mark.filterwarnings(
    "ignore:[\\s\\S]*on_event is deprecated:DeprecationWarning"
)


def snippet(name: str) -> str:
    return (SNIPPETS / f"{name}.txt").read_text(encoding="utf-8")


async def run(source: str, names: dict[str, Any]) -> None:
    """Run a snippet in `names`, which it may use and adds to."""
    source = source.replace("shared.lib.registry_client", "rollcall.client")
    code = compile(source, "document 2", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    result = eval(code, names)  # noqa: S307
    if inspect.iscoroutine(result):
        await result


DEFINED = snippet("example_2").partition("# Usage")[0]
"""The orchestrator of the second example, before it is used."""


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
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    monkeypatch.setenv("ROLLCALL_API_KEY", text)
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{listening.getsockname()[1]}")
    for name in ("http_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    yield service
    server.should_exit = True
    await serving
    await service.stop()


@pytest.fixture
async def names(registry: RegistryService) -> AsyncIterator[dict[str, Any]]:
    """What the snippets use without saying where it comes from; their clients are closed."""
    there: dict[str, Any] = {
        **{name: getattr(sdk, name) for name in sdk.__all__},
        "logger": logging.getLogger("document 2"),
        "asyncio": asyncio,
        "time": time,
    }
    yield there
    for one in there.values():
        if isinstance(one, RegistryClient):
            await one.close()


@pytest.fixture
def agent(names: dict[str, Any]) -> Iterator[Any]:
    """Registers further agents."""

    async def add(agent_id: str, capability: str, status: str = "active") -> None:
        url = "http://agent-registry:8009"
        async with RegistryClient(url, agent_id, agent_id, f"http://{agent_id}:8000") as one:
            await one.register([AgentCapability(capability, capability)], status=status)

    return add


async def test_an_agent_registers_and_is_found(
    names: dict[str, Any], registry: RegistryService, agent: Any
) -> None:
    await run(snippet("registering"), names)

    record = registry.get("default", "my-agent").record
    assert (record.name, record.capabilities[0].name) == ("My Custom Agent", "code_generation")

    await run(snippet("discovering"), names)
    assert "target_agent" not in names
    await agent("guard", "security scanning")
    await run(snippet("discovering"), names)
    assert names["target_agent"] == "guard"


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


@old_fastapi
async def test_example_1_registers_at_startup_and_stops_at_shutdown(
    names: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    await run(snippet("example_1"), names)
    app, client = names["app"], names["registry_client"]

    async with app.router.lifespan_context(app):
        found = await client.get_agent("feature-dev")
        assert len(found.capabilities) == 3
        assert found.base_url == "http://feature-dev:8002"
    assert not client._heartbeat_running
    assert capsys.readouterr().out.splitlines() == [
        "✅ Agent feature-dev registered with 3 capabilities",
        "✅ Agent feature-dev heartbeat stopped",
    ]


async def test_example_2_selects_the_best_active_agent(
    names: dict[str, Any], agent: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    await agent("busy-one", "code_generation", "busy")
    await run(snippet("registering"), names)

    await run(snippet("example_2"), names)

    assert names["agent_id"] == "my-agent"
    assert isinstance(names["request"], AgentRequestEvent)
    assert names["request"].target_agent == "my-agent"
    assert "  Cost estimate: ~100 tokens\n" in capsys.readouterr().out

    with pytest.raises(ValueError, match="No agent found with capability: flying"):
        await names["find_best_agent_for_task"]("fly", "flying")


async def test_example_3_falls_back_to_a_healthy_agent(
    names: dict[str, Any], agent: Any, clock: FrozenClock, capsys: pytest.CaptureFixture[str]
) -> None:
    await run(DEFINED, names)
    await agent("scanner", "security_scanning")
    await clock.advance(61)
    await agent("reviewer", "code_review")

    await run(snippet("example_3"), names)

    assert names["agent_id"] == "reviewer"
    assert "✅ Using fallback agent: reviewer" in capsys.readouterr().out
    await agent("scanner", "security_scanning")
    assert await names["delegate_with_fallback"]("scan", "security_scanning") == "scanner"
    with pytest.raises(ValueError, match="No healthy agent found"):
        await names["delegate_with_fallback"]("fly", "flying", "floating")


async def test_a_missing_capability_gives_all_active_agents(
    names: dict[str, Any], agent: Any, caplog: pytest.LogCaptureFixture
) -> None:
    await run(DEFINED + snippet("missing_capabilities"), names)
    await agent("one", "coding")
    await agent("two", "reviewing", "degraded")

    assert [one.agent_id for one in await names["safe_capability_search"]("review")] == ["two"]
    assert [one.agent_id for one in await names["safe_capability_search"]("flying")] == ["one"]
    assert "Insufficient agents for flying: found 0, need 1" in caplog.text
    assert "Fallback: Returning all 1 active agents" in caplog.text


async def test_a_registration_that_fails_is_retried_by_the_caller(
    names: dict[str, Any], clock: FrozenClock, capsys: pytest.CaptureFixture[str]
) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    down = True

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(422 if down else 200, json={"detail": "not now"})

    names["asyncio"] = SimpleNamespace(sleep=sleep)
    await run(snippet("registration_failures"), names)
    url, transport = "http://agent-registry:8009", httpx.MockTransport(answer)
    async with RegistryClient(url, "a", "A", "http://a", clock=clock, transport=transport) as one:
        await names["register_with_retry"](one, [])
        assert slept == [1, 2]
        assert "❌ Registration failed after 3 attempts" in capsys.readouterr().out

        down = False
        await names["register_with_retry"](one, [])
        assert "✅ Registered successfully on attempt 1" in capsys.readouterr().out


async def test_the_resilient_client_registers_again_and_goes_on(
    names: dict[str, Any], registry: RegistryService, caplog: pytest.LogCaptureFixture
) -> None:
    beats = asyncio.Queue[asyncio.Event]()

    async def sleep(seconds: float) -> None:
        assert seconds == 30
        go_on = asyncio.Event()
        await beats.put(go_on)
        await go_on.wait()

    caplog.set_level(logging.INFO, "document 2")
    names["asyncio"] = SimpleNamespace(sleep=sleep)
    await run(snippet("interruptions"), names)

    class Interrupted(names["ResilientRegistryClient"]):  # type: ignore[misc]
        interrupted = False

        async def send_heartbeat(self) -> None:
            if self.interrupted:
                raise RegistryUnavailable("http://agent-registry:8009", "interrupted")
            await super().send_heartbeat()

    client = names["client"] = Interrupted(
        "http://agent-registry:8009", "resilient", "Resilient", "http://resilient:8000"
    )
    await client.register([AgentCapability("endurance", "Goes on")], metadata={"zone": "a"})
    await client.start_heartbeat()
    go_on = await beats.get()

    client.interrupted = True
    await registry.deregister("default", "resilient")
    go_on.set()
    go_on = await beats.get()

    assert "Heartbeat failed: http://agent-registry:8009: interrupted" in caplog.text
    assert "✅ Re-registered after heartbeat failure" in caplog.text
    again = await client.get_agent("resilient")
    assert (again.metadata, len(again.capabilities)) == ({"zone": "a"}, 1)

    client.interrupted = False
    go_on.set()
    await beats.get()
    assert client.heartbeats_sent == 2
    await client.stop_heartbeat()


@old_fastapi
async def test_an_agent_tells_its_health_and_leaves_cleanly(names: dict[str, Any]) -> None:
    await run(snippet("example_1"), names)
    names.update(task_queue=asyncio.Queue(), start_time=0.0)
    await run(snippet("health_endpoint") + snippet("shutdown"), names)
    app, client = names["app"], names["registry_client"]

    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://agent") as http:
            answer = (await http.get("/health")).json()
        assert (answer["status"], answer["active_tasks"]) == ("healthy", 0)

    assert (await client.get_agent("feature-dev")).status == "offline"


async def test_the_registry_is_monitored(
    names: dict[str, Any], agent: Any, clock: FrozenClock, capsys: pytest.CaptureFixture[str]
) -> None:
    alerts: list[str] = []
    names["send_alert"] = alerts.append
    await run(DEFINED + snippet("monitoring"), names)
    await agent("one", "coding")
    await names["monitor_registry"]()
    assert alerts == []

    await clock.advance(61)
    await agent("two", "reviewing")
    await names["monitor_registry"]()

    assert alerts == ["WARNING: More than 30% of agents are offline"]
    assert capsys.readouterr().out.splitlines()[-3:] == [
        "Active agents: 1",
        "Offline agents: 1",
        "Total capabilities: 2",
    ]
