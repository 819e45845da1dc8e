# SPDX-License-Identifier: Apache-2.0
"""Figures of the core, each made to happen."""

from __future__ import annotations

import httpx
from prometheus_client.parser import text_string_to_metric_families

from rollcall.registry.models import Grant, LeasePolicy
from rollcall.registry.service import RegistryService
from rollcall.testing.clock import FrozenClock
from rollcall.testing.store_contract.case import record


async def figure(client: httpx.AsyncClient, name: str, **labels: str) -> float:
    """A sample of `/metrics`."""
    text = (await client.get("/metrics")).text
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == name and sample.labels.items() >= labels.items():
                return sample.value
    return 0.0


async def test_registrations_and_removals_are_counted_by_cause(
    agents: httpx.AsyncClient, services: httpx.AsyncClient
) -> None:
    card = {"agent_id": "a", "agent_name": "A", "base_url": "http://a:1", "runtime": "pod"}
    await agents.post("/register", json=card)
    await agents.delete("/agents/a")
    name = "rollcall_registry_events_total"
    for client in (agents, services):
        assert await figure(client, name, type="registered") == 1
        assert await figure(client, name, type="deregistered", cause="deregistered") == 1
        assert await figure(client, name, type="runtime_joined") == 1
        assert await figure(client, name, type="runtime_left") == 1


async def test_lease_expiries_are_counted_by_what_the_record_became(
    agents: httpx.AsyncClient, registry: RegistryService, clock: FrozenClock
) -> None:
    await registry.register(record("a", Grant(LeasePolicy(30, 60, 90))))
    for _ in range(10):
        await clock.advance(10)
    for to in ("unhealthy", "offline", "deregistered"):
        assert await figure(agents, "rollcall_lease_expiries_total", to=to) == 1


async def test_records_are_counted_by_kind_and_status(agents: httpx.AsyncClient) -> None:
    card = {"agent_id": "a", "agent_name": "A", "base_url": "http://a:1", "status": "busy"}
    await agents.post("/register", json=card)
    await agents.post("/register", json=card | {"agent_id": "t", "kind": "tool"})
    assert await figure(agents, "rollcall_records", kind="agent", status="busy") == 1
    assert await figure(agents, "rollcall_records", kind="tool", status="busy") == 1
    assert await figure(agents, "rollcall_records", kind="agent", status="offline") == 0
    assert await figure(agents, "rollcall_revision") == 2


async def test_searches_are_timed_and_unmet_ones_counted(agents: httpx.AsyncClient) -> None:
    await agents.get("/capabilities/search?q=sourdough")
    assert await figure(agents, "rollcall_search_duration_seconds_count") == 1
    assert await figure(agents, "rollcall_unmet_demand_total") == 1


async def test_the_slowest_subscriber_is_the_depth_of_the_queue(
    agents: httpx.AsyncClient, registry: RegistryService
) -> None:
    slow, quick = registry.events(), registry.events()
    for number in range(5):
        await registry.register(record(f"a{number}"))
        await anext(quick)
    assert await figure(agents, "rollcall_event_queue_depth") == 5
    assert await figure(agents, "rollcall_event_subscribers") == 2
    del slow
    assert await figure(agents, "rollcall_event_subscribers") == 1


async def test_the_store_is_up_until_it_does_not_answer(
    agents: httpx.AsyncClient, registry: RegistryService, clock: FrozenClock
) -> None:
    from rollcall.kernel.errors import StoreUnavailable

    assert await figure(agents, "rollcall_store_up") == 1
    registry.commits.failed(StoreUnavailable("away"))
    clock.jump(7)
    assert await figure(agents, "rollcall_store_up") == 0
    assert await figure(agents, "rollcall_store_silent_seconds") == 7
