"""The wizard as it is composed: with the agent service, by the settings, through the gateway."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from rollcall.agents.wizard.models import Reach
from rollcall.app.compose import Platform
from rollcall.app.features import reached
from rollcall.app.places import places
from rollcall.app.services import SERVICES, Service
from rollcall.app.settings import Settings
from rollcall.app.wizard import WIZARD, SettingsModels, wizard_service
from rollcall.conversations.providers import Models, ModelSettings
from rollcall.kernel.clock import SystemClock
from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.ids import RandomIds
from rollcall.registry.catalogue import open_store
from support.sse import parsed
from support.trades import BAKERY, SHELF

Open = Callable[..., Any]
WIZARD_ITSELF = Service(
    "wizard",
    "agent wizard",
    lambda settings: settings.wizard_port,
    "AGENT_WIZARD_PORT",
    wizard_service,
    registration=WIZARD,
)


def platform_of(folder: Path, *others: str, **variables: str) -> Platform:
    settings = Settings.load(
        {
            "ROLLCALL_DATA_DIR": str(folder / "data"),
            "ROLLCALL_LIBRARY_DIR": str(SHELF),
            **variables,
        }
    )
    clock, ids = SystemClock(), RandomIds()
    services = [WIZARD_ITSELF, *(SERVICES[name] for name in others)]
    where = places(settings)
    return Platform(settings, services, where, clock, ids, open_store(where.records, clock, ids))


@pytest_asyncio.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Open]:
    async with AsyncExitStack() as stack:

        async def make(*others: str, **variables: str) -> Platform:
            platform = platform_of(tmp_path, *others, **variables)
            return await stack.enter_async_context(platform)

        yield make


def client_of(platform: Platform, name: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(platform.apps[name])
    return httpx.AsyncClient(transport=transport, base_url="http://localhost")


async def active(client: httpx.AsyncClient, **body: Any) -> str:
    made = await client.post("/api/agents", json={**BAKERY, **body})
    assert made.status_code == 200, made.text
    url = f"/api/agents/{made.json()['id']}"
    assert (await client.patch(f"{url}/status", json={"status": "active"})).status_code == 200
    return made.json()["id"]


async def test_a_talk_is_a_real_conversation_with_the_agent(opened: Open) -> None:
    platform = await opened("agent")
    async with client_of(platform, "wizard") as client:
        key = await active(client)
        told = await client.post(
            f"/api/runtime/chat/{key}", json={"message": "Hello", "user_id": "ada"}
        )
        assert told.status_code == 200, told.text
        answer = told.json()
        assert (answer["agent_id"], answer["agent_version"]) == (key, 1)
        assert answer["response"]
        again = {"message": "Hello", "session_id": answer["session_id"], "stream": True}
        streamed = await client.post(f"/api/runtime/chat/{key}", json=again)
        names = [one.name for one in parsed(streamed.text.splitlines())]
        assert (names[0], names[-1]) == ("accepted", "done")
        once = {"Idempotency-Key": "k"}
        first, second, other = [
            await client.post(f"/api/runtime/chat/{key}", json={"message": said}, headers=once)
            for said in ("Hi", "Hi", "Something else")
        ]
        assert first.json()["turn_id"] == second.json()["turn_id"]
        assert (other.status_code, other.json()["status"]) == (409, 409)
        assert other.json()["type"] == "urn:rollcall:problem:key-reused"
        bad = await client.post(f"/api/runtime/chat/{key}", json={"message": "\x07"})
        assert bad.status_code == 422
        assert bad.json()["errors"][0]["field"] == "message"
    async with client_of(platform, "agent") as client:
        session = (await client.get(f"/api/v1/sessions/{answer['session_id']}")).json()
        assert [one["user_input"] for one in session["turns"]] == ["Hello", "Hello"]


async def test_without_an_agent_service_a_talk_says_so(opened: Open) -> None:
    platform = await opened()
    async with client_of(platform, "wizard") as client:
        key = await active(client)
        told = await client.post(f"/api/runtime/chat/{key}", json={"message": "Hello"})
    assert (told.status_code, told.json()["problem"]) == (503, "runs nowhere")
    assert told.json()["title"] == "The agent service does not answer"


async def test_an_agent_in_whose_place_the_agent_services_own_would_answer_is_not_ready(
    opened: Open,
) -> None:
    platform = await opened("agent")
    async with client_of(platform, "wizard") as client:
        key = await active(client, id="assistant")
        told = (await client.post(f"/api/agents/{key}/validate-deployment")).json()
        refused = await client.post(f"/api/runtime/chat/{key}", json={"message": "Hello"})
    assert told["issues"][0]["field"] == "id"
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "agent_id")


async def test_an_agent_of_a_trade_is_told_its_trade_before_anybody_saved_a_prompt(
    opened: Open,
) -> None:
    platform = await opened("agent")
    async with client_of(platform, "wizard") as client:
        key = await active(client)
        shown = await client.post(f"/api/agents/{key}/system-prompt", json={"save": False})
        own = await active(client, configuration={"instructions": "Bake."})
    from rollcall.agents.repository import SqlAgentStore
    from rollcall.agents.wizard.vocabulary import made_prompt
    from rollcall.app.runnable import StoredDefinitions

    definitions = StoredDefinitions(
        SqlAgentStore(platform.database),
        lambda model: True,
        lambda content: made_prompt(content, platform.shared.shelf.library),
    )
    told = await definitions.version("default", key, 1)
    assert told.instructions == shown.json()["system_prompt"]
    assert (await definitions.version("default", own, 1)).instructions == "Bake."


async def test_the_gateway_refuses_what_the_library_does_not_know_as_the_wizard_does(
    opened: Open,
) -> None:
    platform = await opened("gateway")
    bodies: list[Any] = []
    for name in ("wizard", "gateway"):
        async with client_of(platform, name) as client:
            refused = await client.post("/api/agents", json={**BAKERY, "industry": "piracy"})
            assert refused.status_code == 422
            bodies.append(refused.json()["errors"])
    assert bodies[0] == bodies[1]
    assert "bakery" in json.dumps(bodies)
    async with client_of(platform, "gateway") as client:
        key = await active(client)
        shown = await client.get(f"/api/agents/{key}/yaml")
        assert shown.headers["content-type"] == "application/yaml"
        listed = (await client.get("/api/industries")).json()
        assert {"value": "bakery", "label": "Bakery", "icon": "bread-slice"} in listed


async def test_models_are_reachable_as_the_settings_say(opened: Open) -> None:
    platform = await opened(
        OPENAI_API_KEY="sk-x", ROLLCALL_MODEL_URL="http://127.0.0.1:1/v1", ROLLCALL_MODEL="qwen3:8b"
    )
    async with client_of(platform, "wizard") as client:
        models = {one["value"]: one for one in (await client.get("/api/models")).json()}
        assert models["openai:gpt-6-luna"]["reachable"]
        assert models["ollama:llama3.2"]["needs"] == "OLLAMA_BASE_URL"
        key = await active(client, llm_model="openai-compatible:other")
        ready = (await client.post(f"/api/agents/{key}/validate-deployment")).json()
        assert ready["ready"], ready


@pytest.mark.parametrize(
    ("variables", "model", "reach"),
    [
        ({}, None, Reach(False, "one of OPENAI_API_KEY, ANTHROPIC_API_KEY, GEMINI_API_KEY,")),
        ({}, "openai:x", Reach(False, "OPENAI_API_KEY")),
        ({}, "groq:x", Reach(False, "ROLLCALL_MODEL=groq:x")),
        ({"OPENAI_API_KEY": "k"}, None, Reach(True)),
        ({"OPENAI_API_KEY": "k"}, "openai:anything", Reach(True)),
        ({"OPENAI_API_KEY": "k"}, "google:x", Reach(False, "GEMINI_API_KEY")),
        ({"OLLAMA_BASE_URL": "http://x/v1"}, "ollama:llama3.2", Reach(True)),
    ],
)
def test_what_is_not_reached_says_what_it_needs(
    variables: dict[str, str], model: str | None, reach: Reach
) -> None:
    found = SettingsModels(Models(ModelSettings.from_environment(variables))).reach(model)
    assert found.reachable == reach.reachable
    assert (found.needs or "").startswith(reach.needs or "")
    assert (found.needs is None) == reach.reachable


def test_the_models_of_a_process_are_those_of_its_settings() -> None:
    settings = Settings.load({"GEMINI_API_KEY": "k", "OPENAI_API_KEY": ""})
    assert SettingsModels(reached(settings)).reach("openai:x") == Reach(False, "OPENAI_API_KEY")


async def test_a_broken_file_of_the_operator_keeps_a_process_from_starting(tmp_path: Path) -> None:
    def say(text: str) -> None:
        (tmp_path / "own").mkdir()
        (tmp_path / "own" / "models.yaml").write_text(text)

    say("openai:one: {lable: One}\n")
    platform = platform_of(tmp_path, ROLLCALL_LIBRARY_DIR=str(tmp_path / "own"))
    with pytest.raises(InvalidInput, match=r"own/models\.yaml:1: openai:one.lable: is no field"):
        async with platform:
            raise AssertionError("it is open")
