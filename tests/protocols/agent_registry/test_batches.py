"""Many at once: registrations, heartbeats, whole runtimes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from rollcall.backends.records.inmemory import InMemoryStore
from rollcall.kernel.ids import RandomIds
from rollcall.protocols.agent_registry.module import module
from rollcall.registry.service import RegistryService
from rollcall.registry.store import Traits
from rollcall.testing.clock import FrozenClock
from rollcall.testing.faulty_store import FaultyStore, Refused


def agent(key: str, **fields: Any) -> dict[str, Any]:
    return {"agent_id": key, "agent_name": key, "base_url": "http://a:1", **fields}


async def statuses(agents: httpx.AsyncClient) -> dict[str, str]:
    return {one["agent_id"]: one["status"] for one in (await agents.get("/agents")).json()}


async def test_a_batch_registers_all_of_its_agents(agents: httpx.AsyncClient) -> None:
    batch = {"agents": [agent(f"a{number:03}") for number in range(100)]}
    answer = (await agents.post("/register/batch", json=batch)).json()
    assert (answer["registered"], answer["failed"]) == (100, 0)
    assert answer["results"][7] == {"agent_id": "a007", "status": "registered", "error": None}
    assert len(await statuses(agents)) == 100


@pytest.mark.parametrize(
    ("batch", "field"),
    [
        ([], "agents"),
        ([agent("a"), agent("b", base_url="nowhere")], "agents.1.base_url"),
        ([agent("a"), agent("a")], "agents.1.agent_id"),
        ([agent("a"), {"agent_id": "b"}], "agents.1.agent_name"),
        ([agent("a"), agent("../b")], "agents.1.agent_id"),
        ([agent(str(number)) for number in range(1001)], "agents"),
    ],
)
async def test_a_batch_that_cannot_be_read_writes_nothing(
    batch: list[dict[str, Any]], field: str, agents: httpx.AsyncClient
) -> None:
    answer = await agents.post("/register/batch", json={"agents": batch})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field
    assert await statuses(agents) == {}


async def test_one_request_renews_many_and_names_those_it_does_not_know(
    agents: httpx.AsyncClient, clock: FrozenClock
) -> None:
    await agents.post("/register/batch", json={"agents": [agent("a"), agent("b"), agent("c")]})
    await clock.advance(50)
    answer = await agents.post("/heartbeats", json={"agent_ids": ["a", "x", "b"]})
    assert answer.json() == {
        "status": "ok",
        "renewed": 2,
        "unknown": ["x"],
        "timestamp": "2025-06-15T15:07:30Z",
    }
    await clock.advance(20)
    assert await statuses(agents) == {"a": "active", "b": "active", "c": "offline"}


async def test_a_runtime_that_shares_a_lease_is_renewed_and_expires_as_one(
    agents: httpx.AsyncClient, clock: FrozenClock, registry: RegistryService
) -> None:
    shared = [agent(key, runtime="pod", lease="runtime") for key in "abc"]
    await agents.post("/register/batch", json={"agents": shared})
    await agents.post("/register", json=agent("d", runtime="pod", lease="runtime"))
    await clock.advance(50)
    answer = await agents.post("/heartbeats", json={"runtime": "pod"})
    assert answer.json()["renewed"] == 4
    await clock.advance(50)
    assert set((await statuses(agents)).values()) == {"active"}
    before = registry.state.revision
    await clock.advance(10.1)
    assert set((await statuses(agents)).values()) == {"offline"}
    assert registry.state.revision == before + 1
    await agents.post("/heartbeats", json={"runtime": "pod"})
    assert set((await statuses(agents)).values()) == {"active"}


async def test_to_register_again_revives_a_shared_lease(
    agents: httpx.AsyncClient, clock: FrozenClock
) -> None:
    one = agent("a", runtime="pod", lease="runtime")
    await agents.post("/register", json=one)
    await clock.advance(60.1)
    await agents.post("/register", json=one)
    assert await statuses(agents) == {"a": "active"}


async def test_a_runtime_of_agents_with_leases_of_their_own_is_renewed_too(
    agents: httpx.AsyncClient, clock: FrozenClock
) -> None:
    for key in "ab":
        await agents.post("/register", json=agent(key, runtime="pod"))
    await agents.post("/register", json=agent("c", runtime="other"))
    await clock.advance(50)
    assert (await agents.post("/heartbeats", json={"runtime": "pod"})).json()["renewed"] == 2
    await clock.advance(20)
    assert await statuses(agents) == {"a": "active", "b": "active", "c": "offline"}


async def test_a_runtime_that_leaves_takes_those_with_it_that_share_its_lease(
    agents: httpx.AsyncClient,
) -> None:
    await agents.post("/register", json=agent("a", runtime="pod", lease="runtime"))
    await agents.post("/register", json=agent("b", runtime="pod"))
    answer = await agents.delete("/runtimes/pod")
    assert (answer.status_code, answer.json()["status"]) == (200, "released")
    assert await statuses(agents) == {"b": "active"}
    again = await agents.delete("/runtimes/pod")
    assert (again.status_code, again.json()["lease_id"]) == (404, "pod")


async def test_a_runtime_that_nobody_knows_registers_again(agents: httpx.AsyncClient) -> None:
    answer = await agents.post("/heartbeats", json={"runtime": "gone"})
    assert (answer.status_code, answer.json()["lease_id"]) == (404, "gone")


@pytest.mark.parametrize(
    "body", [{}, {"agent_ids": []}, {"agent_ids": ["a"] * 10_001}, {"agent_ids": "a"}]
)
async def test_a_batch_of_heartbeats_names_somebody_and_not_too_many(
    body: dict[str, Any], agents: httpx.AsyncClient
) -> None:
    answer = await agents.post("/heartbeats", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "agent_ids"


class RemoteStore(InMemoryStore):
    """In memory, but to its users one that others share, and that they wait for."""

    traits = Traits(durable=True, shared=True)


@pytest.fixture
def faulty(clock: FrozenClock) -> FaultyStore:
    return FaultyStore(RemoteStore(clock, RandomIds()), clock)


@pytest_asyncio.fixture
async def over_faulty(
    faulty: FaultyStore,
    clock: FrozenClock,
    make_app: Callable[..., FastAPI],
    clients: Callable[[FastAPI], httpx.AsyncClient],
) -> AsyncIterator[httpx.AsyncClient]:
    service = RegistryService(faulty, clock=clock)
    await service.start()
    yield clients(make_app(module(service)))
    await service.stop()


async def test_while_the_store_is_away_writes_are_a_503_and_reads_and_heartbeats_go_on(
    over_faulty: httpx.AsyncClient, faulty: FaultyStore
) -> None:
    await over_faulty.post("/register", json=agent("a"))
    for path, body in (
        ("/register", agent("b")),
        ("/register/batch", {"agents": [agent("b"), agent("c")]}),
    ):
        faulty.faults.append(Refused())
        answer = await over_faulty.post(path, json=body)
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) >= 1
    assert (await over_faulty.post("/agents/a/heartbeat")).status_code == 200
    assert (await over_faulty.post("/heartbeats", json={"agent_ids": ["a"]})).status_code == 200
    assert await statuses(over_faulty) == {"a": "active"}
    health = (await over_faulty.get("/health")).json()
    assert (health["status"], health["failed"]) == ("degraded", ["store"])
