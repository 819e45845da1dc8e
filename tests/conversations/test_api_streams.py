from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from rollcall.conversations.errors import ModelUnavailable
from rollcall.conversations.models import TextReset, ToolRun
from rollcall.testing.clock import FrozenClock
from support.conversations import InMemoryConversations, ScriptedLoop
from support.sse import Told, parsed

PROCESS = "/api/v1/process"
SAID: dict[str, Any] = {"session_id": "s", "user_input": "Calculate 10 + 5"}


def events(answer: httpx.Response) -> list[Told]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/event-stream")
    return list(parsed(answer.text.splitlines()))


@pytest.mark.parametrize("how", ["field", "header"])
async def test_a_stream_tells_what_happens_and_ends_with_the_answer(
    client: httpx.AsyncClient, loop: ScriptedLoop, run: ToolRun, how: str
) -> None:
    loop.script("Let me see.", TextReset(), run, "10 + 5 ", "is 15.")
    body = {**SAID, "stream": True} if how == "field" else SAID
    headers = {"Accept": "text/event-stream"} if how == "header" else {}

    told = events(await client.post(PROCESS, json=body, headers=headers))

    assert [one.name for one in told] == [
        *("accepted", "started", "text", "reset", "tool_started", "tool_finished"),
        *("text", "text", "done"),
    ]
    assert told[0].data["status"] == "accepted"
    assert told[1].data["turn_id"] == told[0].data["turn_id"]
    assert told[4].data == {
        "call_id": "call_1",
        "name": "calculate",
        "service": "ext-tool",
        "arguments": {"expression": "10 + 5"},
    }
    assert (told[5].data["url"], told[5].data["result"]) == (run.url, {"result": "15"})
    assert "".join(one.data["text"] for one in told[6:8]) == "10 + 5 is 15."
    turn_id = told[0].data["turn_id"]
    place = f"/api/v1/sessions/s/turns/{turn_id}"
    assert told[-1].data["response"] == "10 + 5 is 15."
    assert told[-1].data["tools_used"][0]["name"] == "calculate"
    assert (await client.get(place)).json()["duration_ms"] == told[-1].data["duration_ms"]


async def test_a_stream_of_a_turn_that_fails_ends_with_the_problem(
    client: httpx.AsyncClient, loop: ScriptedLoop
) -> None:
    loop.script("Well", ModelUnavailable("overloaded"))

    last = events(await client.post(PROCESS, json={**SAID, "stream": True}))[-1]

    assert last.name == "failed"
    assert (last.data["status"], last.data["detail"]) == (503, "overloaded")


async def test_a_turn_that_has_ended_can_be_followed_from_its_beginning(
    client: httpx.AsyncClient, loop: ScriptedLoop, run: ToolRun
) -> None:
    loop.script(run, "15")
    first = await client.post(PROCESS, json=SAID)

    told = events(await client.get(first.headers["location"] + "/events"))

    assert [one.name for one in told][-3:] == ["tool_finished", "text", "done"]
    assert told[-1].data == first.json()
    # A browser that comes back, since the stream ended, is told to stay away.
    headers = {"Last-Event-ID": str(told[-1].id)}
    again = await client.get(first.headers["location"] + "/events", headers=headers)
    assert again.status_code == 204


@asynccontextmanager
async def leaving(app: Any, body: bytes) -> AsyncIterator[tuple[asyncio.Event, asyncio.Event]]:
    """A client of a stream: an event when it has heard text, and one that has it leave."""
    heard, leave = asyncio.Event(), asyncio.Event()
    sent = False

    async def receive() -> dict[str, Any]:
        nonlocal sent
        if not sent:
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}
        await leave.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if b"event: text" in message.get("body", b""):
            heard.set()

    scope = {
        "type": "http",
        "method": "POST",
        "path": PROCESS,
        "raw_path": PROCESS.encode(),
        "query_string": b"",
        "headers": [
            (b"host", b"localhost"),
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
        ],
    }
    task = asyncio.create_task(app(scope, receive, send))
    try:
        yield heard, leave
        await task
    finally:
        task.cancel()


async def test_a_turn_goes_on_when_whoever_asked_has_left(
    front: Any, conversations: InMemoryConversations, loop: ScriptedLoop, clock: FrozenClock
) -> None:
    gate = asyncio.Event()
    loop.script("Half ", gate, "and half.")
    body = b'{"session_id": "s", "user_input": "hi", "stream": true}'

    async with leaving(front(), body) as (heard, leave):
        await heard.wait()
        leave.set()
    (turn,) = await conversations.turns("default", "s", limit=9)
    assert not turn.status.ended
    gate.set()

    assert (await conversations.ended(turn)).response == "Half and half."
