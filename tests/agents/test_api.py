"""Definitions and capabilities over HTTP, as documents 3 and 4 ask for them."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from rollcall.backends.sql.database import Database
from rollcall.kernel.caller import READ, REGISTER, Caller
from rollcall.testing.clock import FrozenClock
from rollcall.web.auth import OpenAccess
from support.definitions import BUSINESS, app_of, told

AGENTS = "/api/agents"
CAPABILITIES = "/api/capabilities"


async def make(client: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    answer = await client.post(AGENTS, json={"name": "writer", **body})
    assert answer.status_code == 200, answer.text
    return answer.json()


def problem(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["type"].rpartition(":")[2]


async def test_the_bodies_of_both_documents_make_one_sort_of_thing(
    client: httpx.AsyncClient,
) -> None:
    third = {"name": "Test Agent", "description": "for a test", "capabilities": {}}
    first = await client.post(AGENTS, json=third)
    second = await client.post(AGENTS, json=BUSINESS)

    one, two = first.json(), second.json()
    assert one["agent_id"] == one["id"]
    assert {**one, **third} == one
    assert (one["status"], two["status"]) == ("active", "draft")
    assert (one["version"], one["prompt_templates"]) == ("1", {})
    assert {**two, **BUSINESS} == two
    assert not set(BUSINESS) & set(one)
    assert first.headers["location"] == f"{AGENTS}/{one['id']}"
    assert (await client.get(first.headers["location"])).json() == one
    assert [each["id"] for each in (await client.get(AGENTS)).json()] == sorted(
        (one["id"], two["id"]), reverse=True
    )


async def test_a_change_needs_what_its_sender_has_seen_if_they_say_so(
    client: httpx.AsyncClient,
) -> None:
    url = f"{AGENTS}/{(await make(client))['id']}"
    tag = (await client.get(url)).headers["etag"]
    done = await client.patch(
        url, json={"description": "x", "reason": "why not"}, headers={"If-Match": tag}
    )
    assert (done.status_code, done.json()["version"]) == (200, "2")
    assert done.headers["etag"] != tag

    late = {"If-Match": tag}
    for answer in (
        await client.patch(url, json={"name": "y"}, headers=late),
        await client.patch(f"{url}/status", json={"status": "paused"}, headers=late),
        await client.post(f"{url}/revert", json={"version": "1"}, headers=late),
        await client.delete(url, headers=late),
        await client.delete(url, headers={"If-Match": 'W/"2"'}),
    ):
        assert problem(answer) == (412, "revision-mismatch")
    bad = await client.patch(url, json={"name": "y"}, headers={"If-Match": "2"})
    assert problem(bad) == (422, "invalid-input")
    assert (await client.patch(url, json={"name": "y"}, headers={"If-Match": "*"})).is_success
    history = (await client.get(f"{url}/versions")).json()
    assert [(one["version"], one["reason"]) for one in history] == [
        ("3", ""),
        ("2", "why not"),
        ("1", ""),
    ]


async def test_history_comes_by_the_page_and_versions_by_number(
    client: httpx.AsyncClient,
) -> None:
    url = f"{AGENTS}/{(await make(client))['id']}"
    for number in range(4):
        await client.patch(url, json={"description": f"d{number}"})
    first = await client.get(f"{url}/versions?limit=3")
    rest = await client.get(first.links["next"]["url"])

    assert [one["version"] for one in first.json()] == ["5", "4", "3"]
    assert [one["version"] for one in rest.json()] == ["2", "1"]
    assert "next" not in rest.links
    one = (await client.get(f"{url}/versions/2")).json()
    assert one == rest.json()[0]
    assert one["content"]["description"] == "d0"
    assert problem(await client.get(f"{url}/versions/6")) == (404, "version-not-found")


async def test_two_versions_are_compared(client: httpx.AsyncClient) -> None:
    url = f"{AGENTS}/{(await make(client, description='a'))['id']}"
    assert (await client.get(f"{url}/versions/diff")).json()["operations"] == []
    await client.patch(url, json={"description": "b"})
    await client.patch(url, json={"description": "c"})

    newest = (await client.get(f"{url}/versions/diff")).json()
    back = (await client.get(f"{url}/versions/diff?from=3&to=1")).json()
    assert (newest["from_version"], newest["to_version"]) == ("2", "3")
    assert newest["operations"] == [
        {"op": "replace", "path": "/description", "value": "c", "old": "b"}
    ]
    assert back["operations"][0]["value"] == "a"
    missing = await client.get(f"{url}/versions/diff?from=9")
    assert problem(missing) == (404, "version-not-found")


async def test_a_revert_takes_the_number_as_text_or_number(client: httpx.AsyncClient) -> None:
    url = f"{AGENTS}/{(await make(client, description='a'))['id']}"
    await client.patch(url, json={"description": "b"})
    done = (await client.post(f"{url}/revert", json={"version": "1"})).json()
    assert (done["version"], done["description"]) == ("3", "a")
    assert (await client.post(f"{url}/revert", json={"version": 2})).json()["version"] == "4"
    assert problem(await client.post(f"{url}/revert", json={"version": 9})) == (
        404,
        "version-not-found",
    )
    for version in ("v1", "", "0", "-1", "1.0", "9" * 30, "\u0661", True, 1.0):
        refused = await client.post(f"{url}/revert", json={"version": version})
        assert problem(refused) == (422, "invalid-input")


async def test_a_status_moves_as_document_4_has_it(client: httpx.AsyncClient) -> None:
    url = f"{AGENTS}/{(await make(client, **BUSINESS))['id']}"
    refused = await client.patch(f"{url}/status", json={"status": "paused"})
    assert problem(refused) == (409, "move-refused")
    assert refused.json()["allowed"] == ["active", "archived"]
    assert problem(await client.patch(f"{url}/status", json={"status": "gone"}))[0] == 422
    done = await client.patch(f"{url}/status", json={"status": "active", "reason": "ready"})
    assert (done.json()["status"], done.json()["version"]) == ("active", "1")


async def test_a_capability_is_given_and_taken_as_document_3_does(
    client: httpx.AsyncClient,
) -> None:
    schema = {"type": "object", "properties": {"top": {"type": "integer"}}}
    body = {
        "id": "search",
        "name": "Search",
        "tags": ["web"],
        "configuration_schema": schema,
    }
    made = await client.post(CAPABILITIES, json=body)
    assert {**made.json(), **body} == made.json()
    assert problem(await client.post(CAPABILITIES, json=body)) == (409, "capability-exists")
    agent = f"{AGENTS}/{(await make(client))['id']}"

    given = await client.post(f"{agent}/capabilities/search", json={"top": 3})
    assert (given.status_code, given.json()) == (200, {"status": "success"})
    assert (await client.get(agent)).headers["etag"] == given.headers["etag"]
    wrong = await client.post(f"{agent}/capabilities/search", json={"top": "3"})
    assert wrong.json()["errors"][0]["field"] == "capabilities.search"
    assert (await client.get(agent)).json()["capabilities"] == {"search": {"top": 3}}
    assert [one["agent_id"] for one in (await client.get(f"{AGENTS}?tag=web")).json()] == [
        (await client.get(agent)).json()["id"]
    ]

    in_use = await client.delete(f"{CAPABILITIES}/search")
    assert problem(in_use) == (409, "capability-in-use")
    assert in_use.json()["count"] == 1
    taken = await client.delete(f"{agent}/capabilities/search")
    assert (taken.status_code, taken.json()) == (200, {"status": "success"})
    assert problem(await client.delete(f"{agent}/capabilities/search")) == (
        404,
        "capability-not-attached",
    )
    assert (await client.post(f"{agent}/capabilities/search")).json() == {"status": "success"}
    assert (await client.delete(f"{CAPABILITIES}/search?force=true")).is_success
    assert problem(await client.get(f"{CAPABILITIES}/search")) == (404, "capability-not-found")
    assert (await client.get(agent)).json()["capabilities"] == {}


async def test_capabilities_are_listed_and_changed(client: httpx.AsyncClient) -> None:
    for one in "abc":
        await client.post(CAPABILITIES, json={"id": one, "name": one.upper(), "tags": [one]})
    first = await client.get(f"{CAPABILITIES}?limit=2")
    rest = await client.get(first.links["next"]["url"])
    assert [one["id"] for one in first.json() + rest.json()] == ["a", "b", "c"]
    tag = (await client.get(f"{CAPABILITIES}/a")).headers["etag"]
    done = await client.patch(f"{CAPABILITIES}/a", json={"tags": ["z"]}, headers={"If-Match": tag})
    assert (done.json()["tags"], done.json()["name"]) == (["z"], "A")
    for answer in (
        await client.patch(f"{CAPABILITIES}/a", json={"name": "n"}, headers={"If-Match": tag}),
        await client.delete(f"{CAPABILITIES}/a", headers={"If-Match": tag}),
    ):
        assert problem(answer) == (412, "revision-mismatch")
    assert [one["id"] for one in (await client.get(f"{CAPABILITIES}?tag=z")).json()] == ["a"]


async def test_what_is_deleted_is_not_found(client: httpx.AsyncClient) -> None:
    url = f"{AGENTS}/{(await make(client))['id']}"
    assert (await client.delete(url)).json() == {"status": "success"}
    for method, path, body in (
        ("GET", url, None),
        ("PATCH", url, {"name": "x"}),
        ("DELETE", url, None),
        ("PATCH", f"{url}/status", {"status": "paused"}),
        ("GET", f"{url}/versions", None),
        ("GET", f"{url}/versions/1", None),
        ("GET", f"{url}/versions/diff", None),
        ("POST", f"{url}/revert", {"version": 1}),
        ("POST", f"{url}/capabilities/x", {}),
        ("DELETE", f"{url}/capabilities/x", None),
    ):
        answer = await client.request(method, path, json=body)
        assert problem(answer) == (404, "agent-not-found"), (method, path)


async def test_a_list_comes_by_the_page(client: httpx.AsyncClient, clock: FrozenClock) -> None:
    for number in range(5):
        await make(client, name=f"n{number}")
        await clock.advance(1)
    first = await client.get(f"{AGENTS}?limit=3&status=active")
    rest = await client.get(first.links["next"]["url"])
    assert [one["name"] for one in first.json() + rest.json()] == ["n4", "n3", "n2", "n1", "n0"]
    assert "next" not in rest.links


@pytest.mark.parametrize("scope", [READ, REGISTER])
async def test_who_may_only_look_changes_nothing(
    scope: str, sqlite: Database, clock: FrozenClock
) -> None:
    class Someone(OpenAccess):
        async def identify(self, *arguments: Any, **more: Any) -> Caller:
            return Caller("key:x", "tenant", frozenset({scope}))

        def recall(self, *arguments: Any, **more: Any) -> None:
            return None

    transport = httpx.ASGITransport(app_of(sqlite, clock, Someone()))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        wanted = 403 if scope == READ else 200
        body = {"id": "a", "name": "n"}
        for path in (CAPABILITIES, AGENTS):
            assert (await client.post(path, json=body)).status_code == wanted
            assert (await client.get(path)).status_code == 200
        for method, path, json in (
            ("PATCH", f"{AGENTS}/a", {"name": "m"}),
            ("PATCH", f"{AGENTS}/a/status", {"status": "paused"}),
            ("POST", f"{AGENTS}/a/revert", {"version": 1}),
            ("POST", f"{AGENTS}/a/capabilities/a", {}),
            ("DELETE", f"{AGENTS}/a/capabilities/a", None),
            ("PATCH", f"{CAPABILITIES}/a", {"name": "m"}),
            ("DELETE", f"{CAPABILITIES}/a", None),
            ("DELETE", f"{AGENTS}/a", None),
        ):
            answer = await client.request(method, path, json=json)
            assert answer.status_code == wanted, (method, path, answer.text)
    events = await told(sqlite)
    assert {one.namespace for one in events} == ({"tenant"} if scope == REGISTER else set())
    assert all(one.correlation_id for one in events)


async def test_a_request_that_is_sent_again_with_its_key_makes_nothing_new(
    client: httpx.AsyncClient,
) -> None:
    once = {"Idempotency-Key": "k"}
    first = await client.post(AGENTS, json=BUSINESS, headers=once)
    again = await client.post(AGENTS, json=BUSINESS, headers=once)
    assert (again.status_code, again.json()) == (200, first.json())
    other = await client.post(AGENTS, json={"name": "x"}, headers=once)
    assert problem(other) == (409, "key-reused")
    assert len((await client.get(AGENTS)).json()) == 1
