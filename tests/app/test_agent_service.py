"""The agent service as it is composed: definitions, memory, events and the registry together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest_asyncio

from rollcall.agents import AgentService, CapabilityService
from rollcall.agents.changes import change_of
from rollcall.agents.models import Status
from rollcall.agents.repository import SqlAgentStore
from rollcall.app.compose import Platform, compose
from rollcall.app.settings import Settings
from support.conversing import eventually

Open = Callable[..., Any]


@pytest_asyncio.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Open]:
    async with AsyncExitStack() as stack:

        async def make(**variables: str) -> Platform:
            settings = Settings.load({"ROLLCALL_DATA_DIR": str(tmp_path), **variables})
            platform = compose(settings, ["agent-registry", "agent"])
            await stack.enter_async_context(platform)
            stack.push_async_callback(platform.withdraw)
            await platform.announce({"agent-registry": 8009, "agent": 3004})
            return platform

        yield make


def client_of(platform: Platform, name: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(platform.apps[name])
    return httpx.AsyncClient(transport=transport, base_url="http://localhost")


async def say(platform: Platform, words: str, session: str, **more: Any) -> str:
    async with client_of(platform, "agent") as client:
        body = {"session_id": session, "user_input": words, **more}
        answer = await client.post("/api/v1/process", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()["response"]


def agents_of(platform: Platform) -> AgentService:
    return AgentService(SqlAgentStore(platform.database), platform.clock, platform.ids)


async def test_what_a_user_said_is_known_in_their_later_sessions(opened: Open) -> None:
    platform = await opened()
    await say(platform, "Hi, my name is Ada. I live in Paris.", "s1", user_id="ada")

    assert "Ada" in await say(platform, "What is my name?", "s2", user_id="ada")
    assert "Paris" in await say(platform, "Where do I live?", "s3", user_id="ada")
    assert "Ada" not in await say(platform, "What is my name?", "s4", user_id="bob")
    assert "Ada" not in await say(platform, "What is my name?", "s1")


async def test_without_a_user_the_session_remembers_until_it_is_deleted(opened: Open) -> None:
    platform = await opened()
    await say(platform, "My name is Ada", "s1")
    assert "Ada" in await say(platform, "What is my name?", "s1")
    assert "Ada" not in await say(platform, "What is my name?", "s2")

    async with client_of(platform, "agent") as client:
        await client.delete("/api/v1/sessions/s1")
    await platform.dispatcher.drained()

    assert "Ada" not in await say(platform, "What is my name?", "s1")


async def test_what_is_remembered_outlives_the_process(tmp_path: Path) -> None:
    settings = Settings.load({"ROLLCALL_DATA_DIR": str(tmp_path)})
    async with compose(settings, ["agent"]) as before:
        await say(before, "Please remember that the wifi is called Foo.", "s1", user_id="ada")

    async with compose(settings, ["agent"]) as after:
        assert "Foo" in await say(after, "What is the wifi called?", "s2", user_id="ada")


async def test_nothing_is_remembered_where_that_is_switched_off(opened: Open) -> None:
    platform = await opened(ROLLCALL_MEMORY="false")
    await say(platform, "My name is Ada", "s1", user_id="ada")

    assert "Ada" not in await say(platform, "What is my name?", "s2", user_id="ada")


async def test_a_definition_is_found_asked_and_gone(opened: Open) -> None:
    platform = await opened()
    agents = agents_of(platform)
    store = SqlAgentStore(platform.database)
    await CapabilityService(store, platform.clock, platform.ids).create(
        "letter writing", capability_id="letters"
    )
    await agents.create(
        change_of({"name": "Writer", "capabilities": {"letters": {}}}), agent_id="writer"
    )

    async with client_of(platform, "agent-registry") as registry:

        async def found() -> list[str]:
            answer = await registry.get("/capabilities/search", params={"q": "letter"})
            return [one["base_url"] for one in answer.json()]

        await eventually(lambda: len(platform.registry.state.spaces["default"].records) == 2)
        (url,) = await found()
        assert url.endswith(":3004/agents/writer")
        async with client_of(platform, "agent") as client:
            request = {
                "source_agent": "planner",
                "target_agent": "writer",
                "request_type": "query",
                "payload": {"query": "My name is Ada"},
                "request_id": "r1",
            }
            answer = await client.post("/agents/writer/execute", json=request)
            assert answer.json()["result"]["agent_id"] == "writer"
            models = [one["id"] for one in (await client.get("/v1/models")).json()["data"]]
            assert "agent:writer" in models

            await agents.move("writer", Status.PAUSED)

            assert (await client.post("/agents/writer/execute", json=request)).status_code == 200
            again = {**request, "request_id": "r2"}
            assert (await client.post("/agents/writer/execute", json=again)).status_code == 409
        await eventually(lambda: len(platform.registry.state.spaces["default"].records) == 1)
        assert await found() == []
