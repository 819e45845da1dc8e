from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from rollcall.conversations.errors import (
    BudgetExhausted,
    LimitReached,
    ModelMisbehaved,
    ModelRefused,
    ModelUnavailable,
    TurnFailed,
)
from rollcall.conversations.models import ToolOutcome, ToolRun, Usage
from rollcall.kernel.caller import READ, REGISTER
from rollcall.kernel.ids import RandomIds
from rollcall.testing.clock import FrozenClock
from rollcall.web.auth import BearerAccess
from rollcall.web.keys import ApiKey, InMemoryKeyStore, draw_key
from support.conversations import (
    MOST_WAITING,
    InMemoryConversations,
    InMemoryToolbox,
    ScriptedLoop,
)

PROCESS = "/api/v1/process"
SAID: dict[str, Any] = {"session_id": "s", "user_input": "Calculate 10 + 5"}
USED = Usage(
    model="small",
    provider="scripted",
    input_tokens=120,
    output_tokens=7,
    cached_tokens=100,
    requests=2,
    cost=Decimal("0.0000125"),
    priced_by="a list",
)


class Interrupted(TurnFailed):
    type = "interrupted"


class NoSuchModel(TurnFailed):
    type = "invalid-input"


async def test_a_message_is_answered_with_the_tools_that_ran_and_what_it_cost(
    client: httpx.AsyncClient, loop: ScriptedLoop, run: ToolRun
) -> None:
    loop.script(run, USED, "10 + 5 ", "is 15.")

    answer = await client.post(PROCESS, json={**SAID, "user_id": "ada", "model": "scripted:large"})

    assert answer.status_code == 200
    told = answer.json()
    turn_id = told["turn_id"]
    assert told == {
        "response": "10 + 5 is 15.",
        "session_id": "s",
        "turn_id": turn_id,
        "agent_id": "assistant",
        "agent_version": None,
        "status": "answered",
        "tools_used": [
            {
                "name": "calculate",
                "tool": "calculate",
                "service": "ext-tool",
                "instance": "ext-tool-1",
                "url": "http://127.0.0.1:3006",
                "outcome": "ok",
                "duration_ms": 12.5,
                "attempts": 1,
                "error": None,
                "capability": None,
            }
        ],
        "usage": {
            "model": "small",
            "provider": "scripted",
            "input_tokens": 120,
            "output_tokens": 7,
            "cached_tokens": 100,
            "requests": 2,
            "estimated": False,
            "cost": "0.0000125",
            "currency": "USD",
            "priced_by": "a list",
        },
        "duration_ms": 0.0,
        "created_at": "2025-06-15T15:06:40Z",
        "finished_at": "2025-06-15T15:06:40Z",
    }
    assert answer.headers["location"] == f"/api/v1/sessions/s/turns/{turn_id}"
    assert "idempotency-replayed" not in answer.headers
    (task,) = loop.tasks
    assert (task.user_input, task.model) == ("Calculate 10 + 5", "scripted:large")
    assert (await client.get(answer.headers["location"])).json()["user_id"] == "ada"


async def test_a_tool_that_cannot_be_reached_makes_no_error(
    client: httpx.AsyncClient, loop: ScriptedLoop, run: ToolRun
) -> None:
    gone = replace(
        run, outcome=ToolOutcome.UNAVAILABLE, result=None, error="nobody answers", instance=None
    )
    loop.script(gone, "I cannot reach the calculator now, sorry.")

    answer = await client.post(PROCESS, json=SAID)

    assert answer.status_code == 200
    (used,) = answer.json()["tools_used"]
    assert (used["outcome"], used["error"]) == ("unavailable", "nobody answers")


@pytest.mark.parametrize(
    ("error", "status", "name"),
    [
        (ModelUnavailable("overloaded"), 503, "model-unavailable"),
        (ModelMisbehaved("nonsense"), 502, "model-misbehaved"),
        (ModelRefused("no such model"), 422, "model-refused"),
        (LimitReached("steps", "12 steps"), 422, "limit-reached"),
        (BudgetExhausted("nothing is left"), 402, "budget-exhausted"),
        (TurnFailed("who knows"), 500, "turn-failed"),
        (Interrupted("stopped meanwhile"), 503, "interrupted"),
        (NoSuchModel("model: there is none"), 422, "invalid-input"),
    ],
    ids=lambda one: type(one).__name__,
)
async def test_a_turn_without_an_answer_is_a_problem_that_says_why_and_what_was_used(
    client: httpx.AsyncClient, loop: ScriptedLoop, error: TurnFailed, status: int, name: str
) -> None:
    loop.script(USED, "Let me", error)

    answer = await client.post(PROCESS, json=SAID)

    told = answer.json()
    assert (answer.status_code, told["status"]) == (status, status)
    assert answer.headers["content-type"] == "application/problem+json"
    assert told["type"] == f"urn:rollcall:problem:{name}"
    assert told["detail"] == error.problem
    assert told["usage"]["input_tokens"] == 120
    assert ("retry-after" in answer.headers) == (status == 503)
    kept = (await client.get(answer.headers["location"])).json()
    assert (kept["turn_id"], kept["status"]) == (told["turn_id"], "failed")
    assert (kept["error"], kept["error_type"]) == (error.problem, name)


async def test_the_same_key_is_answered_with_the_same_turn(
    client: httpx.AsyncClient, loop: ScriptedLoop, clock: FrozenClock
) -> None:
    first = await client.post(PROCESS, json=SAID, headers={"Idempotency-Key": "k1"})
    await clock.advance(1)
    again = await client.post(PROCESS, json={**SAID, "idempotency_key": "k1"})

    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert len(loop.tasks) == 1


@pytest.mark.parametrize("named", ["order-17", None])
async def test_a_repeated_request_is_known_by_its_name_or_by_its_time(
    client: httpx.AsyncClient, clock: FrozenClock, named: str | None
) -> None:
    headers = {"Idempotency-Key": "k1"} | ({"X-Request-ID": named} if named else {})
    first = await client.post(PROCESS, json=SAID, headers=headers)
    await clock.advance(0.01 if named else 0)
    again = await client.post(PROCESS, json=SAID, headers=headers)

    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"


async def test_the_same_key_with_another_message_is_refused(client: httpx.AsyncClient) -> None:
    await client.post(PROCESS, json={**SAID, "idempotency_key": "k1"})
    other = {**SAID, "user_input": "Delete everything", "idempotency_key": "k1"}

    answer = await client.post(PROCESS, json=other)

    assert (answer.status_code, answer.json()["type"]) == (422, "urn:rollcall:problem:key-reused")


async def test_a_session_takes_so_many_messages_and_then_asks_to_come_later(
    client: httpx.AsyncClient, loop: ScriptedLoop, clock: FrozenClock
) -> None:
    gate = asyncio.Event()
    loop.script(gate)
    later = {"Prefer": "respond-async"}
    for _ in range(MOST_WAITING + 1):
        assert (await client.post(PROCESS, json=SAID, headers=later)).status_code == 202
        await clock.settle()

    answer = await client.post(PROCESS, json=SAID, headers=later)

    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    assert (answer.json()["session_id"], answer.json()["waiting"]) == ("s", MOST_WAITING)
    gate.set()


async def test_who_does_not_want_to_wait_is_told_where_the_answer_will_be(
    client: httpx.AsyncClient, loop: ScriptedLoop, conversations: InMemoryConversations
) -> None:
    gate = asyncio.Event()
    loop.script(gate, "Done.")

    answer = await client.post(PROCESS, json=SAID, headers={"Prefer": "respond-async"})

    assert answer.status_code == 202
    assert answer.headers["preference-applied"] == "respond-async"
    assert answer.json()["status"] == "accepted"
    gate.set()
    turn = await conversations.turn("default", "s", answer.json()["turn_id"])
    await conversations.ended(turn)
    told = (await client.get(answer.headers["location"])).json()
    assert (told["status"], told["response"]) == ("answered", "Done.")


async def test_a_model_that_is_not_there_is_refused_before_anything_is_kept(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.post(PROCESS, json={**SAID, "model": "huge"})

    assert answer.status_code == 422
    (problem,) = answer.json()["errors"]
    assert problem["field"] == "model"
    assert "scripted:small, scripted:large" in problem["problem"]
    assert (await client.get("/api/v1/sessions")).json() == []


@pytest.mark.parametrize("name", ["scripted:small", "small", "scripted:huge"])
async def test_a_model_is_named_with_its_provider_or_without_and_may_be_an_unlisted_one(
    name: str, client: httpx.AsyncClient, loop: ScriptedLoop
) -> None:
    answer = await client.post(PROCESS, json={**SAID, "model": name})

    assert answer.status_code == 200
    assert [task.model for task in loop.tasks] == [name]


async def test_a_turn_that_is_called_off_is_a_conflict(
    client: httpx.AsyncClient, loop: ScriptedLoop, clock: FrozenClock
) -> None:
    loop.script("Well, ", asyncio.Event())
    asking = asyncio.create_task(client.post(PROCESS, json=SAID))
    await clock.settle()

    done = await client.post("/api/v1/sessions/s/cancel")
    answer = await asking

    assert (done.status_code, done.json()["turns"]) == (200, [answer.json()["turn_id"]])
    assert (answer.status_code, answer.json()["type"]) == (
        409,
        "urn:rollcall:problem:turn-cancelled",
    )


async def test_tools_are_listed_as_document_1_has_them(client: httpx.AsyncClient) -> None:
    told = (await client.get("/api/v1/tools")).json()

    assert told["total_count"] == 1
    (tool,) = told["tools"]
    assert (tool["name"], tool["service"], tool["path"]) == ("calculate", "ext-tool", "/calculate")
    assert tool["input_schema"]["properties"] == {"expression": {"type": "string"}}


async def test_a_refresh_looks_again_and_says_how_many_there_are(
    client: httpx.AsyncClient, toolbox: InMemoryToolbox
) -> None:
    told = (await client.post("/api/v1/tools/refresh")).json()

    assert told == {"message": "all tool services were looked at", "tools_count": 1}
    assert toolbox.looks == 1


async def test_who_may_only_look_cannot_spend_money_or_lose_anything(
    front: Any, clock: FrozenClock, loop: ScriptedLoop
) -> None:
    keys = InMemoryKeyStore()
    tokens: dict[str, str] = {}
    for scope in (READ, REGISTER):
        key, tokens[scope] = drawn_key(clock, scope)
        await keys.add(key)
    app = front(BearerAccess(keys, clock))
    transport = httpx.ASGITransport(app)

    async with httpx.AsyncClient(transport=transport, base_url="http://any") as client:

        async def status(method: str, path: str, scope: str | None, body: Any = None) -> int:
            headers = {} if scope is None else {"Authorization": f"Bearer {tokens[scope]}"}
            return (await client.request(method, path, json=body, headers=headers)).status_code

        assert await status("POST", PROCESS, None, SAID) == 401
        assert await status("POST", PROCESS, READ, SAID) == 403
        assert loop.tasks == []
        assert await status("POST", PROCESS, REGISTER, SAID) == 200
        for path in ("sessions/s/cancel", "tools/refresh"):
            assert await status("POST", f"/api/v1/{path}", READ) == 403
        assert await status("DELETE", "/api/v1/sessions/s", READ) == 403
        for path in ("tools", "sessions", "sessions/s", "sessions/s/export"):
            assert await status("GET", f"/api/v1/{path}", READ) == 200
        assert await status("DELETE", "/api/v1/sessions/s", REGISTER) == 200


async def test_one_namespace_sees_nothing_of_another(front: Any, clock: FrozenClock) -> None:
    keys = InMemoryKeyStore()
    drawn = [drawn_key(clock, REGISTER, namespace) for namespace in ("one", "two")]
    for key, _ in drawn:
        await keys.add(key)
    transport = httpx.ASGITransport(front(BearerAccess(keys, clock)))
    mine, yours = ({"Authorization": f"Bearer {token}"} for _, token in drawn)

    async with httpx.AsyncClient(transport=transport, base_url="http://any") as client:
        place = (await client.post(PROCESS, json=SAID, headers=mine)).headers["location"]
        assert (await client.get(place, headers=mine)).status_code == 200
        assert (await client.get(place, headers=yours)).status_code == 404
        assert (await client.get("/api/v1/sessions", headers=yours)).json() == []
        assert (await client.delete("/api/v1/sessions/s", headers=yours)).status_code == 404


def drawn_key(clock: FrozenClock, scope: str, namespace: str = "default") -> tuple[ApiKey, str]:
    return draw_key(RandomIds(), clock, name="k", namespace=namespace, scopes=frozenset({scope}))
