"""What goes over the wire; what OpenAI's own client makes of it is tried in `test_openai_sdk`."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from rollcall.conversations.errors import ModelUnavailable, TurnFailed
from rollcall.conversations.models import Exchange, TextReset, ToolRun, Usage
from rollcall.conversations.openai_api import PATIENCE
from rollcall.kernel.caller import READ
from rollcall.kernel.ids import RandomIds
from rollcall.testing.clock import FrozenClock
from rollcall.web.auth import BearerAccess
from rollcall.web.keys import InMemoryKeyStore, draw_key
from support.conversations import InMemoryConversations, ScriptedLoop

CHAT = "/v1/chat/completions"
SAID: dict[str, Any] = {"model": "rollcall", "messages": [{"role": "user", "content": "10 + 5"}]}

MISSING, INVALID = "not_found_error", "invalid_request_error"
NONE = "model_not_found"


def pieces(answer: httpx.Response) -> list[str]:
    """The data of the events of a stream."""
    assert answer.status_code == 200, answer.text
    return [line.removeprefix("data: ") for line in answer.text.splitlines() if line]


def words(answer: httpx.Response) -> str:
    """What a client puts together."""
    *chunks, done = pieces(answer)
    assert done == "[DONE]"
    choices = [one for chunk in chunks for one in json.loads(chunk)["choices"]]
    return "".join(one["delta"].get("content", "") for one in choices)


async def test_an_answer_says_beside_openais_words_which_tools_ran(
    client: httpx.AsyncClient, loop: ScriptedLoop, run: ToolRun
) -> None:
    used = Usage(model="m", provider="p", input_tokens=9, output_tokens=3, cached_tokens=4)
    loop.script(run, used, "15")

    answer = await client.post(CHAT, json={**SAID, "user": "ada"})

    told = answer.json()
    assert told["choices"][0]["message"]["content"] == "15"
    assert told["usage"] == {
        "prompt_tokens": 9,
        "completion_tokens": 3,
        "total_tokens": 12,
        "prompt_tokens_details": {"cached_tokens": 4},
    }
    beside = told["rollcall"]
    assert [one["url"] for one in beside["tools_used"]] == ["http://127.0.0.1:3006"]
    assert beside["session_id"] == answer.headers["x-session-id"]
    turn = (await client.get(answer.headers["location"])).json()
    assert (turn["turn_id"], turn["user_id"]) == (beside["turn_id"], "ada")


async def test_what_was_said_before_comes_from_the_caller(
    client: httpx.AsyncClient, loop: ScriptedLoop
) -> None:
    said = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": "c"},
    ]
    await client.post(CHAT, json={**SAID, "messages": said})

    (task,) = loop.tasks
    assert (task.user_input, task.instructions) == ("c", "Be brief.")
    assert task.history == (Exchange("a", "b"),)


async def test_a_session_that_is_named_is_kept_and_one_that_is_not_is_new(
    client: httpx.AsyncClient, conversations: InMemoryConversations
) -> None:
    for _ in range(2):
        answer = await client.post(CHAT, json=SAID, headers={"X-Session-Id": "mine"})
        assert answer.headers["x-session-id"] == "mine"
    for _ in range(2):
        await client.post(CHAT, json=SAID)

    sessions = {
        one["session_id"]: one["turns"] for one in (await client.get("/api/v1/sessions")).json()
    }
    assert sorted(sessions.values()) == [1, 1, 2]
    first, _ = await conversations.turns("default", "mine", limit=9)
    # What the session has, where there is one; nothing, where there is none.
    assert first.history is None
    other = next(name for name in sessions if name != "mine")
    (turn,) = await conversations.turns("default", other, limit=9)
    assert turn.history == ()


async def test_the_same_key_is_answered_with_the_same_turn_also_in_a_new_session(
    client: httpx.AsyncClient, loop: ScriptedLoop
) -> None:
    headers = {"Idempotency-Key": "k"}
    first = await client.post(CHAT, json=SAID, headers=headers)
    again = await client.post(CHAT, json=SAID, headers=headers)
    streamed = await client.post(CHAT, json={**SAID, "stream": True}, headers=headers)

    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert words(streamed) == "You said: 10 + 5"
    assert len(loop.tasks) == 1


async def test_a_stream_has_a_role_words_an_end_and_where_asked_the_usage(
    client: httpx.AsyncClient, loop: ScriptedLoop
) -> None:
    loop.script(Usage(model="m", provider="p", input_tokens=9, output_tokens=3), "1", "5")
    body = {**SAID, "stream": True, "stream_options": {"include_usage": True}}

    answer = await client.post(CHAT, json=body)

    *chunks, done = pieces(answer)
    told = [json.loads(one) for one in chunks]
    assert done == "[DONE]"
    assert {one["object"] for one in told} == {"chat.completion.chunk"}
    assert len({one["id"] for one in told}) == 1
    assert [one["choices"][0]["delta"] for one in told[:-1]] == [
        {"role": "assistant", "content": "", "refusal": None},
        {"content": "1"},
        {"content": "5"},
        {},
    ]
    assert [one["choices"][0]["finish_reason"] for one in told[:-1]] == [None, None, None, "stop"]
    assert (told[-1]["choices"], told[-1]["usage"]["total_tokens"]) == ([], 12)
    assert all(one["usage"] is None for one in told[:-1])
    assert answer.headers["x-session-id"] == told[-2]["rollcall"]["session_id"]


async def test_words_before_a_tool_are_set_apart_since_they_cannot_be_taken_back(
    client: httpx.AsyncClient, loop: ScriptedLoop, run: ToolRun
) -> None:
    loop.script("Let me see.", TextReset(), run, TextReset(), "It is 15.")
    answer = await client.post(CHAT, json={**SAID, "stream": True})
    assert words(answer) == "Let me see.\n\nIt is 15."


@pytest.mark.parametrize("early", [True, False])
async def test_an_error_has_its_status_until_the_first_word_and_ends_the_stream_afterwards(
    client: httpx.AsyncClient, loop: ScriptedLoop, early: bool
) -> None:
    error = ModelUnavailable("overloaded")
    loop.script(error) if early else loop.script("Well", error)

    answer = await client.post(CHAT, json={**SAID, "stream": True})

    if early:
        assert (answer.status_code, answer.headers["x-should-retry"]) == (503, "true")
        told = answer.json()
    else:
        told = json.loads(pieces(answer)[-1])
    assert told["error"]["message"] == "overloaded"
    assert told["error"]["type"] == "server_error"
    assert told["error"]["code"] == "model_unavailable"


async def test_a_stream_whose_first_word_is_late_begins_before_it(
    client: httpx.AsyncClient, loop: ScriptedLoop, clock: FrozenClock
) -> None:
    gate = asyncio.Event()
    loop.script(gate, ModelUnavailable("overloaded"))
    asking = asyncio.create_task(client.post(CHAT, json={**SAID, "stream": True}))
    await clock.advance(PATIENCE)
    gate.set()
    answer = await asking

    assert answer.status_code == 200
    assert json.loads(pieces(answer)[-1])["error"]["code"] == "model_unavailable"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "kind", "param", "code"),
    [
        ("POST", CHAT, b'{"model": "x", "messages": [{"role": "user"}]}', 404, MISSING, None, NONE),
        ("GET", "/v1/models/gpt-9", b"", 404, MISSING, None, NONE),
        ("POST", CHAT, b'{"model": "rollcall"}', 400, INVALID, "messages", "invalid_input"),
        ("POST", CHAT, json.dumps({**SAID, "n": 2}), 400, INVALID, "n", "invalid_input"),
        ("POST", CHAT, b"{", 400, INVALID, "body", "invalid_input"),
        ("POST", CHAT, b"x" * 2_000_000, 413, INVALID, "body", "payload_too_large"),
        ("GET", "/v1/embeddings", b"", 404, MISSING, None, None),
        ("GET", CHAT, b"", 405, INVALID, None, None),
    ],
    ids=["model", "retrieve", "messages", "n", "json", "large", "path", "method"],
)
async def test_errors_are_told_as_openai_tells_them(
    client: httpx.AsyncClient,
    method: str,
    path: str,
    body: bytes,
    status: int,
    kind: str,
    param: str | None,
    code: str | None,
) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await client.request(method, path, content=body, headers=headers)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    error = answer.json()["error"]
    assert error.pop("message")
    assert error == {"type": kind, "param": param, "code": code}


async def test_a_turn_that_failed_for_good_is_not_worth_another_try(
    client: httpx.AsyncClient, loop: ScriptedLoop
) -> None:
    loop.script(TurnFailed("who knows"))
    answer = await client.post(CHAT, json=SAID)
    assert (answer.status_code, answer.headers["x-should-retry"]) == (500, "false")


async def test_other_paths_keep_their_problems(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/v1/process", json={})
    assert answer.headers["content-type"] == "application/problem+json"


async def test_who_may_only_look_sees_models_and_no_more(front: Any, clock: FrozenClock) -> None:
    keys = InMemoryKeyStore()
    key, token = draw_key(
        RandomIds(), clock, name="k", namespace="default", scopes=frozenset({READ})
    )
    await keys.add(key)
    transport = httpx.ASGITransport(front(BearerAccess(keys, clock)))
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://any") as client:
        models = await client.get("/v1/models", headers=headers)
        refused = await client.post(CHAT, json=SAID, headers=headers)
        stranger = await client.post(CHAT, json=SAID)

    assert [one["id"] for one in models.json()["data"]] == [
        "rollcall",
        "scripted:small",
        "scripted:large",
    ]
    assert (refused.status_code, refused.json()["error"]["type"]) == (403, "permission_error")
    assert (stranger.status_code, stranger.json()["error"]["type"]) == (401, "authentication_error")
