"""My agents over HTTP, as document 4 asks for them."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from starlette.datastructures import Headers

from rollcall.agents.mine.service import MyAgentsService
from rollcall.agents.models import By, Status
from rollcall.backends.sql.database import Database
from rollcall.kernel.caller import READ, Caller
from rollcall.testing.clock import FrozenClock
from rollcall.web.auth import OpenAccess
from support.definitions import BUSINESS, told
from support.owned import DETAIL, NUMBERS, OVERVIEW, USAGE, Told, app_of, make

MINE = "/api/my-agents"


def problem(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["type"].rpartition(":")[2]


async def test_an_agent_is_listed_with_what_it_is_and_did(
    http: httpx.AsyncClient, small: MyAgentsService, figures: Told
) -> None:
    await make(small, "a", **BUSINESS, priority="high", status=Status.DRAFT, by=By(reason="new"))
    figures.known["a"] = NUMBERS
    answer = await http.get(MINE)
    (one,) = answer.json()
    change = {"from": None, "to": "draft", "by": "local", "reason": "new"}
    assert one.pop("last_status_change").items() >= change.items()
    assert one.pop("metrics") == {
        "period_days": 30,
        "data": True,
        "conversations": 3,
        "tokens": 90,
        "cost": "0.009",
        "currency": "USD",
        "success_rate": 1.0,
        "average_satisfaction": None,
        "last_conversation_at": None,
    }
    assert one.pop("created_at") == one.pop("updated_at") == "2025-06-15T15:06:40Z"
    assert one == {
        "id": "a",
        "agent_id": "a",
        "name": "agent a",
        "business_name": "Green Leaf",
        "industry": "retail",
        "llm_model": "gpt-5-mini",
        "interface_type": "webchat",
        "status": "draft",
        "priority": "high",
        "version": "1",
        "revision": 1,
        "owner": "local",
        "unavailable": None,
    }
    assert answer.headers["x-total-count"] == "1"
    whole = (await http.get(f"{MINE}/a")).json()
    assert whole["business_description"] == BUSINESS["business_description"]
    assert whole["allowed_statuses"] == ["active", "archived"]
    assert whole["metrics"]["conversations"] == 3


async def test_what_nobody_told_is_null_and_never_nought(
    http: httpx.AsyncClient, small: MyAgentsService
) -> None:
    await make(small, "a")
    (one,) = (await http.get(MINE)).json()
    metrics = one["metrics"]
    assert (metrics.pop("data"), metrics.pop("period_days")) == (False, 30)
    assert set(metrics.values()) == {None}


async def test_a_list_comes_by_the_page_and_tells_how_many_there_are(
    http: httpx.AsyncClient, small: MyAgentsService, clock: FrozenClock
) -> None:
    for number in range(5):
        await make(small, f"a{number}", priority="low")
        await clock.advance(1)
    await make(small, "other", priority="high")
    page = await http.get(f"{MINE}?limit=2&offset=1&priority=low")
    seen = [one["id"] for one in page.json()]
    while "next" in page.links:
        assert page.headers["x-total-count"] == "5"
        page = await http.get(page.links["next"]["url"])
        seen += [one["id"] for one in page.json()]
    assert seen == ["a3", "a2", "a1", "a0"]
    beyond = await http.get(f"{MINE}?offset=100")
    assert (beyond.json(), beyond.headers["x-total-count"]) == ([], "6")
    assert [one["id"] for one in (await http.get(f"{MINE}?q=OTHER")).json()] == ["other"]


async def test_what_does_not_answer_is_named_and_the_list_is_as_long(
    http: httpx.AsyncClient, small: MyAgentsService, figures: Told
) -> None:
    await make(small, "a", "b")
    figures.down = {"analytics", "billing"}
    lack = {"service": "analytics", "problem": "runs nowhere"}
    listed = await http.get(MINE)
    assert (listed.status_code, listed.headers["x-unavailable"]) == (200, "analytics")
    assert [(one["metrics"], one["unavailable"]) for one in listed.json()] == [(None, lack)] * 2
    one = await http.get(f"{MINE}/a")
    assert (one.json()["metrics"], one.json()["unavailable"]) == (None, lack)
    board = (await http.get(f"{MINE}/dashboard")).json()
    assert (board["total_agents"], board["unavailable"]) == (2, [lack])
    assert (board["totals"], board["top_agents"], board["data"]) == (None, None, None)
    refused = await http.get(f"{MINE}/a/metrics")
    assert problem(refused) == (503, "no-metrics")
    assert refused.json()["unavailable"] == [lack]


async def test_metrics_are_analytics_and_beside_them_the_usage_of_the_same_days(
    http: httpx.AsyncClient, small: MyAgentsService, figures: Told
) -> None:
    await make(small, "a", "b")
    figures.details["a"] = DETAIL
    found = (await http.get(f"{MINE}/a/metrics?period_days=7")).json()
    assert (found["data"], found["performance"], found["usage"]) == (True, DETAIL, USAGE)
    assert (found["period_days"], found["unavailable"]) == (7, [])
    unknown = (await http.get(f"{MINE}/b/metrics?period_days=7")).json()
    assert (unknown["data"], unknown["performance"], unknown["usage"]) == (False, None, USAGE)
    assert figures.days == [("2025-06-09", "2025-06-15")] * 2
    figures.down = {"billing"}
    partial = (await http.get(f"{MINE}/a/metrics")).json()
    assert (partial["performance"], partial["usage"]) == (DETAIL, None)
    assert partial["unavailable"] == [{"service": "billing", "problem": "runs nowhere"}]
    asked = figures.asked.total()
    assert problem(await http.get(f"{MINE}/never/metrics")) == (404, "agent-not-found")
    assert figures.asked.total() == asked


async def test_the_dashboard_is_no_agent(
    http: httpx.AsyncClient, small: MyAgentsService, figures: Told
) -> None:
    await make(small, "dashboard", "bulk", priority="low")
    board = (await http.get(f"{MINE}/dashboard")).json()
    assert board["total_agents"] == 2
    assert board["by_status"]["active"] == 2
    assert board["by_priority"] == {"low": 2, "medium": 0, "high": 0, "critical": 0}
    assert board["by_industry"] == [{"industry": None, "agents": 2}]
    assert board["top_agents"] == OVERVIEW["top_agents"]
    assert board["totals"]["total_cost"] == "0.009"
    assert [one["agent_id"] for one in board["recently_changed"]] == ["dashboard", "bulk"]
    figures.summed = {**OVERVIEW, "data": False, "top_agents": []}
    quiet = (await http.get(f"{MINE}/dashboard")).json()
    assert (quiet["data"], quiet["totals"], quiet["top_agents"]) == (False, None, [])


async def test_a_status_moves_as_it_may_and_anything_else_names_what_may(
    http: httpx.AsyncClient, small: MyAgentsService
) -> None:
    await make(small, "a", status=Status.DRAFT)
    for operation in ("pause", "disable"):
        refused = await http.post(f"{MINE}/a/{operation}")
        assert problem(refused) == (409, "move-refused")
        assert refused.json()["allowed"] == ["active", "archived"]
    body = {"status": "active", "reason": "ready"}
    assert (await http.post(f"{MINE}/a/status", json=body)).json()["status"] == "active"
    assert (await http.post(f"{MINE}/a/pause", json={"reason": "lunch"})).is_success
    again = await http.post(f"{MINE}/a/pause", json={"reason": "lunch again"})
    assert (again.status_code, again.json()["status"]) == (200, "paused")
    assert (await http.post(f"{MINE}/a/enable")).json()["status"] == "active"
    assert (await http.post(f"{MINE}/a/disable", json={})).json()["status"] == "disabled"
    assert (await http.post(f"{MINE}/a/archive")).json()["status"] == "archived"
    last = await http.post(f"{MINE}/a/enable")
    assert (problem(last), last.json()["allowed"]) == ((409, "move-refused"), [])
    bad = await http.post(f"{MINE}/a/status", json={"status": "gone"})
    assert problem(bad) == (422, "invalid-input")

    history = await http.get(f"{MINE}/a/status-history?limit=4")
    rest = await http.get(history.links["next"]["url"])
    assert "next" not in rest.links
    moves = [(one["from"], one["to"], one["reason"]) for one in (*history.json(), *rest.json())]
    assert moves == [
        ("disabled", "archived", ""),
        ("active", "disabled", ""),
        ("paused", "active", ""),
        ("active", "paused", "lunch"),
        ("draft", "active", "ready"),
        (None, "draft", ""),
    ]
    assert {one["by"] for one in history.json()} == {"local"}


async def test_a_priority_is_changed_and_what_was_seen_may_be_insisted_on(
    http: httpx.AsyncClient, small: MyAgentsService
) -> None:
    await make(small, "a")
    tag = (await http.get(f"{MINE}/a")).headers["etag"]
    body = {"priority": "critical", "reason": "a large customer"}
    done = await http.patch(f"{MINE}/a", json=body, headers={"If-Match": tag})
    assert (done.json()["priority"], done.json()["version"]) == ("critical", "2")
    for answer in (
        await http.patch(f"{MINE}/a", json=body, headers={"If-Match": tag}),
        await http.post(f"{MINE}/a/pause", headers={"If-Match": tag}),
        await http.post(f"{MINE}/a/backups", json={"reason": "x"}, headers={"If-Match": tag}),
        await http.post(f"{MINE}/a/restore", json={"version": 1}, headers={"If-Match": tag}),
        await http.delete(f"{MINE}/a?confirm=true", headers={"If-Match": tag}),
    ):
        assert problem(answer) == (412, "revision-mismatch")
    bad = await http.patch(f"{MINE}/a", json={"priority": "urgent"})
    assert problem(bad) == (422, "invalid-input")


async def test_what_is_deleted_has_to_be_confirmed(
    http: httpx.AsyncClient, small: MyAgentsService
) -> None:
    await make(small, "a")
    for url in (f"{MINE}/a", f"{MINE}/a?confirm=false"):
        refused = await http.delete(url)
        assert problem(refused) == (400, "confirmation-needed")
        assert "?confirm=true" in refused.json()["detail"]
        assert (refused.json()["parameter"], refused.json()["value"]) == ("confirm", "true")
    assert problem(await http.delete(f"{MINE}/a?confirm=perhaps")) == (422, "invalid-input")
    assert (await http.get(f"{MINE}/a")).is_success
    gone = await http.delete(f"{MINE}/a?confirm=true")
    assert gone.json() == {"status": "deleted", "agent_id": "a"}
    assert problem(await http.get(f"{MINE}/a")) == (404, "agent-not-found")
    assert problem(await http.delete(f"{MINE}/a?confirm=true")) == (404, "agent-not-found")


async def test_a_backup_is_a_version_and_to_restore_it_leaves_the_status(
    http: httpx.AsyncClient, small: MyAgentsService
) -> None:
    await make(small, "a", description="good")
    made = await http.post(f"{MINE}/a/backups", json={"reason": "before the sale"})
    again = await http.post(f"{MINE}/a/backups", json={"reason": "before the sale"})
    assert (made.status_code, again.status_code) == (201, 200)
    assert made.json() == again.json()
    assert (made.json()["id"], made.json()["reason"]) == ("v2", "before the sale")
    await http.patch(f"{MINE}/a", json={"description": "bad"})
    await http.post(f"{MINE}/a/pause")

    body = {"backup_id": "v2", "reason": "the sale is over"}
    back = (await http.post(f"{MINE}/a/restore", json=body)).json()
    assert (back["description"], back["version"], back["status"]) == ("good", "4", "paused")
    retried = (await http.post(f"{MINE}/a/restore", json=body)).json()
    assert retried["version"] == "4"
    assert (await http.post(f"{MINE}/a/restore", json={"version": "3"})).json()[
        "description"
    ] == "bad"
    page = await http.get(f"{MINE}/a/backups?limit=3")
    rest = await http.get(page.links["next"]["url"])
    kept = [*page.json(), *rest.json()]
    assert [(one["id"], one["reason"]) for one in kept] == [
        ("v5", "reverted to version 3"),
        ("v4", "the sale is over"),
        ("v3", ""),
        ("v2", "before the sale"),
        ("v1", ""),
    ]
    assert kept[1]["size"] == kept[3]["size"] == len('{"name":"agent a","description":"good"}')
    assert {one["author"] for one in kept} == {"local"}


@pytest.mark.parametrize(
    ("body", "status", "name"),
    [
        ({}, 422, "invalid-input"),
        ({"version": 1, "backup_id": "v1"}, 422, "invalid-input"),
        ({"version": "v1"}, 422, "invalid-input"),
        ({"version": 0}, 422, "invalid-input"),
        ({"backup_id": "1"}, 422, "invalid-input"),
        ({"backup_id": "v"}, 422, "invalid-input"),
        ({"backup_id": "v-1"}, 422, "invalid-input"),
        ({"backup_id": "v9"}, 404, "version-not-found"),
    ],
)
async def test_a_version_that_is_none_is_not_restored(
    body: dict[str, Any],
    status: int,
    name: str,
    http: httpx.AsyncClient,
    small: MyAgentsService,
) -> None:
    await make(small, "a")
    assert problem(await http.post(f"{MINE}/a/restore", json=body)) == (status, name)


async def test_many_are_moved_at_once_with_an_answer_for_each(
    http: httpx.AsyncClient, small: MyAgentsService, sqlite: Database
) -> None:
    await make(small, "a", "b")
    await make(small, "c", status=Status.DRAFT)
    body = {"agent_ids": ["c", "b", "a", "x"], "operation": "pause", "reason": "lunch"}
    dry = (await http.post(f"{MINE}/bulk", json={**body, "dry_run": True})).json()
    assert (dry["dry_run"], dry["successful"], dry["failed"]) == (True, 2, 2)
    assert [one["status"] for one in (await http.get(MINE)).json()].count("paused") == 0

    named = {"X-Request-ID": "3f0a6a5e-0000-4000-8000-000000000001"}
    done = (await http.post(f"{MINE}/bulk", json=body, headers=named)).json()
    results = done.pop("results")
    assert done == {
        "operation": "pause",
        "total_agents": 4,
        "successful": 2,
        "failed": 2,
        "dry_run": False,
    }
    assert [(one["agent_id"], one["success"], one["status"]) for one in results] == [
        ("c", False, "draft"),
        ("b", True, "paused"),
        ("a", True, "paused"),
        ("x", False, None),
    ]
    refused, missing = results[0]["error"], results[3]["error"]
    assert (refused["status"], refused["allowed"]) == (409, ["active", "archived"])
    assert (missing["status"], missing["agent_id"]) == (404, "x")
    assert results[1]["error"] is None
    events = [one for one in await told(sqlite) if one.correlation_id == named["X-Request-ID"]]
    assert sorted(one.subject for one in events) == ["a", "b"]
    again = (await http.post(f"{MINE}/bulk", json=body)).json()
    assert (again["successful"], again["results"][1]["unchanged"]) == (2, True)


@pytest.mark.parametrize("operation", ["activate", "ENABLE", "", None, 1])
async def test_an_operation_that_nobody_knows_is_no_success(
    operation: object, http: httpx.AsyncClient, small: MyAgentsService
) -> None:
    await make(small, "a")
    body = {"agent_ids": ["a"], "operation": operation}
    answer = await http.post(f"{MINE}/bulk", json=body)
    assert problem(answer) == (422, "invalid-input")
    assert answer.json()["errors"][0]["field"] == "operation"


async def test_many_are_deleted_only_if_that_is_meant(
    http: httpx.AsyncClient, small: MyAgentsService
) -> None:
    await make(small, "a", "b")
    body = {"agent_ids": ["a", "b"], "operation": "delete"}
    assert problem(await http.post(f"{MINE}/bulk", json=body)) == (400, "confirmation-needed")
    dry = (await http.post(f"{MINE}/bulk", json={**body, "dry_run": True})).json()
    assert dry["successful"] == len((await http.get(MINE)).json()) == 2
    done = (await http.post(f"{MINE}/bulk?confirm=true", json=body)).json()
    assert (done["successful"], [one["status"] for one in done["results"]]) == (2, [None, None])
    assert (await http.get(MINE)).json() == []


async def test_each_sees_and_moves_their_own_alone(
    small: MyAgentsService, clock: FrozenClock
) -> None:
    await make(small, "theirs")
    transport = httpx.ASGITransport(app_of(small, clock, OpenAccess("acme")))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
        assert (await http.get(MINE)).json() == []
        assert (await http.get(f"{MINE}/dashboard")).json()["total_agents"] == 0
        why = {"reason": "x"}
        for method, path, body in (
            ("GET", "", None),
            ("PATCH", "", {"priority": "low"}),
            ("DELETE", "?confirm=true", None),
            ("POST", "/pause", None),
            ("POST", "/status", {"status": "paused"}),
            ("POST", "/backups", why),
            ("POST", "/restore", {"version": 1}),
            ("GET", "/metrics", None),
            ("GET", "/status-history", None),
            ("GET", "/backups", None),
        ):
            answer = await http.request(method, f"{MINE}/theirs{path}", json=body)
            assert problem(answer) == (404, "agent-not-found")


class Reading(OpenAccess):
    """Lets everybody look."""

    async def identify(self, headers: Headers) -> Caller:
        return Caller("key:r", "default", frozenset({READ}))


async def test_who_may_only_look_changes_nothing(
    small: MyAgentsService, clock: FrozenClock
) -> None:
    await make(small, "a")
    transport = httpx.ASGITransport(app_of(small, clock, Reading()))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
        assert len((await http.get(MINE)).json()) == 1
        for method, path, body in (
            ("PATCH", "/a", {"priority": "low"}),
            ("DELETE", "/a?confirm=true", None),
            ("POST", "/a/pause", None),
            ("POST", "/a/status", {"status": "paused"}),
            ("POST", "/a/backups", {"reason": "x"}),
            ("POST", "/a/restore", {"version": 1}),
            ("POST", "/bulk", {"agent_ids": ["a"], "operation": "pause"}),
        ):
            answer = await http.request(method, f"{MINE}{path}", json=body)
            assert problem(answer) == (403, "not-permitted")
    assert (await small.agents.get("a")).revision == 1
