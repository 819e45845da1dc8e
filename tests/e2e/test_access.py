# SPDX-License-Identifier: Apache-2.0
"""With keys, reached from elsewhere: every route of every service is walked."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest

from support.access import SECRET, Place, Route, filled, opened
from support.sse import stream

PUBLIC = {"/", "/health", "/api/v1/health"}
TOOLS = {"/calculate", "/statistics", "/functions", "/convert", "/scrape", "/extract-text"}
SEARCHES = {"/api/memories/search", "/api/dashboard/refresh"}
CHECKS = {"/api/agents/{agent_id}/validate-deployment", "/api/config/preview"}
ASKING = {"/api/v1/discover", "/messages", "/mcp", *SEARCHES, *CHECKS, *TOOLS}
"""What is asked for by POST and changes nothing."""
ENDLESS = {"/events", "/api/v1/events", "/api/dashboard/stream"}
BESIDE = ("analytics", "billing", "dashboard", "wizard", "widgets", "mine")
VISITORS = "/widget/v1/"
"""How what visitors of pages with a widget ask for begins: each widget has its own rules there."""
PREVIEW = "/api/widgets/{widget_id}/preview"
"""What brings a visitor's token along, with which the agent can be talked to."""
SIGNED = "/api/payments/webhooks/{provider}"
"""What a signature opens, and nothing else does."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with opened(tmp_path_factory.mktemp("access")) as one:
        yield one


Walk = Callable[[], Iterator[Route]]


@pytest.fixture(scope="module")
def walk(place: Place) -> Walk:
    """All routes of all services."""
    found = place.routes("agents", "services", "talk", "tools")
    assert len(found) >= 115
    return lambda: iter(found)


@pytest.fixture(scope="module")
def everywhere(place: Place, walk: Walk) -> Walk:
    """Those, those of document 4, and the gateway's, but for what leads to the first ones again."""
    own = [one for one in place.routes("gateway") if not one[2].startswith("/services/")]
    found = [*walk(), *place.routes(*BESIDE), *own]
    assert len(found) >= 400
    return lambda: iter(found)


def test_without_a_key_nothing_answers_but_health_and_documentation(
    place: Place, everywhere: Walk
) -> None:
    with place.client(None) as stranger:
        for url, method, path in everywhere():
            answer = stranger.request(method, url + filled(path, "x"))
            if path in PUBLIC:
                assert answer.status_code == 200
                continue
            if path == SIGNED:
                assert answer.status_code == 403
                continue
            if path.startswith(VISITORS):
                # There is no such widget; the script alone is for everybody.
                wanted = 200 if path == f"{VISITORS}widget.js" else 404
                assert answer.status_code == wanted, (method, path, answer.text)
                continue
            assert answer.status_code == 401, (method, path, answer.text)
            # OpenAI's clients know errors of their own shape alone.
            kind = "application/json" if path.startswith("/v1/") else "application/problem+json"
            assert answer.headers["content-type"] == kind
            assert answer.headers["www-authenticate"].startswith("Bearer")
        for bad in (
            "Bearer rck_0123456789abcdef_" + "0" * 64,
            "Basic eDp5",
            "Bearer " + "x" * 9000,
        ):
            for private in (f"{place.agents}/agents", f"{place.talk}/v1/models"):
                answer = stranger.get(private, headers={"Authorization": bad})
                assert answer.status_code == 401
        for _, method, path in place.routes("gateway"):
            if path.startswith("/services/") and not path.endswith("/health"):
                answer = stranger.request(method, place.gateway + filled(path, "x"))
                assert answer.status_code == 401, (method, path, answer.text)
        huge = {"Authorization": "Bearer " + "x" * 40_000}
        assert stranger.get(f"{place.agents}/agents", headers=huge).status_code == 431
        for url in (place.agents, place.services, place.talk, place.tools, place.gateway):
            for path in ("/docs", "/openapi.json"):
                assert stranger.get(url + path).status_code == 200
        handshake = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "x3JJHMbDL1EzLkh9GBhXDw==",
        }
        answer = stranger.get(f"{place.agents}/ws/heartbeats", headers=handshake)
        assert answer.status_code in (401, 403)


def test_a_key_to_read_changes_nothing_and_administers_nothing(
    place: Place, everywhere: Walk
) -> None:
    with place.client("reader") as reader:
        for url, method, path in everywhere():
            if path in PUBLIC | ENDLESS | ASKING | {SIGNED} or path.startswith(VISITORS):
                continue
            answer = reader.request(method, url + filled(path, "x"))
            if method != "GET" or "/admin/" in path:
                assert answer.status_code == 403, (method, path, answer.text)
            else:
                wrong = (405,) if path == "/mcp" else (403, 404, 422)
                assert answer.status_code in (200, *wrong), (method, path, answer.text)
                assert (answer.status_code == 403) == (path in ("/metrics", PREVIEW)), path


AGENT: dict[str, Any] = {
    "agent_id": f"{SECRET}-agent",
    "agent_name": f"{SECRET} agent",
    "base_url": f"http://{SECRET}:1",
    "capabilities": [{"name": f"{SECRET} watching", "description": SECRET}],
    "tags": [SECRET],
    "runtime": f"{SECRET}-pod",
    "lease": "runtime",
}
SERVICE = {"name": f"{SECRET} tool", "service_type": "tool", "host": SECRET, "port": 80}
SAID = {"session_id": f"{SECRET}-session", "user_input": f"what does a {SECRET} eat?"}
IMPORTED = {
    "id": f"{SECRET}-1",
    "text": f"a {SECRET} eats grass",
    "sent_at": "2026-01-31T00:00:00Z",
}
WANTED = {"query": SECRET}
BODIES: dict[str, Any] = {
    "/api/v1/process": {"session_id": "own", "user_input": "1 + 1"},
    "/v1/chat/completions": {"model": "rollcall", "messages": [{"role": "user", "content": "1"}]},
    "/agents/{agent_id}/execute": {
        "request_id": "r1",
        "source_agent": "a",
        "target_agent": "b",
        "request_type": "execute_task",
        "payload": {"message": "1 + 1"},
    },
    "/messages": WANTED,
    "/messages/import": {**IMPORTED, "text": "x"},
    "/mcp": {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "search_messages", "arguments": WANTED},
    },
    "/register": {**AGENT, "agent_name": "x"},
    "/register/batch": {"agents": [{**AGENT, "agent_name": "x"}]},
    "/heartbeats": {"agent_ids": [AGENT["agent_id"]], "runtime": AGENT["runtime"]},
    "/agents/{agent_id}": {"agent_name": "x"},
    "/agents/{agent_id}/status": {"status": "busy"},
    "/agents/{agent_id}/heartbeat": {"status": "busy"},
    "/api/v1/register": {**SERVICE, "metadata": {"version": "9"}},
    "/api/v1/update/{service_id}": {"status": "starting"},
    "/api/v1/discover": {"name": SECRET},
    "/api/v1/admin/keys": {"name": "x", "scopes": ["admin"], "namespace": "zoo"},
    "/api/v1/admin/events/replay": {"group": "x", "position": 1},
    "/api/v1/admin/events/skip": {"group": "x", "position": 1},
}


def records(place: Place, client: httpx.Client) -> Any:
    found = client.get(f"{place.agents}/agents", params={"kind": "any"}).json()
    for one in found:
        # Reckoned back from now by two clocks, which may differ by a microsecond.
        one.pop("last_heartbeat")
    return found


def belongings(place: Place, client: httpx.Client) -> Any:
    """All that a namespace holds."""
    talk = f"{place.talk}/api/v1/sessions"
    found = client.post(f"{place.tools}/messages", json=WANTED).json()["results"]
    for one in found:
        # Reckoned with how rare the words are in the whole index: better matches have more.
        one.pop("score")
    return (
        records(place, client),
        client.get(f"{place.services}/api/v1/admin/keys").json(),
        [client.get(f"{talk}/{one}").json() for one in sessions(place, client)],
        found,
    )


def sessions(place: Place, client: httpx.Client) -> list[str]:
    found = client.get(f"{place.talk}/api/v1/sessions").json()
    return [one["session_id"] for one in found]


def turns(place: Place, client: httpx.Client) -> tuple[str, str]:
    """The others' session, and what was said in it."""
    (session,) = belongings(place, client)[2]
    return session["session"]["session_id"], session["turns"][0]["turn_id"]


@pytest.fixture
def zoo(place: Place) -> Iterator[httpx.Client]:
    """The others, who have registered something, and done something with it."""
    with place.client("others") as others:
        others.post(f"{place.agents}/register", json=AGENT).raise_for_status()
        made = others.post(f"{place.services}/api/v1/register", json=SERVICE)
        made.raise_for_status()
        others.post(f"{place.agents}/agents/{AGENT['agent_id']}/heartbeat").raise_for_status()
        for words in (SECRET, f"no such {SECRET}"):
            others.get(f"{place.agents}/capabilities/search", params={"q": words})
        others.post(f"{place.talk}/api/v1/process", json=SAID).raise_for_status()
        others.post(f"{place.tools}/messages/import", json=IMPORTED).raise_for_status()
        yield others
        others.delete(f"{place.talk}/api/v1/sessions/{SAID['session_id']}").raise_for_status()
        others.delete(f"{place.agents}/agents/{AGENT['agent_id']}").raise_for_status()
        key = made.json()["service_id"]
        others.delete(f"{place.services}/api/v1/unregister/{key}").raise_for_status()


def test_nothing_of_another_namespace_is_told_or_counted(
    place: Place, walk: Walk, zoo: httpx.Client
) -> None:
    ids = [one["agent_id"] for one in belongings(place, zoo)[0]]
    assert len(ids) == 2
    names = [(one,) for one in (*ids, AGENT["runtime"], SERVICE["name"], place.key_id)]
    with place.client("boss") as boss:
        for url, method, path in walk():
            if method != "GET" or path in PUBLIC | ENDLESS:
                continue
            for key in (*names, turns(place, zoo)):
                for params in ({}, {"q": SECRET, "name": SECRET}, {"namespace": "zoo"}):
                    answer = boss.get(url + filled(path, *key), params=params)
                    if answer.status_code != 200:
                        assert 400 <= answer.status_code < 500, (path, answer.text)
                        continue
                    # Where there is no such parameter, it means nothing.
                    assert "namespace" not in params or url in (place.talk, place.tools), path
                    # The question may be told again.
                    told = answer.text.replace(json.dumps({"name": SECRET})[1:-1], "")
                    told = told.replace(f'"name":"{SECRET}"', "")
                    if path not in ("/api/v1/admin/keys", "/api/v1/admin/audit"):
                        assert SECRET not in told, (path, told)
                    assert place.key_id not in told
        for client in (zoo, boss):
            over = {"Accept": "application/json, text/event-stream"}
            found = client.post(f"{place.tools}/messages", json=WANTED)
            called = client.post(f"{place.tools}/mcp", json=BODIES["/mcp"], headers=over)
            assert (found.json()["count"] > 0) == (client is zoo)
            assert ("grass" in called.text) == (client is zoo), called.text
        # Nor through the agent, which asks the tools in the name of whoever asks it.
        asked = {"session_id": "own", "user_input": f"search my earlier messages for {SECRET}"}
        answer = boss.post(f"{place.talk}/api/v1/process", json=asked)
        assert answer.status_code == 200
        assert "grass" not in answer.text
        boss.delete(f"{place.talk}/api/v1/sessions/own").raise_for_status()
        assert boss.get(f"{place.agents}/stats").json()["total_agents"] == 0
        assert boss.get(f"{place.agents}/stats").json()["total_capabilities"] == 0
        assert boss.get(f"{place.services}/api/v1/stats").json()["total_services"] == 0
        assert boss.get(f"{place.agents}/metrics").status_code == 403
        found = boss.post(f"{place.services}/api/v1/discover", json={"status": None})
        assert found.json()["total_count"] == 0
    with place.client("operator") as operator:
        assert operator.get(f"{place.agents}/metrics").status_code == 200


def test_nothing_of_another_namespace_is_changed_or_kept_alive(
    place: Place, walk: Walk, zoo: httpx.Client
) -> None:
    before = belongings(place, zoo)
    ids = [one["agent_id"] for one in before[0]]
    names = [(one,) for one in (*ids, AGENT["runtime"], place.key_id)]
    with place.client("boss") as boss:
        for url, method, path in walk():
            if method == "GET" or path in PUBLIC:
                continue
            for key in (*names, turns(place, zoo)):
                where = url + filled(path, *key)
                answer = boss.request(
                    method, where, params={"namespace": "zoo"}, json=BODIES.get(path)
                )
                # Where there is no such parameter, it means nothing.
                told = answer.status_code < 300 and url in (place.talk, place.tools)
                assert told or 400 <= answer.status_code < 500, (method, path, answer.text)
                if "{" in path:
                    answer = boss.request(method, where, json=BODIES.get(path))
                    assert answer.status_code in (403, 404), (method, path, answer.text)
        beats = BODIES["/heartbeats"]
        assert boss.post(f"{place.agents}/heartbeats", json=beats).status_code == 404
        only = {"agent_ids": beats["agent_ids"]}
        answer = boss.post(f"{place.agents}/heartbeats", json=only).json()
        assert (answer["renewed"], answer["unknown"]) == (0, beats["agent_ids"])
        # The same names are free here, and mean something else.
        boss.post(f"{place.agents}/register", json=BODIES["/register"]).raise_for_status()
        boss.delete(f"{place.agents}/runtimes/{AGENT['runtime']}").raise_for_status()
        boss.post(f"{place.services}/api/v1/cleanup").raise_for_status()
        boss.delete(f"{place.agents}/agents/{AGENT['agent_id']}")
        boss.post(f"{place.talk}/api/v1/process", json=SAID).raise_for_status()
        answer = boss.get(f"{place.talk}/api/v1/sessions/{SAID['session_id']}").json()
        assert answer["session"]["turns"] == 1
        boss.delete(f"{place.talk}/api/v1/sessions/{SAID['session_id']}").raise_for_status()
    assert belongings(place, zoo) == before


@pytest.fixture
async def following(place: Place) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(headers=place.headers["reader"]) as one:
        yield one


@pytest.mark.parametrize("params", [{}, {"watch": "true"}], ids=["events", "watch"])
async def test_nothing_of_another_namespace_is_watched(
    params: dict[str, str], place: Place, following: httpx.AsyncClient
) -> None:
    with place.client("others") as others, place.client("mine") as mine:
        for url in (f"{place.agents}/events", f"{place.services}/api/v1/events"):
            async with stream(following, url, **params) as events:
                others.post(f"{place.agents}/register", json=AGENT).raise_for_status()
                others.delete(f"{place.agents}/agents/{AGENT['agent_id']}").raise_for_status()
                card = {"agent_id": "own", "agent_name": "Own", "base_url": "http://own:1"}
                mine.post(f"{place.agents}/register", json=card).raise_for_status()
                (first,) = await events.take(1)
            assert first.record == "own"
            mine.delete(f"{place.agents}/agents/own").raise_for_status()
            refused = await following.get(url, params={"namespace": "zoo", **params})
            assert refused.status_code == 403


def test_a_record_is_changed_by_the_key_that_registered_it_alone_or_an_admin(place: Place) -> None:
    card = {**AGENT, "agent_id": "own", "runtime": "own-pod"}
    shared = {"runtime": "own-pod"}
    with place.client("mine") as mine, place.client("colleague") as colleague:
        mine.post(f"{place.agents}/register", json=card).raise_for_status()
        made = mine.post(f"{place.services}/api/v1/register", json=SERVICE).json()
        key = made["service_id"]
        before = records(place, mine)
        joining = {**card, "agent_id": "stowaway"}
        tries: list[tuple[str, str, Any]] = [
            ("POST", "/register", card),
            ("POST", "/register", joining),
            ("POST", "/register/batch", {"agents": [card]}),
            ("POST", "/register/batch", {"agents": [joining]}),
            ("POST", "/heartbeats", {"agent_ids": ["own"]}),
            ("POST", "/heartbeats", shared),
            ("POST", "/agents/own/heartbeat", {"status": "busy"}),
            ("POST", f"/agents/{key}/heartbeat", None),
            ("PATCH", "/agents/own", {"agent_name": "x"}),
            ("PATCH", "/agents/own/status", {"status": "busy"}),
            ("DELETE", "/agents/own", None),
            ("DELETE", "/runtimes/own-pod", None),
        ]
        for method, path, body in tries:
            answer = colleague.request(method, place.agents + path, json=body)
            assert answer.status_code == 403, (method, path, body, answer.text)
        more: list[tuple[str, str, Any]] = [
            ("POST", "/register", SERVICE),
            ("POST", f"/heartbeat/{key}", None),
            ("PUT", f"/update/{key}", {"status": "starting"}),
            ("PUT", "/update/own", {"status": "starting"}),
            ("DELETE", f"/unregister/{key}", None),
            ("POST", "/cleanup", None),
            ("POST", "/admin/import", None),
        ]
        for method, path, body in more:
            answer = colleague.request(method, f"{place.services}/api/v1{path}", json=body)
            assert answer.status_code == 403, (method, path, answer.text)
        assert records(place, mine) == before
        assert mine.post(f"{place.agents}/heartbeats", json=shared).json()["renewed"] == 1
        mine.post(f"{place.agents}/register", json={**card, "agent_id": "two"}).raise_for_status()
        with place.client("boss") as boss:
            assert boss.post(f"{place.agents}/heartbeats", json=shared).json()["renewed"] == 2
            boss.delete(f"{place.agents}/runtimes/own-pod").raise_for_status()
            boss.delete(f"{place.services}/api/v1/unregister/{key}").raise_for_status()
