"""Documents 1 and 2: what is registered at one registry is found at every one."""

from __future__ import annotations

import asyncio

from rollcall.client import AgentCapability, RegistryClient
from support.suite.asking import Asking, succeeded


def a_service_is_registered_discovered_and_removed(us: Asking) -> None:
    name = us.name("invoice-api")
    body = {
        "name": name,
        "service_type": "api",
        "host": "10.0.0.8",
        "port": 3006,
        "metadata": {"tags": ["money"], "capabilities": [name]},
        "health_check": {"enabled": False},
    }
    made = us.post("service-registry", "/api/v1/register", body)["service_id"]
    assert us.post("service-registry", "/api/v1/register", body)["service_id"] == made
    discover, place = f"/api/v1/discover?name={name}", f"/api/v1/services/{made}"
    us.everywhere("service-registry", discover, lambda found: found["total_count"] == 1)

    asked = {"capabilities": [name], "tags": ["money"]}
    found = us.post("gateway", "/services/registry/api/v1/discover", asked)
    assert [one["service_id"] for one in found["services"]] == [made]
    succeeded(us.send("POST", "service-registry", f"/api/v1/heartbeat/{made}"))
    worse = us.send(
        "PUT", "service-registry", f"/api/v1/update/{made}", body={"status": "starting"}
    )
    succeeded(worse)
    us.everywhere("service-registry", place, lambda found: found.get("status") == "starting")
    succeeded(us.send("DELETE", "service-registry", f"/api/v1/unregister/{made}"))
    us.everywhere("service-registry", discover, lambda found: found["total_count"] == 0)


def an_agent_is_found_by_what_it_can_and_gone_when_it_leaves(us: Asking) -> None:
    skill, agent_id = us.name("presses-grapes"), us.name("presser")
    place = f"/agents/{agent_id}"

    async def work() -> None:
        url = us.house.url("agent-registry")
        async with RegistryClient(url, agent_id, "Presser", "http://10.0.0.7:9000") as client:
            await client.register([AgentCapability(name=skill, description="Presses grapes")])
            us.everywhere("agent-registry", place, lambda found: found.get("status") == "active")
            search = f"/capabilities/search?q={skill}"
            us.everywhere("agent-registry", search, lambda found: len(found) == 1)
            (match,) = us.get("gateway", f"/services/agent-registry{search}")
            assert match["agent_id"] == agent_id
            await client.update_status("busy")
            # A heartbeat says that it is there, and nothing else.
            us.post("agent-registry", f"{place}/heartbeat", None)
            us.everywhere("agent-registry", place, lambda found: found["status"] == "busy")
            await client.deregister()

    asyncio.run(work())
    us.everywhere("agent-registry", place, lambda found: not found)
