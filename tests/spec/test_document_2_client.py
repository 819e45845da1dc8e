"""The Python snippets of document 2, quoted, run as they stand; only the package has our name.

They speak with `rollcall up`, started as a user would, with a login. That they may use the
document's host names, what they send goes through `HTTP_PROXY` to one that answers for all of them.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from rollcall.client import AgentCapability, AgentRequestEvent, RegistryClient, RegistryUnavailable
from rollcall.testing.clock import FrozenClock
from support.serving import REGISTRIES, Serving, environment, serving
from support.snippets import ORCHESTRATOR, add_agent, closed, given, run, snippet, through

old_fastapi = pytest.mark.filterwarnings(
    "ignore:[\\s\\S]*on_event is deprecated:DeprecationWarning"
)


@pytest.fixture(scope="module")
def first_key(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A data folder with a key in it and nothing else, and the key."""
    folder = tmp_path_factory.mktemp("keys") / "data"
    words = ("keys", "create", "--name", "all", "--scope", "register")
    done = subprocess.run(
        [sys.executable, "-m", "rollcall", *words, "--data-dir", str(folder)],
        env=environment({}),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return folder, done.stdout.strip()


@pytest.fixture
def registry(
    first_key: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Serving]:
    """Both registries; the environment says how to reach them."""
    folder, key = first_key
    shutil.copytree(folder, tmp_path / "data")
    with serving(tmp_path, *REGISTRIES, ROLLCALL_LOGIN="required") as one:
        through(int(one.agents.rpartition(":")[2]), key, monkeypatch)
        yield one
        assert "Traceback" not in one.errors()


@pytest.fixture
async def names(registry: Serving) -> AsyncIterator[dict[str, Any]]:
    """What the snippets use without saying where it comes from; their clients are closed."""
    there = given()
    yield there
    await closed(there)


async def deregister(agent_id: str) -> None:
    headers = {"Authorization": f"Bearer {os.environ['ROLLCALL_API_KEY']}"}
    async with httpx.AsyncClient(headers=headers) as http:
        answer = await http.delete(f"http://agent-registry:8009/agents/{agent_id}")
    assert answer.status_code == 200


async def test_an_agent_registers_and_is_found(names: dict[str, Any]) -> None:
    await run(snippet("registering"), names)

    found = await names["client"].get_agent("my-agent")
    assert (found.agent_name, found.capabilities[0].name) == ("My Custom Agent", "code_generation")

    await run(snippet("discovering"), names)
    assert "target_agent" not in names
    await add_agent("guard", "security scanning")
    await run(snippet("discovering"), names)
    assert names["target_agent"] == "guard"


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
    names: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    await add_agent("busy-one", "code_generation", "busy")
    await run(snippet("registering"), names)

    await run(snippet("example_2"), names)

    assert names["agent_id"] == "my-agent"
    assert isinstance(names["request"], AgentRequestEvent)
    assert names["request"].target_agent == "my-agent"
    assert "  Cost estimate: ~100 tokens\n" in capsys.readouterr().out

    with pytest.raises(ValueError, match="No agent found with capability: flying"):
        await names["find_best_agent_for_task"]("fly", "flying")


async def test_a_missing_capability_gives_all_active_agents(
    names: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    await run(ORCHESTRATOR + snippet("missing_capabilities"), names)
    await add_agent("one", "coding")
    await add_agent("two", "reviewing", "degraded")

    assert [one.agent_id for one in await names["safe_capability_search"]("review")] == ["two"]
    assert [one.agent_id for one in await names["safe_capability_search"]("flying")] == ["one"]
    assert "Insufficient agents for flying: found 0, need 1" in caplog.text
    assert "Fallback: Returning all 1 active agents" in caplog.text


async def test_a_registration_that_fails_is_retried_by_the_caller(
    names: dict[str, Any], capsys: pytest.CaptureFixture[str]
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
    async with RegistryClient(
        url, "a", "A", "http://a", clock=FrozenClock(), transport=transport
    ) as one:
        await names["register_with_retry"](one, [])
        assert slept == [1, 2]
        assert "❌ Registration failed after 3 attempts" in capsys.readouterr().out

        down = False
        await names["register_with_retry"](one, [])
        assert "✅ Registered successfully on attempt 1" in capsys.readouterr().out


async def test_the_resilient_client_registers_again_and_goes_on(
    names: dict[str, Any], caplog: pytest.LogCaptureFixture
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
    await deregister("resilient")
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
