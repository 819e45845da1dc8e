# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
import pytest_asyncio

from rollcall.kernel.caller import ADMIN, READ, REGISTER
from rollcall.kernel.ids import RandomIds
from rollcall.kernel.services import ServiceRegistry
from rollcall.memory.graph_api import GraphParts
from rollcall.memory.module import module
from rollcall.memory.service import MemoryService
from rollcall.testing.clock import FrozenClock
from rollcall.web.audit import InMemoryAuditLog
from rollcall.web.auth import Access, BearerAccess, OpenAccess
from rollcall.web.drain import Drain
from rollcall.web.keys import InMemoryKeyStore, draw_key
from rollcall.web.module import Kit, create_app

Make = Callable[[Access], httpx.AsyncClient]
ANNA = {"user_id": "anna"}
TEA = {"content": "green tea", "filters": ANNA}


@pytest_asyncio.fixture
async def make(memories: MemoryService[Any], clock: FrozenClock) -> AsyncIterator[Make]:
    services = ServiceRegistry()
    services.register("memory_service", memories)
    opened: list[httpx.AsyncClient] = []

    def client(access: Access) -> httpx.AsyncClient:
        kit = Kit(
            "memory",
            "1.2.3",
            clock,
            RandomIds(),
            access,
            InMemoryAuditLog(),
            Drain(),
            services=services,
        )
        parts = module(memories.upkeep, clock, GraphParts((), (), {}))
        transport = httpx.ASGITransport(create_app([parts], kit))
        opened.append(httpx.AsyncClient(transport=transport, base_url="http://localhost"))
        return opened[-1]

    yield client
    for one in opened:
        await one.aclose()


@pytest.fixture
def http(make: Make) -> httpx.AsyncClient:
    return make(OpenAccess())


async def test_a_memory_is_added_once_and_read(http: httpx.AsyncClient) -> None:
    added = await http.post("/api/memories", json={**TEA, "metadata": {"a": 1}})
    assert (added.status_code, added.headers["etag"]) == (201, '"1"')
    body = added.json()
    assert body["memory_id"] == body["id"]
    assert body["id"].startswith("mem_")
    again = await http.post("/api/memories", json=TEA)
    assert (again.status_code, again.json()["duplicate"]) == (200, True)
    one = await http.get(f"/api/memories/{body['id']}")
    assert one.json() == {name: value for name, value in body.items() if name != "duplicate"}


async def test_lists_are_bare_and_link_to_more(http: httpx.AsyncClient) -> None:
    for number in range(3):
        said = {"content": f"tea {number}", "filters": {"agent_id": "a/1", **ANNA}}
        await http.post("/api/memories", json=said)
    first = await http.get("/api/memories", params={**ANNA, "limit": 2})
    assert [one["content"] for one in first.json()] == ["tea 2", "tea 1"]
    rest = await http.get(first.links["next"]["url"])
    assert [one["content"] for one in rest.json()] == ["tea 0"]
    assert "link" not in rest.headers
    assert (await http.get("/api/agents/b/memories")).json() == []
    assert (await http.get("/api/agents/none/memories", params={"limit": 1})).status_code == 200


async def test_the_memories_of_an_agent_have_a_list_of_their_own(http: httpx.AsyncClient) -> None:
    await http.post("/api/memories", json={"content": "tea", "filters": {"agent_id": "a1"}})
    found = await http.get("/api/agents/a1/memories")
    assert [one["content"] for one in found.json()] == ["tea"]


async def test_a_search_says_how_it_found_what_it_did(http: httpx.AsyncClient) -> None:
    await http.post("/api/memories", json={**TEA, "metadata": {"topic": "drinks"}})
    asked = {"query": "tea", "filters": ANNA, "metadata": {"topic": "drinks"}}
    answer = (await http.post("/api/memories/search", json=asked)).json()
    assert (answer["total_count"], answer["semantic"]) == (1, True)
    assert answer["memories"][0]["matched"] == ["text", "meaning"]
    asked["metadata"] = {"topic": "food"}
    assert (await http.post("/api/memories/search", json=asked)).json()["memories"] == []


async def test_changes_are_guarded_by_entity_tags_and_kept(http: httpx.AsyncClient) -> None:
    url = f"/api/memories/{(await http.post('/api/memories', json=TEA)).json()['id']}"
    changed = await http.patch(url, json={"content": "coffee"}, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    late = await http.patch(url, json={"content": "milk"}, headers={"If-Match": '"1"'})
    assert (late.status_code, late.json()["current"]) == (412, 2)
    history = (await http.get(f"{url}/history")).json()
    assert [one["content"] for one in history] == ["green tea", "coffee"]
    assert (await http.delete(url, headers={"If-Match": '"1"'})).status_code == 412
    assert (await http.delete(url, headers={"If-Match": '"2"'})).status_code == 200
    assert (await http.get(url)).status_code == 404


async def test_a_memory_may_have_a_time_to_live_which_a_change_can_lift(
    http: httpx.AsyncClient, clock: FrozenClock
) -> None:
    added = (await http.post("/api/memories", json={**TEA, "ttl_seconds": 10})).json()
    other = {"content": "coffee", "filters": ANNA, "ttl_seconds": 10}
    lifted = (await http.post("/api/memories", json=other)).json()
    patch = await http.patch(f"/api/memories/{lifted['id']}", json={"expires_at": None})
    assert patch.json()["expires_at"] is None
    await clock.advance(11)
    assert (await http.get(f"/api/memories/{added['id']}")).status_code == 404
    assert (await http.get(f"/api/memories/{lifted['id']}")).status_code == 200


async def test_an_erasure_shows_first_what_it_would_remove(http: httpx.AsyncClient) -> None:
    await http.post("/api/memories", json=TEA)
    dry = (await http.post("/api/memories/erase", json={"filters": ANNA, "dry_run": True})).json()
    done = (await http.post("/api/memories/erase", json={"filters": ANNA})).json()
    assert (dry["removed"], dry["dry_run"]) == (done["removed"], True)
    assert (done["removed"]["memories"], done["removed"]["events"]) == (1, 1)
    assert done["scrubbed"]
    empty = await http.post("/api/memories/erase", json={"filters": {}})
    assert (empty.status_code, empty.json()["errors"][0]["field"]) == (422, "filters")


async def test_a_memory_that_another_one_says_is_a_conflict(http: httpx.AsyncClient) -> None:
    tea = (await http.post("/api/memories", json=TEA)).json()
    other = (await http.post("/api/memories", json={**TEA, "content": "coffee"})).json()
    answer = await http.patch(f"/api/memories/{other['id']}", json={"content": "green tea"})
    assert (answer.status_code, answer.json()["memory_id"]) == (409, tea["id"])


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/memories", {"content": "tea", "filters": {}}),
        ("POST", "/api/memories", {"content": "\0", "filters": ANNA}),
        ("POST", "/api/memories", {"content": " ", "filters": ANNA}),
        ("POST", "/api/memories", {"content": "tea", "filters": {"user": "anna"}}),
        ("POST", "/api/memories", {"content": "tea", "filters": {"user_id": "a\u202eb"}}),
        ("POST", "/api/memories", {**TEA, "ttl_seconds": 0}),
        ("POST", "/api/memories", {**TEA, "ttl_seconds": 1, "expires_at": "2099-01-01T00:00:00Z"}),
        ("POST", "/api/memories", {**TEA, "expires_at": "0001-01-01T00:00:00+14:00"}),
        ("POST", "/api/memories", {**TEA, "metadata": {"a": 2**70}}),
        ("POST", "/api/memories/search", {"query": "?", "filters": ANNA}),
        ("POST", "/api/memories/search", {"query": "tea"}),
        ("POST", "/api/memories/search", {"query": "tea", "filters": ANNA, "limit": 1000}),
        ("PATCH", "/api/memories/mem_1", {"content": None}),
        ("GET", "/api/memories", None),
        ("GET", "/api/memories?user_id=anna&cursor=x", None),
        ("GET", "/api/memories?user_id=anna&colour=red", None),
        ("GET", "/api/memories/%00", None),
    ],
)
async def test_bad_input_is_a_problem_that_names_the_field(
    http: httpx.AsyncClient, method: str, path: str, body: Any
) -> None:
    answer = await http.request(method, path, json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"]


async def test_what_is_not_there_is_a_404(http: httpx.AsyncClient) -> None:
    for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("GET", "/history")):
        body = {"content": "tea"} if method == "PATCH" else None
        answer = await http.request(method, f"/api/memories/mem_1{path}", json=body)
        assert (answer.status_code, answer.json()["memory_id"]) == (404, "mem_1")


async def test_scopes_and_namespaces_are_kept(make: Make, clock: FrozenClock) -> None:
    keys = InMemoryKeyStore()
    by_name: dict[str, httpx.AsyncClient] = {}
    for name, namespace, scope in (
        ("reader", "acme", READ),
        ("writer", "acme", REGISTER),
        ("admin", "acme", ADMIN),
        ("stranger", "other", ADMIN),
    ):
        key, secret = draw_key(
            RandomIds(), clock, name=name, namespace=namespace, scopes=frozenset({scope})
        )
        await keys.add(key)
        by_name[name] = make(BearerAccess(keys, clock))
        by_name[name].headers["Authorization"] = f"Bearer {secret}"
    assert (await by_name["reader"].post("/api/memories", json=TEA)).status_code == 403
    added = (await by_name["writer"].post("/api/memories", json=TEA)).json()
    assert (await by_name["reader"].get(f"/api/memories/{added['id']}")).status_code == 200
    assert (await by_name["stranger"].get(f"/api/memories/{added['id']}")).status_code == 404
    for name, status in (("writer", 403), ("admin", 200)):
        listed = await by_name[name].get("/api/memories", params={"everywhere": True})
        everywhere = {"query": "tea", "everywhere": True}
        found = await by_name[name].post("/api/memories/search", json=everywhere)
        assert (listed.status_code, found.status_code) == (status, status)
    erase = {"filters": ANNA}
    assert (await by_name["reader"].post("/api/memories/erase", json=erase)).status_code == 403
