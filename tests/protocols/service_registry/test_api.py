"""Document 1 over HTTP."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from rollcall.registry.service import RegistryService
from rollcall.testing.clock import FrozenClock

TIME = "2025-06-15T15:06:40Z"


async def register(services: httpx.AsyncClient, name: str = "test", **fields: Any) -> str:
    service = {"name": name, "service_type": "tool", "host": "localhost", "port": 9999, **fields}
    answer = await services.post("/api/v1/register", json=service)
    assert answer.status_code in (200, 201), answer.text
    return answer.json()["service_id"]


async def discover(services: httpx.AsyncClient, **asked: Any) -> list[str]:
    answer = await services.post("/api/v1/discover", json=asked)
    assert answer.status_code == 200, answer.text
    return [service["name"] for service in answer.json()["services"]]


async def status(services: httpx.AsyncClient, key: str) -> str:
    return (await services.get(f"/api/v1/services/{key}")).json()["status"]


async def test_the_commands_of_the_document_work_as_written(services: httpx.AsyncClient) -> None:
    json = {"Content-Type": "application/json"}
    body = b"""{
    "name": "test-service",
    "service_type": "tool",
    "host": "localhost",
    "port": 9999
  }"""
    answer = await services.post("/api/v1/register", headers=json, content=body)
    assert answer.status_code == 201
    assert answer.json()["service_id"]
    body = b'{"service_type": "tool"}'
    answer = await services.post("/api/v1/discover", headers=json, content=body)
    (found,) = answer.json()["services"]
    assert (found["name"], found["port"]) == ("test-service", 9999)
    body = b'{"service_type": "tool", "status": "healthy"}'
    answer = await services.post("/api/v1/discover", headers=json, content=body)
    assert answer.json()["total_count"] == 1
    for path, field in (
        ("/health", "registered_services"),
        ("/api/v1/stats", "total_services"),
        ("/api/v1/discover", "total_count"),
    ):
        answer = await services.get(path)
        assert (answer.status_code, answer.json()[field]) == (200, 1)
    assert (await services.post(f"/api/v1/heartbeat/{found['service_id']}")).status_code == 200


async def test_a_service_reads_exactly_as_the_contract_says(services: httpx.AsyncClient) -> None:
    metadata = {"description": "My service description", "capabilities": ["feature1", "feature2"]}
    key = await register(services, metadata=metadata)
    expected = {
        "service_id": key,
        "name": "test",
        "service_type": "tool",
        "host": "localhost",
        "port": 9999,
        "status": "healthy",
        "metadata": {
            **metadata,
            "version": "",
            "tags": [],
            "dependencies": [],
            "extra": {},
        },
        "health_check": {
            "enabled": True,
            "endpoint": "/health",
            "interval_seconds": 30.0,
            "timeout_seconds": 5.0,
            "retries": 3,
        },
        "registered_at": TIME,
        "last_heartbeat": TIME,
    }
    for path in (f"/api/v1/services/{key}", "/api/v1/services/name/test"):
        answer = await services.get(path)
        assert answer.json() == expected
        assert answer.headers["ETag"] == '"1"'


async def test_the_same_service_again_is_an_update_and_never_a_duplicate(
    services: httpx.AsyncClient, clock: FrozenClock
) -> None:
    service = {"name": "test", "service_type": "tool", "host": "localhost", "port": 9999}
    first = await services.post("/api/v1/register", json=service)
    await clock.advance(30)
    again = {**service, "host": "LOCALHOST", "metadata": {"version": "2"}}
    second = await services.post("/api/v1/register", json=again)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["service_id"] == second.json()["service_id"]
    (found,) = (await services.get("/api/v1/discover")).json()["services"]
    assert (found["metadata"]["version"], found["registered_at"]) == ("2", TIME)
    other = await services.post("/api/v1/register", json={**service, "port": 9998})
    assert other.status_code == 201


async def test_leases_run_down_at_60_120_and_300_seconds(
    services: httpx.AsyncClient, clock: FrozenClock
) -> None:
    key = await register(services)
    await clock.advance(59.9)
    assert await status(services, key) == "healthy"
    await clock.advance(0.2)
    assert await status(services, key) == "unhealthy"
    assert (await services.post(f"/api/v1/heartbeat/{key}")).status_code == 200
    assert await status(services, key) == "healthy"
    await clock.advance(299.9)
    assert await status(services, key) == "unhealthy"
    await clock.advance(0.2)
    assert (await services.get(f"/api/v1/services/{key}")).status_code == 404
    gone = await services.post(f"/api/v1/heartbeat/{key}")
    assert (gone.status_code, gone.json()["record_id"]) == (404, key)


async def test_cleanup_removes_at_once_what_is_past_its_lease_and_nothing_else(
    services: httpx.AsyncClient, agents: httpx.AsyncClient, clock: FrozenClock
) -> None:
    agent = {"agent_id": "kept", "agent_name": "kept", "base_url": "http://a:1"}
    await agents.post("/register", json=agent)
    await register(services, "late")
    stopped = await register(services, "stopped")
    await clock.advance(60.1)
    await services.post(f"/api/v1/heartbeat/{stopped}")
    await services.put(f"/api/v1/update/{stopped}", json={"status": "unhealthy"})
    await register(services, "fresh")
    answer = (await services.post("/api/v1/cleanup")).json()
    assert (answer["cleaned_count"], answer["message"]) == (1, "1 services were removed")
    left = (await services.get("/api/v1/discover")).json()["services"]
    assert [service["name"] for service in left] == ["fresh", "kept", "stopped"]
    assert (await services.post("/api/v1/cleanup")).json()["cleaned_count"] == 0


async def test_a_status_that_is_reported_reads_so_and_a_heartbeat_does_not_change_it(
    services: httpx.AsyncClient,
) -> None:
    key = await register(services)
    for word in ("starting", "unhealthy", "stopping", "healthy"):
        answer = await services.put(f"/api/v1/update/{key}", json={"status": word})
        assert answer.json() == {"message": f"service {key!r} is updated"}
        await services.post(f"/api/v1/heartbeat/{key}")
        assert await status(services, key) == word


async def test_an_update_with_a_stale_entity_tag_is_refused(services: httpx.AsyncClient) -> None:
    key = await register(services)
    path, stale = f"/api/v1/update/{key}", {"If-Match": '"1"'}
    change = {"metadata": {"version": "2"}}
    assert (await services.put(path, json=change, headers=stale)).headers["ETag"] == '"2"'
    assert (await services.put(path, json=change, headers=stale)).status_code == 412
    gone = await services.delete(f"/api/v1/unregister/{key}", headers=stale)
    assert gone.status_code == 412
    assert (await services.delete(f"/api/v1/unregister/{key}")).json() == {
        "message": f"service {key!r} is removed"
    }


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("DELETE", "/api/v1/unregister/nobody", None),
        ("PUT", "/api/v1/update/nobody", {}),
        ("GET", "/api/v1/services/nobody", None),
        ("GET", "/api/v1/services/name/nobody", None),
        ("POST", "/api/v1/heartbeat/nobody", None),
    ],
)
async def test_who_is_not_there_is_a_404(
    method: str, path: str, body: dict[str, Any] | None, services: httpx.AsyncClient
) -> None:
    answer = await services.request(method, path, json=body)
    assert answer.status_code == 404
    assert answer.json()["record_id"] == "nobody"


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, ["Alpha", "beta"]),
        ({"status": None}, ["Alpha", "beta", "down", "stop"]),
        ({"status": "unhealthy"}, ["down"]),
        ({"status": "stopping"}, ["stop"]),
        ({"status": "starting"}, []),
        ({"status": "unknown"}, []),
        ({"service_type": "api"}, ["beta"]),
        ({"name": "ALPH"}, ["Alpha"]),
        ({"name": ""}, ["Alpha", "beta"]),
        ({"tags": ["fast", "Cheap"]}, ["Alpha"]),
        ({"tags": ["fast", "slow"]}, []),
        ({"capabilities": ["add"]}, ["Alpha", "beta"]),
        ({"capabilities": ["add", "divide"]}, ["beta"]),
        ({"service_type": "tool", "capabilities": ["add"]}, ["Alpha"]),
    ],
)
async def test_discover_finds_whoever_passes_all_filters(
    asked: dict[str, Any], expected: list[str], services: httpx.AsyncClient
) -> None:
    await register(services, "Alpha", metadata={"tags": ["fast", "cheap"], "capabilities": ["add"]})
    await register(
        services, "beta", service_type="api", metadata={"capabilities": ["add", "divide"]}
    )
    for name, word in (("down", "unhealthy"), ("stop", "stopping")):
        key = await register(services, name)
        await services.put(f"/api/v1/update/{key}", json={"status": word})
    assert await discover(services, **asked) == expected
    # As parameters the same, but that no status means every one.
    params = {k: v for k, v in {"status": "healthy", **asked}.items() if v is not None}
    answer = (await services.get("/api/v1/discover", params=params)).json()
    assert [service["name"] for service in answer["services"]] == expected
    assert answer["total_count"] == len(expected)


async def test_an_answer_repeats_its_question(services: httpx.AsyncClient) -> None:
    answer = await services.post("/api/v1/discover", json={"tags": ["x"], "limit": 7})
    assert answer.json() == {
        "services": [],
        "total_count": 0,
        "query": {
            "service_type": None,
            "name": None,
            "tags": ["x"],
            "capabilities": [],
            "status": "healthy",
        },
    }


async def test_pages_of_services_follow_each_other_and_know_the_total(
    services: httpx.AsyncClient,
) -> None:
    for name in "abcde":
        await register(services, name)
    names: list[str] = []
    url = "/api/v1/discover?limit=2"
    while url:
        answer = await services.get(url)
        assert answer.json()["total_count"] == 5
        names += [service["name"] for service in answer.json()["services"]]
        url = answer.links.get("next", {}).get("url", "")
    assert names == list("abcde")


async def test_of_several_of_one_name_a_healthy_one_is_given_the_oldest_first(
    services: httpx.AsyncClient, clock: FrozenClock
) -> None:
    down = await register(services, port=1)
    await services.put(f"/api/v1/update/{down}", json={"status": "unhealthy"})
    await clock.advance(1)
    old = await register(services, port=2)
    await clock.advance(1)
    await register(services, port=3)
    await register(services, "test-2", port=4)
    answer = await services.get("/api/v1/services/name/test")
    assert answer.json()["service_id"] == old


async def test_stats_count_by_type_and_status(
    services: httpx.AsyncClient, clock: FrozenClock
) -> None:
    await register(services, "late")
    await clock.advance(60.1)
    await register(services, "a")
    key = await register(services, "b", service_type="api")
    await services.put(f"/api/v1/update/{key}", json={"status": "stopping"})
    assert (await services.get("/api/v1/stats")).json() == {
        "total_services": 3,
        "services_by_type": {"tool": 2, "api": 1},
        "services_by_status": {"healthy": 1, "unhealthy": 1, "stopping": 1},
        "healthy_services": 1,
        "unhealthy_services": 1,
    }


async def test_health_is_told_with_and_without_the_prefix(services: httpx.AsyncClient) -> None:
    await register(services)
    for path in ("/health", "/api/v1/health"):
        health = (await services.get(path)).json()
        assert (health["status"], health["service"]) == ("healthy", "service-registry")
        assert (health["zookeeper_connected"], health["registered_services"]) == (None, 1)
        assert health["timestamp"].startswith("2025-06-15T15:06:40")


async def test_the_front_page_says_who_answers(
    services: httpx.AsyncClient, clock: FrozenClock
) -> None:
    await clock.advance(5)
    page = (await services.get("/")).json()
    assert (page["service"], page["status"], page["store"]) == (
        "service-registry",
        "running",
        "memory",
    )
    assert page["uptime_seconds"] == 5.0
    assert page["version"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"service_type": "robot"}, "service_type"),
        ({"host": "http://x"}, "host"),
        ({"host": "169.254.169.254"}, "host"),
        ({"port": 70_000}, "port"),
        ({"port": "http"}, "port"),
        ({"metadata": {"colour": "red"}}, "metadata.colour"),
        ({"metadata": {"tags": "x"}}, "metadata.tags"),
        ({"metadata": {"capabilities": ["x"] * 1001}}, "metadata.capabilities"),
        ({"metadata": {"description": "x" * 10_001}}, "metadata.description"),
        ({"health_check": {"retries": 0}}, "health_check.retries"),
        ({"id": "mine"}, "id"),
    ],
)
async def test_a_registration_that_cannot_be_kept_is_refused_by_its_field(
    body: dict[str, Any], field: str, services: httpx.AsyncClient, registry: RegistryService
) -> None:
    good = {"name": "s", "service_type": "tool", "host": "h", "port": 80}
    answer = await services.post("/api/v1/register", json={**good, **body} if body else {})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field
    assert registry.state.revision == 0
