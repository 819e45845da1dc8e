from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from rollcall.conversations.api_sessions import under_way
from rollcall.conversations.errors import SessionNotFound
from rollcall.conversations.models import Ask
from rollcall.testing.clock import FrozenClock
from support.conversations import InMemoryConversations, ScriptedLoop

BASE = "/api/v1"


async def say(client: httpx.AsyncClient, session: str, text: str, **more: str) -> dict[str, Any]:
    body = {"session_id": session, "user_input": text, **more}
    answer = await client.post(f"{BASE}/process", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_sessions_are_listed_the_last_one_first_page_by_page(
    client: httpx.AsyncClient, clock: FrozenClock
) -> None:
    for name in ("a", "b", "c"):
        await say(client, name, f"hello from {name}", user_id="ada")
        await clock.advance(1)
    await say(client, "d", "somebody else")

    first = await client.get(f"{BASE}/sessions", params={"user_id": "ada", "limit": 2})
    assert [one["session_id"] for one in first.json()] == ["c", "b"]
    assert first.json()[0] == {
        "session_id": "c",
        "agent_id": "assistant",
        "agent_version": None,
        "user_id": "ada",
        "title": "hello from c",
        "turns": 1,
        "created_at": "2025-06-15T15:06:42Z",
        "updated_at": "2025-06-15T15:06:42Z",
    }
    second = await client.get(first.links["next"]["url"])
    assert [one["session_id"] for one in second.json()] == ["a"]
    assert "next" not in second.links


async def test_a_session_is_shown_with_its_turns_page_by_page(client: httpx.AsyncClient) -> None:
    for number in range(3):
        await say(client, "s", f"number {number}")

    first = await client.get(f"{BASE}/sessions/s", params={"limit": 2})
    assert first.json()["session"]["turns"] == 3
    assert [one["user_input"] for one in first.json()["turns"]] == ["number 0", "number 1"]
    second = await client.get(first.links["next"]["url"])
    assert [one["number"] for one in second.json()["turns"]] == [3]
    assert "next" not in second.links


async def test_a_turn_tells_what_went_into_its_tools_and_what_came_out(
    client: httpx.AsyncClient, loop: ScriptedLoop, run: Any
) -> None:
    loop.script(run, "15")
    said = await say(client, "s", "10 + 5")

    turn = (await client.get(f"{BASE}/sessions/s/turns/{said['turn_id']}")).json()

    (used,) = turn["tools_used"]
    assert (used["arguments"], used["result"]) == ({"expression": "10 + 5"}, {"result": "15"})
    assert (used["call_id"], turn["user_input"]) == ("call_1", "10 + 5")


async def test_a_name_that_needs_escaping_is_found_under_its_own(
    client: httpx.AsyncClient,
) -> None:
    name = "Ada's 100% & öfter?"
    body = {"session_id": name, "user_input": "hi"}
    answer = await client.post(f"{BASE}/process", json=body)

    kept = (await client.get(answer.headers["location"])).json()

    assert kept["session_id"] == name
    file = await client.get(answer.headers["location"].rpartition("/turns/")[0] + "/export")
    assert file.headers["content-disposition"].isascii()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/sessions/none"),
        ("GET", "/sessions/none/export"),
        ("DELETE", "/sessions/none"),
        ("POST", "/sessions/none/cancel"),
    ],
)
async def test_a_session_that_is_not_there_is_a_404_that_names_it(
    method: str, path: str, client: httpx.AsyncClient
) -> None:
    answer = await client.request(method, BASE + path)

    assert answer.status_code == 404
    assert answer.json()["type"] == "urn:rollcall:problem:session-not-found"
    assert answer.json()["session_id"] == "none"


@pytest.mark.parametrize("what", ["", "/events", "/cancel"])
async def test_a_turn_that_is_not_there_is_a_404_that_names_it(
    what: str, client: httpx.AsyncClient
) -> None:
    await say(client, "s", "hi")

    method = "POST" if what == "/cancel" else "GET"
    answer = await client.request(method, f"{BASE}/sessions/s/turns/none{what}")

    assert answer.status_code == 404
    assert answer.json()["type"] == "urn:rollcall:problem:turn-not-found"
    assert answer.json()["turn_id"] == "none"


async def test_a_deleted_session_is_gone_with_all_that_was_in_it(
    client: httpx.AsyncClient,
) -> None:
    said = await say(client, "s", "one")
    await say(client, "s", "two")

    answer = await client.delete(f"{BASE}/sessions/s")

    assert answer.json() == {"message": "session s was deleted", "deleted_turns": 2}
    assert (await client.get(f"{BASE}/sessions/s")).status_code == 404
    assert (await client.get(f"{BASE}/sessions/s/turns/{said['turn_id']}")).status_code == 404


async def test_a_turn_is_called_off_with_what_there_is_of_its_answer(
    client: httpx.AsyncClient, loop: ScriptedLoop, clock: FrozenClock
) -> None:
    loop.script("Half of ", asyncio.Event())
    body = {"session_id": "s", "user_input": "hi"}
    later = await client.post(f"{BASE}/process", json=body, headers={"Prefer": "respond-async"})
    await clock.settle()

    answer = await client.post(later.headers["location"] + "/cancel")

    assert (answer.json()["status"], answer.json()["response"]) == ("cancelled", "Half of ")
    # Once more, and nothing changes.
    again = await client.post(later.headers["location"] + "/cancel")
    assert again.json() == answer.json()


async def test_a_session_is_called_off_with_what_waits_in_it(
    client: httpx.AsyncClient, loop: ScriptedLoop, clock: FrozenClock
) -> None:
    done = await say(client, "s", "first")
    loop.script(asyncio.Event())
    body = {"session_id": "s", "user_input": "hi"}
    for _ in range(3):
        await client.post(f"{BASE}/process", json=body, headers={"Prefer": "respond-async"})
        await clock.settle()

    answer = await client.post(f"{BASE}/sessions/s/cancel")

    assert answer.json()["message"] == "3 turns called off"
    turns = (await client.get(f"{BASE}/sessions/s")).json()["turns"]
    assert [one["status"] for one in turns] == ["answered", *["cancelled"] * 3]
    assert answer.json()["turns"] == [one["turn_id"] for one in turns[1:]]
    assert done["turn_id"] not in answer.json()["turns"]
    # None of those that waited was begun.
    assert len(loop.tasks) == 2


async def test_what_is_under_way_is_found_over_pages_from_the_end(
    conversations: InMemoryConversations, loop: ScriptedLoop, clock: FrozenClock
) -> None:
    ask = Ask(namespace="default", session_id="s", user_input="hi", owner="local")
    for _ in range(4):
        await conversations.ended(await conversations.accept(ask))
    loop.script(asyncio.Event())
    waiting: list[str] = []
    for _ in range(5):
        waiting.append((await conversations.accept(ask)).id)
        await clock.settle()

    found = await under_way(conversations, "default", "s", page=2)

    assert [one.id for one in found] == waiting
    with pytest.raises(SessionNotFound):
        await under_way(conversations, "default", "none")
