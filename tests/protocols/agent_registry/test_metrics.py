"""The five metrics of document 2, as Prometheus reads them."""

from __future__ import annotations

import httpx
from prometheus_client.parser import text_string_to_metric_families

from rollcall.protocols.agent_registry.metrics import BATCH, AgentRegistryMetrics
from rollcall.registry.service import RegistryService
from rollcall.testing.clock import FrozenClock
from rollcall.web.metrics import OTHER

Samples = dict[tuple[str, str], float]


async def scrape(agents: httpx.AsyncClient) -> Samples:
    """The document's samples: by their name and the value of their label, if any."""
    text = (await agents.get("/metrics")).text
    return {
        (sample.name, next((v for k, v in sample.labels.items() if k != "le"), "")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith("agent_registry_") and "le" not in sample.labels
    }


async def register(agents: httpx.AsyncClient, key: str, **fields: object) -> None:
    agent = {"agent_id": key, "agent_name": key, "base_url": "http://a:1", **fields}
    assert (await agents.post("/register", json=agent)).status_code == 200


async def test_counts_are_those_of_now_over_all_namespaces(
    agents: httpx.AsyncClient, clock: FrozenClock
) -> None:
    capabilities = [{"name": "x"}, {"name": "y"}]
    await register(agents, "late", capabilities=capabilities)
    await register(agents, "quit", status="offline")
    await clock.advance(60.1)
    await agents.post("/agents/quit/heartbeat")
    await register(agents, "a", capabilities=capabilities)
    await register(agents, "tool", kind="tool")
    body = {"agent_id": "b", "agent_name": "b", "base_url": "http://a:1", "status": "busy"}
    await agents.post("/register?namespace=team", json=body)
    samples = await scrape(agents)
    total = "agent_registry_agents_total"
    assert {k: v for k, v in samples.items() if k[0] == total} == {
        (total, "active"): 1,
        (total, "busy"): 1,
        (total, "degraded"): 0,
        (total, "unhealthy"): 0,
        (total, "offline"): 2,
        (total, "suspect"): 0,
    }
    assert samples["agent_registry_capabilities_total", ""] == 4
    # Whoever reports itself offline has missed nothing.
    assert samples["agent_registry_stale_agents_total", ""] == 1
    await agents.post("/agents/late/heartbeat")
    assert (await scrape(agents))["agent_registry_stale_agents_total", ""] == 0


async def test_heartbeats_and_searches_are_counted_by_label(agents: httpx.AsyncClient) -> None:
    await register(agents, "a")
    for _ in range(3):
        await agents.post("/agents/a/heartbeat")
    await agents.post("/agents/nobody/heartbeat")
    await agents.post("/heartbeats", json={"agent_ids": ["a"]})
    for text in ("Python", "python ", "security"):
        await agents.get("/capabilities/search", params={"q": text})
    samples = await scrape(agents)
    latency = "agent_registry_heartbeat_latency_seconds_count"
    assert samples[latency, "a"] == 3
    assert samples[latency, BATCH] == 1
    assert (latency, "nobody") not in samples
    searches = "agent_registry_discovery_requests_total"
    assert (samples[searches, "python"], samples[searches, "security"]) == (2, 1)


async def test_labels_that_users_choose_are_bounded(registry: RegistryService) -> None:
    from prometheus_client import CollectorRegistry

    metrics = AgentRegistryMetrics(registry, cap=2)
    exposed = CollectorRegistry(auto_describe=True)
    metrics.register(exposed)
    for number in range(50):
        metrics.heartbeat(f"agent-{number}", 0.001)
        metrics.search(f"word {number}")
    families = {family.name: family for family in exposed.collect()}
    for name, label in (
        ("agent_registry_heartbeat_latency_seconds", "agent_id"),
        ("agent_registry_discovery_requests", "capability"),
    ):
        values = {sample.labels[label] for sample in families[name].samples}
        assert len(values) == 3
        assert OTHER in values


async def test_all_five_are_there_before_anything_happened(registry: RegistryService) -> None:
    from prometheus_client import CollectorRegistry

    exposed = CollectorRegistry(auto_describe=True)
    AgentRegistryMetrics(registry).register(exposed)
    assert {family.name for family in exposed.collect()} == {
        "agent_registry_agents_total",
        "agent_registry_capabilities_total",
        "agent_registry_heartbeat_latency_seconds",
        "agent_registry_discovery_requests",
        "agent_registry_stale_agents_total",
    }
