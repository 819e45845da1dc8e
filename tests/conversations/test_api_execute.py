# SPDX-License-Identifier: Apache-2.0
"""What other agents have the agent do."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import msgspec
import pytest

from rollcall.client.delegation import (
    AgentRequestEvent,
    AgentRequestType,
    AgentResponseEvent,
    AgentResponseStatus,
)
from rollcall.conversations.api_execute import WORDS
from rollcall.conversations.errors import ModelUnavailable
from rollcall.conversations.models import ToolRun
from rollcall.kernel.caller import READ
from rollcall.kernel.ids import RandomIds
from rollcall.testing.clock import FrozenClock
from rollcall.web.auth import BearerAccess
from rollcall.web.keys import InMemoryKeyStore, draw_key
from support.conversations import ScriptedLoop
from support.conversing import eventually


def request(
    payload: dict[str, Any],
    kind: AgentRequestType = AgentRequestType.EXECUTE_TASK,
    name: str = "req_1",
    timeout: float = 30.0,
) -> AgentRequestEvent:
    return AgentRequestEvent(
        source_agent="planner",
        target_agent="assistant",
        request_type=kind,
        payload=payload,
        request_id=name,
        timeout_seconds=timeout,
        correlation_id="trip-7",
    )


async def execute(client: httpx.AsyncClient, event: AgentRequestEvent) -> AgentResponseEvent:
    answer = await client.post(
        "/execute",
        content=msgspec.json.encode(event),
        headers={"content-type": "application/json"},
    )
    assert answer.status_code == 200, answer.text
    return msgspec.json.decode(answer.content, type=AgentResponseEvent)


async def test_a_task_is_done_and_answered_with_the_tools_that_ran(
    client: httpx.AsyncClient, loop: ScriptedLoop, run: ToolRun
) -> None:
    loop.script(run, "It is 15.")

    answer = await execute(client, request({"task": "Calculate 10 + 5"}))

    assert answer.status is AgentResponseStatus.SUCCESS
    assert answer.result["response"] == "It is 15."
    assert answer.result["tools_used"][0]["tool"] == "calculate"
    assert (answer.source_agent, answer.target_agent) == ("assistant", "planner")
    assert (answer.request_id, answer.correlation_id) == ("req_1", "trip-7")
    assert loop.tasks[0].correlation_id == "trip-7"


@pytest.mark.parametrize("name", WORDS)
async def test_the_words_may_stand_under_several_names(
    client: httpx.AsyncClient, loop: ScriptedLoop, name: str
) -> None:
    await execute(client, request({name: "Hello", "other": 1}, AgentRequestType.QUERY))

    assert loop.tasks[0].user_input == "Hello"


async def test_the_same_request_sent_again_is_done_once(
    client: httpx.AsyncClient, loop: ScriptedLoop
) -> None:
    first, again = await asyncio.gather(
        *(execute(client, request({"task": "Hello"})) for _ in range(2))
    )

    assert first.result == again.result
    assert len(loop.tasks) == 1


async def test_an_id_that_came_with_other_words_is_refused(client: httpx.AsyncClient) -> None:
    await execute(client, request({"task": "Hello"}))
    other = msgspec.to_builtins(request({"task": "Goodbye"}))

    answer = await client.post("/execute", json=other)

    assert answer.status_code == 422
    assert answer.json()["type"].endswith(":key-reused")


async def test_what_fails_is_an_error_that_says_why(
    client: httpx.AsyncClient, loop: ScriptedLoop
) -> None:
    loop.script(ModelUnavailable("it does not answer"))

    answer = await execute(client, request({"task": "Hello"}))

    assert answer.status is AgentResponseStatus.ERROR
    assert answer.error == "model-unavailable: it does not answer"


async def test_what_takes_too_long_is_called_off(
    client: httpx.AsyncClient, loop: ScriptedLoop, clock: FrozenClock
) -> None:
    loop.script("I have begun", asyncio.Event())
    doing = asyncio.create_task(execute(client, request({"task": "Hello"}, timeout=5.0)))
    await eventually(lambda: bool(loop.tasks))
    await clock.advance(5.0)

    answer = await doing

    assert answer.status is AgentResponseStatus.TIMEOUT
    assert answer.execution_time_ms == 5000.0
    where = request({"request_id": "req_1"}, AgentRequestType.GET_STATUS, "req_2")
    assert (await execute(client, where)).result["status"] == "cancelled"


async def test_a_request_is_called_off_by_another(
    client: httpx.AsyncClient, loop: ScriptedLoop
) -> None:
    loop.script(asyncio.Event())
    doing = asyncio.create_task(execute(client, request({"task": "Hello"})))
    await eventually(lambda: bool(loop.tasks))

    off = request({"request_id": "req_1"}, AgentRequestType.CANCEL_TASK, "req_2")
    answer = await execute(client, off)

    assert answer.result == {"request_id": "req_1", "cancelled": True}
    assert (await doing).status is AgentResponseStatus.ERROR
    assert (await execute(client, off)).status is AgentResponseStatus.REJECTED


async def test_how_it_is_is_told_without_running_it(
    client: httpx.AsyncClient, loop: ScriptedLoop
) -> None:
    answer = await execute(client, request({}, AgentRequestType.GET_STATUS))

    assert answer.status is AgentResponseStatus.SUCCESS
    assert answer.result["models"] == ["scripted:small", "scripted:large"]
    unknown = request({"request_id": "nobody's"}, AgentRequestType.GET_STATUS)
    assert (await execute(client, unknown)).status is AgentResponseStatus.REJECTED
    assert loop.tasks == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"payload": {}}, "payload"),
        ({"payload": {"task": " "}}, "payload.task"),
        ({"payload": {"task": 7}}, "payload"),
        ({"request_type": "cancel_task", "payload": {}}, "payload.request_id"),
        ({"request_type": "dance"}, "request_type"),
        ({"request_id": ""}, "request_id"),
        ({"request_id": "a\nb"}, "request_id"),
        ({"timeout_seconds": 0}, "timeout_seconds"),
        ({"created_at": "2026-01-31T12:00:00"}, "created_at"),
    ],
)
async def test_what_cannot_be_used_is_named(
    client: httpx.AsyncClient, loop: ScriptedLoop, change: dict[str, Any], field: str
) -> None:
    body = msgspec.to_builtins(request({"task": "Hello"})) | change

    answer = await client.post("/execute", json=body)

    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["field"] == field
    assert loop.tasks == []


async def test_it_costs_and_so_takes_more_than_to_look(front: Any, clock: FrozenClock) -> None:
    keys = InMemoryKeyStore()
    key, token = draw_key(
        RandomIds(), clock, name="k", namespace="default", scopes=frozenset({READ})
    )
    await keys.add(key)
    transport = httpx.ASGITransport(front(BearerAccess(keys, clock)))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as one:
        answer = await one.post(
            "/execute",
            json=msgspec.to_builtins(request({"task": "Hello"})),
            headers={"Authorization": f"Bearer {token}"},
        )

    assert answer.status_code == 403
