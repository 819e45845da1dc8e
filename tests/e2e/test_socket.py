# SPDX-License-Identifier: Apache-2.0
"""Heartbeats over a WebSocket, with a client of somebody else's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from support.serving import REGISTRIES, Serving, serving

CARD = {"agent_name": "A", "base_url": "http://10.0.0.1:9000"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Serving]:
    with serving(tmp_path, *REGISTRIES, ROLLCALL_STORE="memory") as one:
        for name in ("a", "b"):
            card = CARD | {"agent_id": name, "runtime": "pod", "lease": "runtime"}
            httpx.post(f"{one.agents}/register", json=card).raise_for_status()
        httpx.post(f"{one.agents}/register", json=CARD | {"agent_id": "own"}).raise_for_status()
        yield one


def opened(server: Serving) -> ClientConnection:
    return connect(server.agents.replace("http", "ws") + "/ws/heartbeats", proxy=None)


def ask(socket: ClientConnection, message: object) -> dict[str, Any]:
    socket.send(message if isinstance(message, str | bytes) else json.dumps(message))
    return json.loads(socket.recv(timeout=30))


def test_ids_and_whole_runtimes_are_renewed_and_unknown_ones_named(server: Serving) -> None:
    with opened(server) as socket:
        answer = ask(socket, {"agent_ids": ["own", "a", "ghost"]})
        assert (answer["status"], answer["renewed"], answer["unknown"]) == ("ok", 2, ["ghost"])
        assert ask(socket, {"runtime": "pod"})["renewed"] == 2
        assert ask(socket, json.dumps({"agent_ids": ["own"]}).encode())["renewed"] == 1


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ("{", "body"),
        ("[]", "body"),
        (b"\xff", "body"),
        ({}, "agent_ids"),
        ({"agent_ids": [1]}, "agent_ids.0"),
        ({"agent_ids": ["x"] * 10_001}, "agent_ids"),
        ({"agents": ["a"]}, "agents"),
        ('{"runtime": "a", "runtime": "b"}', "runtime"),
        ("[" * 5000, "body"),
    ],
    ids=str,
)
def test_a_message_of_no_sense_is_answered_with_a_problem_and_the_next_is_taken(
    message: Any, field: str, server: Serving
) -> None:
    with opened(server) as socket:
        problem = ask(socket, message)
        assert problem["status"] == 422
        assert [one["field"] for one in problem["errors"]] == [field]
        assert ask(socket, {"agent_ids": ["own"]})["renewed"] == 1


def test_a_runtime_that_nobody_knows_is_told_as_such(server: Serving) -> None:
    with opened(server) as socket:
        assert ask(socket, {"runtime": "ghost"})["type"].endswith(":lease-not-found")


def test_a_message_beyond_the_limit_ends_the_connection(server: Serving) -> None:
    with opened(server) as socket:
        with pytest.raises(ConnectionClosed) as closed:
            ask(socket, "x" * ((1 << 20) + 1))
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009
    assert httpx.get(f"{server.agents}/health").status_code == 200


def test_it_ends_with_the_service_and_says_so(server: Serving) -> None:
    with opened(server) as socket:
        ask(socket, {"agent_ids": ["own"]})
        assert server.end() == 0
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=30)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code in (1001, 1012)


def test_a_page_of_another_origin_is_not_let_in(server: Serving) -> None:
    url = server.agents.replace("http", "ws") + "/ws/heartbeats"
    with pytest.raises(InvalidStatus) as refused:
        connect(url, origin="https://evil.example", proxy=None)  # type: ignore[arg-type]
    assert refused.value.response.status_code == 403
