# SPDX-License-Identifier: Apache-2.0
"""Hostile requests over real sockets, to a server started as a user would.

Whatever comes in: a 4xx problem that names what is wrong, nothing written, and no word of surprise
in the server's log.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from support.hostile import (
    HOSTILE,
    HOSTILE_IDS,
    MILLION,
    Hostile,
    Route,
    Sent,
    break_off,
    check_body,
    check_id,
    check_no_request,
    cut,
    in_chunks,
    in_one,
    in_packets,
    left_alone,
    named,
    request,
    surrogate,
    twice,
    unknown,
)
from support.raw import exchange, head
from support.serving import REGISTRIES, Serving, serving

AGENT: dict[str, Any] = {
    "agent_id": "intruder",
    "agent_name": "Intruder",
    "base_url": "http://intruder:1",
    "capabilities": [{"name": "lockpicking"}],
}
SERVICE: dict[str, Any] = {"name": "crowbar", "service_type": "tool", "host": "crowbar", "port": 80}
RESIDENT = {**AGENT, "agent_id": "resident", "agent_name": "Resident"}


ROUTES = [
    Route("agents", "POST", "/register", AGENT, "agent_name", "capabilities"),
    Route(
        "agents",
        "POST",
        "/register/batch",
        {"agents": [AGENT]},
        "agents.0.agent_name",
        "agents.0.capabilities",
    ),
    Route("agents", "POST", "/agents/resident/heartbeat", {"status": "busy"}, "status", "status"),
    Route("agents", "POST", "/heartbeats", {"runtime": "pod"}, "runtime", "agent_ids"),
    Route(
        "agents",
        "PATCH",
        "/agents/resident",
        {"agent_name": "Taken", "capabilities": []},
        "agent_name",
        "capabilities",
    ),
    Route("agents", "PATCH", "/agents/resident/status", {"status": "busy"}, "status", "status"),
    Route(
        "services",
        "POST",
        "/api/v1/register",
        {**SERVICE, "metadata": {"capabilities": []}},
        "name",
        "metadata.capabilities",
    ),
    Route(
        "services",
        "PUT",
        "/api/v1/update/resident",
        {"status": "starting", "metadata": {"capabilities": [], "description": ""}},
        "metadata.description",
        "metadata.capabilities",
    ),
    Route("services", "POST", "/api/v1/discover", {"name": "crowbar"}, "name", "capabilities"),
    Route(
        "services",
        "POST",
        "/api/v1/admin/keys",
        {"name": "skeleton", "scopes": ["admin"]},
        "name",
        "scopes",
    ),
]
KEYED = [
    ("agents", "GET", "/agents/{}", "agent_id"),
    ("agents", "PATCH", "/agents/{}", "agent_id"),
    ("agents", "PATCH", "/agents/{}/status", "agent_id"),
    ("agents", "POST", "/agents/{}/heartbeat", "agent_id"),
    ("agents", "DELETE", "/agents/{}", "agent_id"),
    ("agents", "GET", "/agents/{}/explain", "agent_id"),
    ("agents", "GET", "/health/{}", "agent_id"),
    ("agents", "DELETE", "/runtimes/{}", "runtime"),
    ("services", "GET", "/api/v1/services/{}", "service_id"),
    ("services", "GET", "/api/v1/services/name/{}", "name"),
    ("services", "PUT", "/api/v1/update/{}", "service_id"),
    ("services", "POST", "/api/v1/heartbeat/{}", "service_id"),
    ("services", "DELETE", "/api/v1/unregister/{}", "service_id"),
]
NAMES_TAKE = {"a slash", "two dots", "a path upwards", "a lone surrogate in JSON's way"}
"""Names of services are lines, not segments of paths: these are only not found."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("hostile"), *REGISTRIES) as one:
        httpx.post(f"{one.agents}/register", json=RESIDENT).raise_for_status()
        yield one
        assert one.end() == 0
        assert "Traceback" not in one.errors()


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with httpx.Client() as one:
        yield one


def held(server: Serving, client: httpx.Client) -> Any:
    """All that the registry holds, as both protocols tell it."""
    agents = client.get(f"{server.agents}/agents?kind=any").json()
    found = client.get(f"{server.services}/api/v1/discover").json()["services"]
    keys = client.get(f"{server.services}/api/v1/admin/keys").json()
    for one in (*agents, *found):
        one.pop("last_heartbeat")
    return agents, found, keys


@pytest.fixture(autouse=True)
def unharmed(server: Serving, client: httpx.Client) -> Iterator[None]:
    """Nothing is written by any of these tests, and the server answers and is not surprised."""
    with left_alone(server, lambda: held(server, client)) as before:
        assert [one["agent_id"] for one in before[0]] == ["resident"]
        yield


@pytest.mark.parametrize("sent", [in_one, in_packets, in_chunks])
@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_a_hostile_body_is_refused_by_its_field_however_it_comes(
    route: Route, hostile: Hostile, sent: Sent, server: Serving
) -> None:
    check_body(server, route, hostile, sent)


@pytest.mark.parametrize("hostile", [twice, unknown, surrogate, cut])
@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_a_hostile_body_is_refused_when_it_comes_byte_by_byte(
    route: Route, hostile: Hostile, server: Serving
) -> None:
    body, field = hostile(route)
    whole = request(route, body) + body
    pieces = (whole[at : at + 1] for at in range(len(whole)))

    assert field in named(exchange(getattr(server, route.side), route.method, pieces))


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_a_request_that_breaks_off_writes_nothing(
    route: Route, reset: bool, server: Serving
) -> None:
    break_off(server, route, reset=reset)


@pytest.mark.parametrize("hostile", HOSTILE_IDS)
@pytest.mark.parametrize("route", KEYED, ids=lambda route: " ".join(route[:3]))
def test_a_hostile_id_in_a_path_is_refused_by_name(
    route: tuple[str, str, str, str], hostile: str, server: Serving
) -> None:
    side, method, path, parameter = route
    whole = head(
        method,
        path.format(HOSTILE_IDS[hostile]),
        "Content-Type: application/json",
        "Content-Length: 2",
        "Connection: close",
    )
    pieces = [whole[:9], whole[9:-3], whole[-3:], b"{}"]

    answer = exchange(getattr(server, side), method, pieces)

    if parameter == "name" and hostile in NAMES_TAKE:
        assert answer.status in (404, 422)
        return
    check_id(answer, hostile, parameter)


@pytest.mark.parametrize(
    "key", ["..", "a/b", "a\0b", "\u202egnp.exe", "a\u200f", "\ud800", MILLION]
)
def test_a_hostile_id_in_a_body_is_refused_by_name(key: str, server: Serving) -> None:
    headers = {"Content-Type": "application/json"}
    for path, body, field in (
        ("/register", {**AGENT, "agent_id": key}, "agent_id"),
        ("/register/batch", {"agents": [AGENT, {**AGENT, "agent_id": key}]}, "agents.1.agent_id"),
    ):
        answer = httpx.post(f"{server.agents}{path}", content=json.dumps(body), headers=headers)
        assert field in named(answer)


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/capabilities/search?q=", "q"),
        ("/capabilities/search", "q"),
        ("/capabilities/search?q=a%00", "q"),
        ("/capabilities/search?q=" + "x" * 1001, "q"),
        ("/capabilities/search?q=" + "x" * 10_000, "url"),
        ("/capabilities/search?q=a&surprise=1", "surprise"),
        ("/capabilities/search?q=a&limit=0", "limit"),
        ("/capabilities/search?q=a&limit=" + "9" * 5000, "limit"),
        ("/capabilities/search?q=a&status=well", "status.0"),
        ("/capabilities/search?q=a&match=telepathy", "match"),
        ("/capabilities/search?q=a&min_revision=-1", "min_revision"),
        ("/capabilities/search?q=a&namespace=%00", "namespace"),
        ("/capabilities/search?q=a&" + "&".join(["tags=x"] * 1000), "tags"),
    ],
    ids=lambda value: value[:60],
)
def test_a_hostile_question_is_refused_by_its_parameter(
    path: str, field: str, server: Serving
) -> None:
    whole = head("GET", path, "Connection: close")
    for pieces in ([whole], [whole[at : at + 3] for at in range(0, len(whole), 3)]):
        assert named(exchange(server.agents, "GET", pieces)) == [field]


@pytest.mark.parametrize(
    "said",
    [
        b"\0" * 1000,
        b"GET\r\n\r\n",
        b"POST /register HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST /register HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
        b"POST /register HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /agents HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
        b"GET /agents HTTP/1.1\r\n" + b"X: y\r\n" * 1000 + b"Host: localhost\r\n\r\n",
    ],
    ids=["zeros", "no version", "below zero", "two lengths", "no chunk", "long", "many"],
)
def test_what_is_no_request_is_refused_or_cut_off(said: bytes, server: Serving) -> None:
    check_no_request(said, server.agents, server.services)
