# SPDX-License-Identifier: Apache-2.0
"""With keys, reached from elsewhere: every route that the registries describe is walked."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from support.serving import serving
from support.sse import stream

EVERYWHERE = "0.0.0.0"  # noqa: S104 - what is looked at
PUBLIC = {"/", "/health", "/api/v1/health"}
ASKING = {"/api/v1/discover"}
"""What is asked for by POST and changes nothing."""
ENDLESS = {"/events", "/api/v1/events"}
SECRET = "zebra"  # noqa: S105 - a word that stands in all that belongs to the others
KEYS = {
    "reader": ("acme", "read"),
    "mine": ("acme", "register"),
    "colleague": ("acme", "register"),
    "boss": ("acme", "admin"),
    "others": ("zoo", "admin"),
    "operator": ("default", "admin"),
}


@dataclass(frozen=True)
class Place:
    """A server that others can reach, and who has keys for it."""

    agents: str
    services: str
    headers: dict[str, dict[str, str]]
    key_id: str
    """The id of the others' key."""

    def client(self, who: str | None) -> httpx.Client:
        return httpx.Client(headers=self.headers[who] if who else {}, timeout=30)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("access")
    headers: dict[str, dict[str, str]] = {}
    key_id = ""
    with serving(folder, "up") as before:
        for name, (namespace, scope) in KEYS.items():
            body = {"name": f"{SECRET} key", "namespace": namespace, "scopes": [scope]}
            made = httpx.post(f"{before.services}/api/v1/admin/keys", json=body).json()
            headers[name] = {"Authorization": f"Bearer {made['key']}"}
            key_id = made["id"] if name == "others" else key_id
        assert before.end() == 0
    with serving(folder, "up", ROLLCALL_HOST=EVERYWHERE) as one:
        here = [url.replace(EVERYWHERE, "127.0.0.1") for url in (one.agents, one.services)]
        yield Place(*here, headers, key_id)
        assert "Traceback" not in one.errors()


Route = tuple[str, str, str]
Walk = Callable[[], Iterator[Route]]


@pytest.fixture(scope="module")
def walk(place: Place) -> Walk:
    """All routes of both descriptions, as base URL, method and path."""
    found: list[Route] = []
    for url in (place.agents, place.services):
        described = httpx.get(f"{url}/openapi.json").json()["paths"]
        found += [(url, method.upper(), path) for path in described for method in described[path]]
    assert len(found) >= 60
    return lambda: iter(found)


def filled(path: str, value: str) -> str:
    """The path with `value` for each of its parameters."""
    parts = path.split("{")
    return parts[0] + "".join(value + part.partition("}")[2] for part in parts[1:])


def test_without_a_key_nothing_answers_but_health_and_documentation(
    place: Place, walk: Walk
) -> None:
    with place.client(None) as stranger:
        for url, method, path in walk():
            answer = stranger.request(method, url + filled(path, "x"))
            if path in PUBLIC:
                assert answer.status_code == 200
                continue
            assert answer.status_code == 401, (method, path, answer.text)
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["www-authenticate"].startswith("Bearer")
        for bad in (
            "Bearer rck_0123456789abcdef_" + "0" * 64,
            "Basic eDp5",
            "Bearer " + "x" * 9000,
        ):
            answer = stranger.get(f"{place.agents}/agents", headers={"Authorization": bad})
            assert answer.status_code == 401
        huge = {"Authorization": "Bearer " + "x" * 40_000}
        assert stranger.get(f"{place.agents}/agents", headers=huge).status_code == 431
        for path in ("/docs", "/openapi.json"):
            assert stranger.get(place.agents + path).status_code == 200
        handshake = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "x3JJHMbDL1EzLkh9GBhXDw==",
        }
        answer = stranger.get(f"{place.agents}/ws/heartbeats", headers=handshake)
        assert answer.status_code in (401, 403)


def test_a_key_to_read_changes_nothing_and_administers_nothing(place: Place, walk: Walk) -> None:
    with place.client("reader") as reader:
        for url, method, path in walk():
            if path in PUBLIC | ENDLESS | ASKING:
                continue
            answer = reader.request(method, url + filled(path, "x"))
            if method != "GET" or "/admin/" in path:
                assert answer.status_code == 403, (method, path, answer.text)
            else:
                assert answer.status_code in (200, 403, 404, 422), (method, path, answer.text)
                assert (answer.status_code == 403) == (path == "/metrics"), path


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
BODIES: dict[str, Any] = {
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
    return records(place, client), client.get(f"{place.services}/api/v1/admin/keys").json()


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
        yield others
        others.delete(f"{place.agents}/agents/{AGENT['agent_id']}").raise_for_status()
        key = made.json()["service_id"]
        others.delete(f"{place.services}/api/v1/unregister/{key}").raise_for_status()


def test_nothing_of_another_namespace_is_told_or_counted(
    place: Place, walk: Walk, zoo: httpx.Client
) -> None:
    ids = [one["agent_id"] for one in belongings(place, zoo)[0]]
    assert len(ids) == 2
    with place.client("boss") as boss:
        for url, method, path in walk():
            if method != "GET" or path in PUBLIC | ENDLESS:
                continue
            for key in (*ids, AGENT["runtime"], SERVICE["name"], place.key_id):
                for params in ({}, {"q": SECRET, "name": SECRET}, {"namespace": "zoo"}):
                    answer = boss.get(url + filled(path, key), params=params)
                    if "namespace" in params or answer.status_code != 200:
                        assert 400 <= answer.status_code < 500, (path, answer.text)
                        continue
                    # The question may be told again.
                    told = answer.text.replace(json.dumps({"name": SECRET})[1:-1], "")
                    told = told.replace(f'"name":"{SECRET}"', "")
                    if path not in ("/api/v1/admin/keys", "/api/v1/admin/audit"):
                        assert SECRET not in told, (path, told)
                    assert place.key_id not in told
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
    with place.client("boss") as boss:
        for url, method, path in walk():
            if method == "GET" or path in PUBLIC:
                continue
            for key in (*ids, AGENT["runtime"], place.key_id):
                where = url + filled(path, key)
                answer = boss.request(
                    method, where, params={"namespace": "zoo"}, json=BODIES.get(path)
                )
                assert 400 <= answer.status_code < 500, (method, path, answer.text)
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
