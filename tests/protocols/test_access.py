"""With keys: scopes, namespaces, and records that belong to whoever registered them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from msgspec.structs import replace

from rollcall.kernel.caller import ADMIN, READ, REGISTER, Caller, NotPermitted
from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.ids import RandomIds
from rollcall.protocols.access import LOCAL, guard_for, namespace_for, owner_of
from rollcall.protocols.agent_registry.module import module as agent_registry
from rollcall.protocols.service_registry.module import module as service_registry
from rollcall.registry.service import RegistryService
from rollcall.testing.clock import FrozenClock
from rollcall.testing.store_contract.case import record
from rollcall.web.auth import BearerAccess
from rollcall.web.keys import InMemoryKeyStore, draw_key

AGENT: dict[str, Any] = {
    "agent_id": "a",
    "agent_name": "A",
    "base_url": "http://a:1",
    "runtime": "pod",
    "lease": "runtime",
}
SERVICE: dict[str, Any] = {"name": "s", "service_type": "tool", "host": "h", "port": 80}

Bearer = dict[str, str]


@pytest.fixture
def keys() -> InMemoryKeyStore:
    return InMemoryKeyStore()


@pytest.fixture
def bearer(keys: InMemoryKeyStore, clock: FrozenClock) -> Callable[..., Any]:
    async def bearer(scope: str, namespace: str = "default") -> Bearer:
        key, text = draw_key(
            RandomIds(), clock, name=scope, namespace=namespace, scopes=frozenset({scope})
        )
        await keys.add(key)
        return {"Authorization": f"Bearer {text}"}

    return bearer


@pytest.fixture
def locked(
    keys: InMemoryKeyStore,
    registry: RegistryService,
    clock: FrozenClock,
    make_app: Callable[..., FastAPI],
    clients: Callable[[FastAPI], httpx.AsyncClient],
) -> tuple[httpx.AsyncClient, httpx.AsyncClient]:
    """Document 2 and document 1, with keys."""
    access = BearerAccess(keys, clock)
    modules = agent_registry(registry), service_registry(registry, store="memory")
    agents, services = (clients(make_app(one, access)) for one in modules)
    return agents, services


async def test_a_record_is_changed_by_the_key_that_registered_it_or_an_admin_only(
    locked: tuple[httpx.AsyncClient, httpx.AsyncClient], bearer: Callable[..., Any]
) -> None:
    agents, services = locked
    mine, other, admin = await bearer(REGISTER), await bearer(REGISTER), await bearer(ADMIN)
    assert (await agents.post("/register", json=AGENT, headers=mine)).status_code == 200
    answer = await services.post("/api/v1/register", json=SERVICE, headers=mine)
    key = answer.json()["service_id"]
    writes: list[tuple[httpx.AsyncClient, str, str, dict[str, Any] | None]] = [
        (agents, "POST", "/register", AGENT),
        (agents, "POST", "/agents/a/heartbeat", None),
        (agents, "POST", "/heartbeats", {"agent_ids": ["x", "a"]}),
        (agents, "POST", "/heartbeats", {"runtime": "pod"}),
        (agents, "PATCH", "/agents/a", {"version": "2"}),
        (agents, "PATCH", "/agents/a/status", {"status": "busy"}),
        (services, "POST", "/api/v1/register", SERVICE),
        (services, "POST", f"/api/v1/heartbeat/{key}", None),
        (services, "PUT", f"/api/v1/update/{key}", {"status": "healthy"}),
        (services, "DELETE", f"/api/v1/unregister/{key}", None),
        (agents, "DELETE", "/runtimes/pod", None),
    ]
    for client, method, path, body in writes:
        answer = await client.request(method, path, json=body, headers=other)
        assert answer.status_code == 403, (method, path, answer.text)
    stowaway = {**AGENT, "agent_id": "c"}
    batch = {"agents": [AGENT, {**AGENT, "agent_id": "b", "runtime": "another"}, stowaway]}
    outcome = (await agents.post("/register/batch", json=batch, headers=other)).json()
    assert [one["status"] for one in outcome["results"]] == [*("failed", "registered", "failed")]
    await agents.delete("/agents/b", headers=other)
    for headers in (mine, admin):
        for client, method, path, body in writes[:9]:
            answer = await client.request(method, path, json=body, headers=headers)
            assert answer.status_code == 200, (method, path, answer.text)
    assert (await agents.delete("/agents/a", headers=other)).status_code == 403
    assert (await agents.delete("/runtimes/pod", headers=admin)).status_code == 200


async def test_to_take_over_a_record_by_an_admin_key_makes_it_the_admins(
    locked: tuple[httpx.AsyncClient, httpx.AsyncClient],
    bearer: Callable[..., Any],
    registry: RegistryService,
) -> None:
    agents, _ = locked
    mine, admin = await bearer(REGISTER), await bearer(ADMIN)
    await agents.post("/register", json=AGENT, headers=mine)
    first = registry.get("default", "a").record.owner
    await agents.patch("/agents/a", json={"version": "2"}, headers=admin)
    assert registry.get("default", "a").record.owner == first
    await agents.post("/register", json=AGENT, headers=admin)
    assert registry.get("default", "a").record.owner not in ("", first)


async def test_scopes_open_what_they_say(
    locked: tuple[httpx.AsyncClient, httpx.AsyncClient], bearer: Callable[..., Any]
) -> None:
    agents, services = locked
    reader, writer, admin = await bearer(READ), await bearer(REGISTER), await bearer(ADMIN)
    for path in ("/agents", "/stats", "/capabilities/search?q=x"):
        assert (await agents.get(path)).status_code == 401
        assert (await agents.get(path, headers=reader)).status_code == 200
    assert (await agents.post("/register", json=AGENT, headers=reader)).status_code == 403
    assert (await services.post("/api/v1/discover", json={}, headers=reader)).status_code == 200
    for headers, status in ((reader, 403), (writer, 403), (admin, 200)):
        answer = await services.post("/api/v1/cleanup", headers=headers)
        assert answer.status_code == status
    for path in ("/", "/health", "/api/v1/health"):
        assert (await services.get(path)).status_code == 200


async def test_a_key_sees_its_own_namespace_alone(
    locked: tuple[httpx.AsyncClient, httpx.AsyncClient], bearer: Callable[..., Any]
) -> None:
    agents, services = locked
    mine, other = await bearer(ADMIN, "mine"), await bearer(ADMIN, "other")
    await agents.post("/register", json=AGENT, headers=mine)
    assert (await agents.get("/agents", headers=other)).json() == []
    assert (await agents.get("/agents/a", headers=other)).status_code == 404
    for client, path in ((agents, "/agents"), (agents, "/stats"), (services, "/api/v1/discover")):
        answer = await client.get(path, params={"namespace": "mine"}, headers=other)
        assert answer.status_code == 403
        answer = await client.get(path, params={"namespace": "mine"}, headers=mine)
        assert answer.status_code == 200
    answer = await agents.post("/register?namespace=mine", json=AGENT, headers=other)
    assert answer.status_code == 403


def test_at_the_machine_itself_any_namespace_will_do_that_is_a_name() -> None:
    local = Caller(LOCAL, "default", frozenset({ADMIN}))
    assert namespace_for(local, None) == "default"
    assert namespace_for(local, "team") == "team"
    assert owner_of(local) == ""
    for name in ("", " ", "a\0", "x" * 257):
        with pytest.raises(InvalidInput):
            namespace_for(local, name)


def test_a_record_of_nobodys_may_be_changed_by_anybody() -> None:
    guard = guard_for(Caller("key:1", "default", frozenset({REGISTER})))
    guard(record())
    with pytest.raises(NotPermitted):
        guard_for(Caller("key:1", "default", frozenset({REGISTER})))(
            replace(record(), owner="key:2")
        )
