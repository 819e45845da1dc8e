"""How the protocols plug into an application: audit, description, health."""

from __future__ import annotations

import inspect
from typing import Any

import httpx
import pytest
from fastapi import APIRouter

from rollcall.backends.records.inmemory import InMemoryStore
from rollcall.kernel.ids import RandomIds
from rollcall.protocols.agent_registry import api as agent_api
from rollcall.protocols.agent_registry.module import module as agent_registry
from rollcall.protocols.service_registry import api as service_api
from rollcall.protocols.service_registry.module import module as service_registry
from rollcall.registry.service import RegistryService
from rollcall.testing.clock import FrozenClock
from rollcall.web.audit import InMemoryAuditLog
from rollcall.web.auth import OpenAccess
from rollcall.web.drain import Drain
from rollcall.web.module import Kit, Module, create_app

AGENT = {"agent_id": "a", "agent_name": "A", "base_url": "http://a:1"}
SERVICE = {"name": "s", "service_type": "tool", "host": "h", "port": 80}


@pytest.fixture
def audit() -> InMemoryAuditLog:
    return InMemoryAuditLog()


def connected(module: Module, clock: FrozenClock, audit: InMemoryAuditLog) -> httpx.AsyncClient:
    kit = Kit(module.name, "1", clock, RandomIds(), OpenAccess(), audit, Drain())
    transport = httpx.ASGITransport(create_app([module], kit))
    return httpx.AsyncClient(transport=transport, base_url="http://localhost")


async def test_writes_are_audited_by_what_they_are_about_and_heartbeats_are_not(
    registry: RegistryService, clock: FrozenClock, audit: InMemoryAuditLog
) -> None:
    async with connected(agent_registry(registry), clock, audit) as agents:
        await agents.post("/register", json=AGENT)
        await agents.post("/agents/a/heartbeat")
        await agents.post("/heartbeats", json={"agent_ids": ["a"]})
        await agents.post("/register/batch", json={"agents": [AGENT, {**AGENT, "agent_id": "b"}]})
        await agents.delete("/agents/a")
    async with connected(service_registry(registry, store="memory"), clock, audit) as services:
        answer = await services.post("/api/v1/register", json=SERVICE)
        key = answer.json()["service_id"]
        await services.post(f"/api/v1/heartbeat/{key}")
        await services.post("/api/v1/discover", json={})
    entries = reversed(await audit.entries("default"))
    assert [(entry.action, entry.subject) for entry in entries] == [
        ("POST /register", "a"),
        ("POST /register/batch", "a, b"),
        ("DELETE /agents/{agent_id}", "/agents/a"),
        ("POST /api/v1/register", key),
    ]


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        (
            "",
            {
                ("post", "/register"),
                ("post", "/register/batch"),
                ("post", "/heartbeats"),
                ("delete", "/runtimes/{runtime}"),
                ("get", "/agents"),
                ("post", "/agents/{agent_id}/heartbeat"),
                ("get", "/events"),
                ("get", "/sd/prometheus"),
                ("get", "/agents/{agent_id}/explain"),
                ("patch", "/agents/{agent_id}/status"),
                ("get", "/agents/{agent_id}"),
                ("patch", "/agents/{agent_id}"),
                ("delete", "/agents/{agent_id}"),
                ("get", "/capabilities/search"),
                ("get", "/health/{agent_id}"),
                ("get", "/stats"),
                ("get", "/health"),
                ("get", "/metrics"),
            },
        ),
        (
            "/api/v1",
            {
                ("get", "/api/v1/events"),
                ("get", "/sd/prometheus"),
                ("get", "/"),
                ("get", "/health"),
                ("get", "/metrics"),
                ("post", "/api/v1/register"),
                ("delete", "/api/v1/unregister/{service_id}"),
                ("put", "/api/v1/update/{service_id}"),
                ("get", "/api/v1/services/{service_id}"),
                ("get", "/api/v1/services/name/{name}"),
                ("post", "/api/v1/discover"),
                ("get", "/api/v1/discover"),
                ("post", "/api/v1/heartbeat/{service_id}"),
                ("get", "/api/v1/stats"),
                ("post", "/api/v1/cleanup"),
            },
        ),
    ],
)
async def test_the_description_has_every_endpoint_of_the_contract(
    prefix: str,
    expected: set[tuple[str, str]],
    registry: RegistryService,
    clock: FrozenClock,
    audit: InMemoryAuditLog,
) -> None:
    module = service_registry(registry, store="memory") if prefix else agent_registry(registry)
    async with connected(module, clock, audit) as client:
        paths: dict[str, dict[str, Any]] = (await client.get("/openapi.json")).json()["paths"]
    assert {(method, path) for path, item in paths.items() for method in item} == expected


@pytest.mark.parametrize("store", ["memory", "zookeeper"])
async def test_health_speaks_of_zookeeper_only_where_that_is_the_store(
    store: str, registry: RegistryService, clock: FrozenClock, audit: InMemoryAuditLog
) -> None:
    async with connected(service_registry(registry, store=store), clock, audit) as services:
        health = (await services.get("/health")).json()
    assert health["zookeeper_connected"] is (True if store == "zookeeper" else None)


def test_no_handler_is_longer_than_ten_lines(clock: FrozenClock) -> None:
    service = RegistryService(InMemoryStore(clock, RandomIds()), clock=clock)
    modules = agent_registry(service), service_registry(service, store="memory")
    routers: list[APIRouter] = [
        router for module in modules for router in (*module.routers, *module.public_routers)
    ]
    handlers = [route.endpoint for router in routers for route in router.routes]  # type: ignore[attr-defined]
    assert {one.__module__ for one in handlers} >= {agent_api.__name__, service_api.__name__}
    for handler in handlers:
        source = inspect.getsource(handler)
        body = source[source.index('"""') :].split('"""', 2)[2]
        assert len(body.strip().splitlines()) <= 10, handler.__name__
