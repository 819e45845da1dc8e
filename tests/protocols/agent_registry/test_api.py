"""Document 2 over HTTP, one agent at a time."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from rollcall.protocols.bodies import REVISION_HEADER
from rollcall.testing.clock import FrozenClock

AGENT: dict[str, Any] = {
    "agent_id": "feature-dev",
    "agent_name": "Feature Development Agent",
    "base_url": "http://feature-dev:8002",
    "capabilities": [
        {
            "name": "code_generation",
            "description": "Generates production-ready code in Python",
            "cost_estimate": "50-200 tokens per function",
            "tags": ["coding", "python"],
        }
    ],
}
TIME = "2025-06-15T15:06:40Z"


async def register(agents: httpx.AsyncClient, key: str = "feature-dev", **fields: Any) -> None:
    answer = await agents.post("/register", json={**AGENT, "agent_id": key, **fields})
    assert answer.status_code == 200, answer.text


async def status(agents: httpx.AsyncClient, key: str = "feature-dev") -> str:
    answer = await agents.get(f"/agents/{key}")
    assert answer.status_code == 200, answer.text
    return answer.json()["status"]


async def test_to_register_answers_who_and_when(agents: httpx.AsyncClient) -> None:
    answer = await agents.post("/register", json=AGENT)
    assert answer.status_code == 200
    assert answer.json() == {"status": "registered", "agent_id": "feature-dev", "timestamp": TIME}


async def test_a_registered_agent_reads_as_it_said(agents: httpx.AsyncClient) -> None:
    await register(agents, metadata={"region": "eu"})
    answer = await agents.get("/agents/feature-dev")
    assert answer.json() == {
        "agent_id": "feature-dev",
        "agent_name": "Feature Development Agent",
        "base_url": "http://feature-dev:8002",
        "capabilities": [{**AGENT["capabilities"][0], "parameters": {}}],
        "status": "active",
        "metadata": {"region": "eu"},
        "last_heartbeat": TIME,
        "created_at": TIME,
        "updated_at": TIME,
        "kind": "agent",
        "namespace": "default",
        "tags": [],
        "version": "",
        "runtime": "",
        "active_tasks": None,
        "health_check": {
            "enabled": False,
            "endpoint": "/health",
            "interval_seconds": 30.0,
            "timeout_seconds": 5.0,
            "retries": 3,
        },
        "revision": 1,
    }


async def test_to_register_again_updates_and_keeps_the_first_date(
    agents: httpx.AsyncClient, clock: FrozenClock
) -> None:
    await register(agents)
    await clock.advance(10)
    await register(agents, agent_name="New name")
    (agent,) = (await agents.get("/agents")).json()
    assert (agent["agent_name"], agent["created_at"]) == ("New name", TIME)
    assert agent["updated_at"] == agent["last_heartbeat"] == "2025-06-15T15:06:50Z"


async def test_a_heartbeat_says_when_and_leaves_the_status_alone(
    agents: httpx.AsyncClient, clock: FrozenClock
) -> None:
    await register(agents, status="busy")
    await clock.advance(59)
    for content in (None, b"{}", b"null"):
        answer = await agents.post(
            "/agents/feature-dev/heartbeat",
            content=content,
            headers={} if content is None else {"Content-Type": "application/json"},
        )
        assert answer.json() == {
            "status": "ok",
            "agent_id": "feature-dev",
            "last_heartbeat": "2025-06-15T15:07:39Z",
        }
    await clock.advance(59)
    assert await status(agents) == "busy"


async def test_a_heartbeat_may_carry_a_status_and_a_load(agents: httpx.AsyncClient) -> None:
    await register(agents)
    beat = {"status": "degraded", "active_tasks": 4}
    assert (await agents.post("/agents/feature-dev/heartbeat", json=beat)).status_code == 200
    agent = (await agents.get("/agents/feature-dev")).json()
    assert (agent["status"], agent["active_tasks"]) == ("degraded", 4)


async def test_a_load_is_gone_with_its_agent(agents: httpx.AsyncClient) -> None:
    await register(agents)
    await agents.post("/agents/feature-dev/heartbeat", json={"active_tasks": 4})
    await agents.delete("/agents/feature-dev")
    await register(agents, "another")
    assert (await agents.get("/agents/another")).json()["active_tasks"] is None


@pytest.mark.parametrize(
    "beat", [{"active_tasks": -1}, {"status": "suspect"}, {"tasks": 1}, {"active_tasks": 2**40}]
)
async def test_a_heartbeat_that_makes_no_sense_is_refused_and_renews_nothing(
    beat: dict[str, Any], agents: httpx.AsyncClient, clock: FrozenClock
) -> None:
    await register(agents)
    await clock.advance(5)
    answer = await agents.post("/agents/feature-dev/heartbeat", json=beat)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == next(iter(beat))
    assert (await agents.get("/agents/feature-dev")).json()["last_heartbeat"] == TIME


async def test_a_missed_heartbeat_turns_an_agent_offline_at_sixty_seconds_and_keeps_it(
    agents: httpx.AsyncClient, clock: FrozenClock
) -> None:
    await register(agents)
    await clock.advance(59.9)
    assert await status(agents) == "active"
    await clock.advance(0.2)
    assert await status(agents) == "offline"
    await clock.advance(600)
    assert await status(agents) == "offline"
    assert (await agents.post("/agents/feature-dev/heartbeat")).status_code == 200
    assert await status(agents) == "active"


async def test_a_report_is_no_sign_of_life(agents: httpx.AsyncClient, clock: FrozenClock) -> None:
    await register(agents)
    await clock.advance(50)
    answer = await agents.patch("/agents/feature-dev/status", json={"status": "busy"})
    assert (answer.status_code, answer.json()["status"]) == (200, "busy")
    await clock.advance(10.1)
    assert await status(agents) == "offline"


async def test_an_agent_that_reports_offline_stays_so_while_it_breathes(
    agents: httpx.AsyncClient,
) -> None:
    await register(agents)
    await agents.patch("/agents/feature-dev/status", json={"status": "offline"})
    await agents.post("/agents/feature-dev/heartbeat")
    assert await status(agents) == "offline"


@pytest.mark.parametrize("word", ["suspect", "starting", "ACTIVE", "", None])
async def test_a_status_that_nobody_reports_is_refused(
    word: str | None, agents: httpx.AsyncClient
) -> None:
    await register(agents)
    answer = await agents.patch("/agents/feature-dev/status", json={"status": word})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "status"


async def test_a_patch_changes_what_it_gives(agents: httpx.AsyncClient, clock: FrozenClock) -> None:
    await register(agents, metadata={"a": 1, "b": 2}, tags=["x"])
    await clock.advance(1)
    change = {"agent_name": "Renamed", "metadata": {"a": None, "c": 3}, "capabilities": []}
    answer = await agents.patch("/agents/feature-dev", json=change)
    agent = answer.json()
    assert (agent["agent_name"], agent["metadata"]) == ("Renamed", {"b": 2, "c": 3})
    assert (agent["capabilities"], agent["tags"]) == ([], ["x"])
    assert (agent["created_at"], agent["updated_at"]) == (TIME, "2025-06-15T15:06:41Z")
    assert agent == (await agents.get("/agents/feature-dev")).json()


async def test_to_remove_an_agent_answers_who_and_when(agents: httpx.AsyncClient) -> None:
    await register(agents)
    answer = await agents.delete("/agents/feature-dev")
    assert answer.json() == {"status": "deregistered", "agent_id": "feature-dev", "timestamp": TIME}
    assert (await agents.get("/agents")).json() == []


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/agents/nobody", None),
        ("PATCH", "/agents/nobody", {}),
        ("DELETE", "/agents/nobody", None),
        ("PATCH", "/agents/nobody/status", {"status": "busy"}),
        ("POST", "/agents/nobody/heartbeat", None),
        ("GET", "/agents/nobody/explain", None),
        ("GET", "/health/nobody", None),
    ],
)
async def test_who_is_not_there_is_a_404(
    method: str, path: str, body: dict[str, Any] | None, agents: httpx.AsyncClient
) -> None:
    answer = await agents.request(method, path, json=body)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["record_id"] == "nobody"


async def test_a_single_agent_has_its_revision_as_entity_tag(agents: httpx.AsyncClient) -> None:
    await register(agents)
    tag = (await agents.get("/agents/feature-dev")).headers["ETag"]
    assert tag == '"1"'
    fresh = await agents.patch(
        "/agents/feature-dev", json={"version": "2"}, headers={"If-Match": tag}
    )
    assert (fresh.status_code, fresh.headers["ETag"]) == (200, '"2"')
    for method, path, body in (
        ("PATCH", "/agents/feature-dev", {"version": "3"}),
        ("PATCH", "/agents/feature-dev", {}),
        ("PATCH", "/agents/feature-dev/status", {"status": "busy"}),
        ("DELETE", "/agents/feature-dev", None),
    ):
        stale = await agents.request(method, path, json=body, headers={"If-Match": tag})
        assert stale.status_code == 412, (method, path, stale.text)
        assert (stale.json()["expected"], stale.json()["current"]) == (1, 2)
    assert (await agents.get("/agents/feature-dev")).json()["version"] == "2"
    last = await agents.delete("/agents/feature-dev", headers={"If-Match": '"1", "2"'})
    assert last.status_code == 200


async def test_a_precondition_that_cannot_be_read_is_refused(agents: httpx.AsyncClient) -> None:
    await register(agents)
    answer = await agents.delete("/agents/feature-dev", headers={"If-Match": "1"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "If-Match"


async def test_answers_carry_the_revision_they_are_at(agents: httpx.AsyncClient) -> None:
    before = await agents.get("/stats")
    assert before.headers[REVISION_HEADER] == "0"
    written = await agents.post("/register", json=AGENT)
    assert written.headers[REVISION_HEADER] == "1"
    after = await agents.get("/agents", params={"min_revision": 1})
    assert after.headers[REVISION_HEADER] == "1"


@pytest.mark.parametrize("revision", ["-1", "x", str(2**63)])
async def test_a_revision_that_is_none_is_refused(revision: str, agents: httpx.AsyncClient) -> None:
    answer = await agents.get("/agents", params={"min_revision": revision})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "min_revision"


async def test_the_health_of_an_agent_shows_what_it_rests_on(
    agents: httpx.AsyncClient, clock: FrozenClock
) -> None:
    await register(agents, status="busy")
    await clock.advance(12)
    health = (await agents.get("/health/feature-dev")).json()
    evidence = health.pop("evidence")
    assert health == {
        "agent_id": "feature-dev",
        "agent_name": "Feature Development Agent",
        "status": "healthy",
        "agent_status": "busy",
        "last_heartbeat": TIME,
        "is_healthy": True,
        "seconds_since_heartbeat": 12.0,
    }
    assert evidence["reported"] == "busy"
    assert evidence["probe"] is None
    assert evidence["lease"]["remaining_seconds"] == 48.0
    await clock.advance(50)
    health = (await agents.get("/health/feature-dev")).json()
    assert (health["status"], health["is_healthy"]) == ("offline", False)
    assert health["evidence"]["lease"]["phase"] == "offline"
    assert health["seconds_since_heartbeat"] == 62.0


@pytest.mark.parametrize(
    ("word", "shown"),
    [("active", "healthy"), ("degraded", "degraded"), ("unhealthy", "unhealthy")],
)
async def test_only_active_and_busy_are_healthy(
    word: str, shown: str, agents: httpx.AsyncClient
) -> None:
    await register(agents, status=word)
    assert (await agents.get("/health/feature-dev")).json()["status"] == shown


async def test_the_registry_says_how_it_is_itself(agents: httpx.AsyncClient) -> None:
    await register(agents)
    health = (await agents.get("/health")).json()
    assert (health["status"], health["service"]) == ("healthy", "agent-registry")
    assert (health["registered_agents"], health["revision"]) == (1, 1)


async def test_stats_count_agents_by_status(agents: httpx.AsyncClient, clock: FrozenClock) -> None:
    await register(agents, "late")
    await clock.advance(60.1)
    await register(agents, "a")
    await register(agents, "b", status="busy", capabilities=[])
    await register(agents, "tool", kind="tool", capabilities=[])
    assert (await agents.get("/stats")).json() == {
        "active_agents": 1,
        "busy_agents": 1,
        "degraded_agents": 0,
        "unhealthy_agents": 0,
        "offline_agents": 1,
        "suspect_agents": 0,
        "total_agents": 3,
        "total_capabilities": 2,
        "distinct_capabilities": 1,
    }
