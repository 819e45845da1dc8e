# SPDX-License-Identifier: Apache-2.0
"""Hostile requests over real sockets to the agent and to the tools, started as a user would.

Whatever comes in: a 4xx problem that names what is wrong, nothing said or found because of it, and
no word of surprise in the server's log.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from support.hostile import (
    HOSTILE,
    HOSTILE_IDS,
    Hostile,
    Route,
    Sent,
    break_off,
    check_body,
    check_id,
    check_no_request,
    cut,
    deep,
    deep_inside,
    filled,
    in_chunks,
    in_one,
    in_packets,
    left_alone,
    named,
    not_utf8,
    nul,
    request,
    surrogate,
    too_long,
    unknown,
)
from support.raw import exchange, head
from support.serving import Serving, serving

CALL: dict[str, Any] = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "tools/call",
    "params": {"name": "calculate", "arguments": {"expression": "1 + 1"}},
}
SAID = {"session_id": "intruder", "user_input": "1 + 1"}
CHAT = {"model": "rollcall", "messages": [{"role": "user", "content": "1 + 1"}]}
LINE = {"id": "x", "text": "crowbar", "sent_at": "2026-01-31T00:00:00Z"}
NUMBERS = {"data": [1], "operations": ["mean"]}
MILES = {"value": 1, "from_unit": "km", "to_unit": "miles"}
PAGE = {"url": "http://127.0.0.1:1/", "include": ["text"]}
ROUTES = [
    Route("talk", "POST", "/api/v1/process", SAID, "user_input", "session_id"),
    Route("tools", "POST", "/calculate", {"expression": "1"}, "expression", "expression"),
    Route("tools", "POST", "/statistics", NUMBERS, "operations", "operations"),
    Route("tools", "POST", "/convert", MILES, "from_unit", "to_unit"),
    Route("tools", "POST", "/scrape", PAGE, "url", "include"),
    Route("tools", "POST", "/messages", {"query": "crowbar"}, "query", "query"),
]
"""Of each the first field may stand only once, and nothing stands beside the fields."""
SESSION = "/api/v1/sessions/{}"
TURN = f"{SESSION}/turns/turn_000000000000000000000000"
KEYED = [
    ("GET", SESSION, "session_id"),
    ("DELETE", SESSION, "session_id"),
    ("GET", f"{SESSION}/export", "session_id"),
    ("POST", f"{SESSION}/cancel", "session_id"),
    ("GET", TURN, "session_id"),
    ("GET", f"{TURN}/events", "session_id"),
    ("POST", f"{TURN}/cancel", "session_id"),
    ("GET", "/api/v1/sessions/resident/turns/{}", "turn_id"),
]
ONLY_NOT_FOUND = {"two dots", "a lone surrogate in JSON's way", "a slash", "a path upwards"}
"""Sessions and turns may be called so, or it leads to another path, where nothing is."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("hostile"), "up") as one:
        said = {**SAID, "session_id": "resident"}
        httpx.post(f"{one.talk}/api/v1/process", json=said, timeout=60).raise_for_status()
        yield one
        assert one.end() == 0
        assert "Traceback" not in one.errors()


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with httpx.Client() as one:
        yield one


def held(server: Serving, client: httpx.Client) -> Any:
    """All that was said, and all messages about crowbars."""
    found = client.post(f"{server.tools}/messages", json={"query": "crowbar"}).json()
    return client.get(f"{server.talk}/api/v1/sessions").json(), found["results"]


@pytest.fixture(autouse=True)
def unharmed(server: Serving, client: httpx.Client) -> Iterator[None]:
    """Nothing is kept by any of these tests, and the server answers and is not surprised."""
    with left_alone(server, lambda: held(server, client)) as before:
        assert [one["session_id"] for one in before[0]] == ["resident"]
        yield


@pytest.mark.parametrize("sent", [in_one, in_packets, in_chunks])
@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_a_hostile_body_is_refused_by_its_field_however_it_comes(
    route: Route, hostile: Hostile, sent: Sent, server: Serving
) -> None:
    check_body(server, route, hostile, sent)


@pytest.mark.parametrize("hostile", [not_utf8, deep, deep_inside, surrogate, nul, cut, too_long])
def test_openai_s_clients_are_told_in_their_own_shape(hostile: Hostile, server: Serving) -> None:
    route = Route("talk", "POST", "/v1/chat/completions", CHAT, "messages.0.content", "messages")

    answer = exchange(server.talk, "POST", in_packets(route, hostile(route)[0]))

    assert 400 <= answer.status < 500
    assert answer.json()["error"]["message"]


@pytest.mark.parametrize("hostile", [not_utf8, deep, deep_inside, surrogate, nul, cut, too_long])
def test_what_is_no_call_over_mcp_is_refused(hostile: Hostile, server: Serving) -> None:
    route = Route("tools", "POST", "/mcp", CALL, "params.arguments.expression", "params")
    body, _ = hostile(route)
    head_of = request(route, body, "Accept: application/json, text/event-stream")

    answer = exchange(server.tools, "POST", [head_of[:9], head_of[9:], body])

    if hostile is nul:
        assert b'"isError":true' in answer.body
        return
    assert 400 <= answer.status < 500


@pytest.mark.parametrize("hostile", [not_utf8, deep, surrogate, nul, cut, unknown])
def test_of_a_hostile_line_of_messages_nothing_is_kept(hostile: Hostile, server: Serving) -> None:
    route = Route("tools", "POST", "/messages/import", LINE, "text", "text")
    body, _ = hostile(route)

    answer = exchange(server.tools, "POST", in_chunks(route, body))

    assert (answer.status, answer.json()["imported"]) == (200, 0)
    assert answer.json()["refused"][0]["reason"]


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_a_request_that_breaks_off_says_nothing(route: Route, reset: bool, server: Serving) -> None:
    break_off(server, route, reset=reset)


@pytest.mark.parametrize("hostile", HOSTILE_IDS)
@pytest.mark.parametrize("route", KEYED, ids=lambda route: " ".join(route[:2]))
def test_a_hostile_id_in_a_path_is_refused_by_name(
    route: tuple[str, str, str], hostile: str, server: Serving
) -> None:
    method, path, parameter = route
    whole = head(method, path.format(HOSTILE_IDS[hostile]), "Content-Length: 0")

    answer = exchange(server.talk, method, [whole[:9], whole[9:-3], whole[-3:]])

    if hostile in ONLY_NOT_FOUND and answer.status == 404:
        return
    check_id(answer, hostile, parameter)


@pytest.mark.parametrize(
    "said",
    [
        b"\0" * 1000,
        b"GET\r\n\r\n",
        b"POST /calculate HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST /api/v1/process HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
        b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /tools HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
    ],
    ids=["zeros", "no version", "below zero", "two lengths", "no chunk", "long"],
)
def test_what_is_no_request_is_refused_or_cut_off(said: bytes, server: Serving) -> None:
    check_no_request(said, server.talk, server.tools)


def test_a_session_named_by_a_body_is_a_line(server: Serving) -> None:
    for key in ("a/b", "a\0b", "a\nb", "\u202egnp.exe", "\ud800", "x" * 201, ""):
        answer = exchange(server.talk, "POST", in_one(ROUTES[0], filled(SAID, "session_id", key)))
        assert named(answer) == ["session_id"]
