"""Lists of agents: filters, pages, order."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from rollcall.testing.clock import FrozenClock


async def register(agents: httpx.AsyncClient, key: str, **fields: Any) -> None:
    agent = {"agent_id": key, "agent_name": key.upper(), "base_url": "http://a:1", **fields}
    answer = await agents.post("/register", json=agent)
    assert answer.status_code == 200, answer.text


async def ids(agents: httpx.AsyncClient, **params: Any) -> list[str]:
    answer = await agents.get("/agents", params=params)
    assert answer.status_code == 200, answer.text
    return [agent["agent_id"] for agent in answer.json()]


@pytest.fixture
async def fleet(agents: httpx.AsyncClient, clock: FrozenClock) -> httpx.AsyncClient:
    await register(agents, "late")
    await clock.advance(60.1)
    capability = {"name": "x", "tags": ["Fast"]}
    await register(agents, "busy", status="busy", tags=["gpu"], metadata={"region": "eu", "n": 8})
    await register(agents, "able", capabilities=[capability], tags=["gpu"], runtime="pod")
    await register(agents, "tool", kind="tool", metadata={"region": "eu"})
    return agents


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, ["able", "busy", "late"]),
        ({"status": "active"}, ["able"]),
        ({"status": ["busy", "offline"]}, ["busy", "late"]),
        ({"status": "suspect"}, []),
        ({"kind": "tool"}, ["tool"]),
        ({"kind": ["agent", "tool"]}, ["able", "busy", "late", "tool"]),
        ({"kind": "any", "metadata": "region:eu"}, ["busy", "tool"]),
        ({"tags": "GPU"}, ["able", "busy"]),
        ({"tags": ["gpu", "fast"]}, ["able"]),
        ({"metadata": ["region:eu", "n:8"]}, ["busy"]),
        ({"metadata": 'n:"8"'}, []),
        ({"runtime": "pod"}, ["able"]),
        ({"namespace": "elsewhere"}, []),
    ],
)
async def test_a_list_has_whoever_passes_all_filters_by_name(
    params: dict[str, Any], expected: list[str], fleet: httpx.AsyncClient
) -> None:
    assert await ids(fleet, **params) == expected


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"status": "healthy"}, "status.0"),
        ({"kind": "robot"}, "kind.0"),
        ({"metadata": "region"}, "metadata.0"),
        ({"limit": "0"}, "limit"),
        ({"limit": "10001"}, "limit"),
        ({"cursor": "zzz"}, "cursor"),
        ({"statuss": "active"}, "statuss"),
        ({"namespace": "\0"}, "namespace"),
        ({"tags": ["x"] * 33}, "tags"),
    ],
)
async def test_a_filter_that_cannot_be_read_is_refused_by_its_name(
    params: dict[str, Any], field: str, fleet: httpx.AsyncClient
) -> None:
    answer = await fleet.get("/agents", params=params)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field


async def test_pages_follow_each_other_by_link_though_agents_come_and_go(
    agents: httpx.AsyncClient,
) -> None:
    for key in "abcdefg":
        await register(agents, key)
    first = await agents.get("/agents", params={"limit": 3, "status": "active"})
    assert [agent["agent_id"] for agent in first.json()] == ["a", "b", "c"]
    await agents.delete("/agents/c")
    await agents.delete("/agents/d")
    await register(agents, "b2")
    second = await agents.get(first.links["next"]["url"])
    assert [agent["agent_id"] for agent in second.json()] == ["e", "f", "g"]
    assert "Link" not in second.headers


async def test_agents_of_one_name_are_all_on_some_page(agents: httpx.AsyncClient) -> None:
    for key in "cab":
        await register(agents, key, agent_name="twin")
    first = await agents.get("/agents?limit=2")
    second = await agents.get(first.links["next"]["url"])
    seen = [agent["agent_id"] for agent in (*first.json(), *second.json())]
    assert seen == ["a", "b", "c"]


async def test_namespaces_do_not_see_each_other(agents: httpx.AsyncClient) -> None:
    await register(agents, "a")
    body = {"agent_id": "a", "agent_name": "other", "base_url": "http://a:1"}
    await agents.post("/register?namespace=team", json=body)
    assert await ids(agents, namespace="team") == ["a"]
    assert (await agents.get("/agents/a")).json()["agent_name"] == "A"
    assert (await agents.get("/agents/a?namespace=team")).json()["agent_name"] == "other"
    await agents.delete("/agents/a?namespace=team")
    assert await ids(agents) == ["a"]
