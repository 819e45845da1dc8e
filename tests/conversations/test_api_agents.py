"""Agents of definitions over every front of the agent service."""

from __future__ import annotations

from typing import Any

import httpx
import msgspec
import pytest

from rollcall.client.delegation import AgentRequestEvent, AgentRequestType
from support.conversations import InMemoryConversations

PROCESS, CHAT = "/api/v1/process", "/v1/chat/completions"


@pytest.fixture(autouse=True)
def agents(conversations: InMemoryConversations) -> InMemoryConversations:
    conversations.versions |= {"writer": 3, "sleeper": 1}
    conversations.paused.add("sleeper")
    return conversations


def said(session: str = "s", **more: Any) -> dict[str, Any]:
    return {"session_id": session, "user_input": "hello", **more}


def chat(model: str, **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": "hello"}], **more}


async def test_an_answer_a_turn_and_a_session_say_which_version_answers(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.post(PROCESS, json=said(agent_id="writer", user_id="ada"))

    told = answer.json()
    assert (told["agent_id"], told["agent_version"]) == ("writer", 3)
    turn = (await client.get(answer.headers["location"])).json()
    assert (turn["agent_id"], turn["agent_version"], turn["user_id"]) == ("writer", 3, "ada")
    session = (await client.get("/api/v1/sessions/s")).json()["session"]
    assert (session["agent_id"], session["agent_version"]) == ("writer", 3)


@pytest.mark.parametrize(
    ("agent_id", "status", "kind", "member"),
    [
        ("nobody", 404, "agent-not-found", {"agent_id": "nobody"}),
        (
            "sleeper",
            409,
            "agent-not-runnable",
            {"agent_id": "sleeper", "agent_status": "paused", "status": 409},
        ),
        ("", 422, "invalid-input", {}),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_an_agent_that_cannot_answer_is_a_problem_and_keeps_nothing(
    agent_id: str,
    status: int,
    kind: str,
    member: dict[str, Any],
    stream: bool,
    client: httpx.AsyncClient,
) -> None:
    answer = await client.post(PROCESS, json=said(agent_id=agent_id, stream=stream))

    assert answer.status_code == status
    assert answer.json()["type"] == f"urn:rollcall:problem:{kind}"
    assert member.items() <= answer.json().items()
    assert (await client.get("/api/v1/sessions")).json() == []


async def test_a_session_of_another_agent_is_a_conflict(client: httpx.AsyncClient) -> None:
    await client.post(PROCESS, json=said())
    answer = await client.post(PROCESS, json=said(agent_id="writer"))

    assert answer.status_code == 409
    assert answer.json()["agent_id"] == "assistant"


async def test_sessions_are_listed_by_agent(client: httpx.AsyncClient) -> None:
    await client.post(PROCESS, json=said("a", agent_id="writer"))
    await client.post(PROCESS, json=said("b"))

    found = await client.get("/api/v1/sessions", params={"agent_id": "writer"})
    assert [one["session_id"] for one in found.json()] == ["a"]


async def test_agents_are_models_to_openais_clients(client: httpx.AsyncClient) -> None:
    listed = [one["id"] for one in (await client.get("/v1/models")).json()["data"]]
    assert listed[-2:] == ["agent:writer", "agent:sleeper"]
    assert (await client.get("/v1/models/agent:writer")).json()["id"] == "agent:writer"
    assert (await client.get("/v1/models/agent:nobody")).status_code == 404

    answer = await client.post(CHAT, json=chat("agent:writer"), headers={"X-Session-Id": "s"})

    assert answer.json()["model"] == "agent:writer"
    session = (await client.get("/api/v1/sessions/s")).json()["session"]
    assert session["agent_id"] == "writer"


@pytest.mark.parametrize(
    ("model", "status", "code"),
    [
        ("agent:nobody", 404, "agent_not_found"),
        ("agent:sleeper", 409, "agent_not_runnable"),
        ("agent:", 400, "invalid_input"),
    ],
)
async def test_an_agent_that_cannot_answer_is_an_error_as_openai_tells_it(
    model: str, status: int, code: str, client: httpx.AsyncClient
) -> None:
    answer = await client.post(CHAT, json=chat(model))

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


async def test_other_agents_delegate_to_an_agent_at_its_own_address(
    client: httpx.AsyncClient,
) -> None:
    event = AgentRequestEvent(
        source_agent="planner",
        target_agent="x",
        request_type=AgentRequestType.EXECUTE_TASK,
        payload={"input": "hello"},
        request_id="req_1",
    )

    async def execute(path: str) -> httpx.Response:
        headers = {"content-type": "application/json"}
        return await client.post(path, content=msgspec.json.encode(event), headers=headers)

    result = (await execute("/agents/writer/execute")).json()["result"]
    again = (await execute("/agents/writer/execute")).json()["result"]
    plain = (await execute("/execute")).json()["result"]

    assert (result["agent_id"], result["agent_version"]) == ("writer", 3)
    assert again == result
    assert (plain["agent_id"], plain["session_id"] != result["session_id"]) == ("assistant", True)
    assert (await execute("/agents/nobody/execute")).status_code == 404
    assert (await execute("/agents/sleeper/execute")).status_code == 409
