"""What one protocol registers the other finds (contracts, section 0)."""

from __future__ import annotations

import httpx
import msgspec

from rollcall.backends.records.codec import Codec
from rollcall.registry.models import Capability, HealthCheck, Table
from rollcall.registry.service import RegistryService
from rollcall.testing.clock import FrozenClock
from rollcall.testing.store_contract.case import record

AGENT = {
    "agent_id": "dev",
    "agent_name": "Developer",
    "base_url": "https://dev.internal/agent",
    "capabilities": [{"name": "code", "description": "Writes it", "tags": ["fast"]}],
    "metadata": {"description": "An agent", "dependencies": ["git"], "team": "x"},
}
TOOL = {
    "name": "calculator",
    "service_type": "tool",
    "host": "calc",
    "port": 80,
    "metadata": {"capabilities": ["add"], "description": "Adds"},
}


async def test_an_agent_is_a_service_of_type_agent_where_its_url_says(
    agents: httpx.AsyncClient, services: httpx.AsyncClient
) -> None:
    await agents.post("/register", json=AGENT)
    answer = await services.post("/api/v1/discover", json={"service_type": "agent"})
    (found,) = answer.json()["services"]
    assert (found["service_id"], found["host"], found["port"]) == ("dev", "dev.internal", 443)
    assert found["metadata"] == {
        "description": "An agent",
        "version": "",
        "tags": [],
        "capabilities": ["code"],
        "dependencies": ["git"],
        "extra": {"team": "x"},
    }
    assert found["health_check"]["enabled"] is False
    by_tag = await services.post("/api/v1/discover", json={"tags": ["fast"]})
    assert by_tag.json()["total_count"] == 1


async def test_a_service_of_type_agent_is_an_agent_and_any_other_is_asked_for_by_kind(
    agents: httpx.AsyncClient, services: httpx.AsyncClient
) -> None:
    await services.post("/api/v1/register", json=TOOL)
    body = {**TOOL, "name": "helper", "service_type": "agent", "host": "::1"}
    key = (await services.post("/api/v1/register", json=body)).json()["service_id"]
    (found,) = (await agents.get("/agents")).json()
    assert (found["agent_id"], found["base_url"]) == (key, "http://[::1]:80")
    assert found["metadata"] == {"description": "Adds"}
    assert found["health_check"]["enabled"] is True
    (tool,) = (await agents.get("/agents?kind=tool")).json()
    assert (tool["agent_name"], tool["capabilities"][0]["name"]) == ("calculator", "add")
    assert (await agents.get("/stats")).json()["total_agents"] == 1
    rows = (await agents.get("/capabilities/search?q=add")).json()
    assert [row["agent_name"] for row in rows] == ["helper"]
    rows = (await agents.get("/capabilities/search?q=add&kind=any")).json()
    assert {row["agent_name"] for row in rows} == {"helper", "calculator"}


async def test_a_write_through_one_protocol_is_read_through_the_other(
    agents: httpx.AsyncClient, services: httpx.AsyncClient, clock: FrozenClock
) -> None:
    await agents.post("/register", json=AGENT)
    await services.put("/api/v1/update/dev", json={"status": "stopping"})
    assert (await agents.get("/agents/dev")).json()["status"] == "offline"
    await services.put("/api/v1/update/dev", json={"status": "starting"})
    assert (await agents.get("/agents/dev")).json()["status"] == "unhealthy"
    assert (await agents.get("/agents?status=unhealthy")).json() != []
    await agents.patch("/agents/dev/status", json={"status": "busy"})
    assert (await services.get("/api/v1/services/dev")).json()["status"] == "healthy"
    await clock.advance(59)
    await services.post("/api/v1/heartbeat/dev")
    await clock.advance(59)
    assert (await agents.get("/health/dev")).json()["is_healthy"]
    await services.delete("/api/v1/unregister/dev")
    assert (await agents.get("/agents/dev")).status_code == 404


async def test_an_agent_without_an_address_is_found_by_capability_or_where_it_is_asked_for(
    agents: httpx.AsyncClient, services: httpx.AsyncClient, registry: RegistryService
) -> None:
    inside = msgspec.structs.replace(record("inside"), capabilities=(Capability("juggling"),))
    await registry.register(inside)
    (row,) = (await agents.get("/capabilities/search?q=juggling")).json()
    assert (row["agent_id"], row["base_url"]) == ("inside", None)
    (agent,) = (await agents.get("/agents")).json()
    assert (agent["base_url"], agent["last_heartbeat"]) == (None, None)
    health = (await agents.get("/health/inside")).json()
    assert (health["seconds_since_heartbeat"], health["evidence"]["lease"]["phase"]) == (
        None,
        "none",
    )
    assert (await services.get("/api/v1/discover")).json()["services"] == []
    shown = await services.get("/api/v1/discover?include_unaddressed=true")
    (service,) = shown.json()["services"]
    assert (service["host"], service["port"], service["last_heartbeat"]) == (None, None, None)
    asked = {"include_unaddressed": True}
    assert (await services.post("/api/v1/discover", json=asked)).json()["total_count"] == 1


def test_a_health_check_survives_the_store() -> None:
    codec = Codec()
    for check in (None, HealthCheck(), HealthCheck(False, "/live", 10.0, 1.0, 1)):
        doc = msgspec.structs.replace(record(), health_check=check)
        assert codec.decode(Table.RECORD, codec.encode(doc)) == doc


async def test_a_health_check_that_changes_is_an_update_for_whoever_watches(
    agents: httpx.AsyncClient, registry: RegistryService
) -> None:
    await agents.post("/register", json=AGENT)
    events = registry.events(after=registry.position)
    await agents.patch("/agents/dev", json={"health_check": {"retries": 5}})
    event = events.poll()
    assert getattr(event, "type", None) == "updated"
