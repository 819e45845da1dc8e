"""Searches by capability, and why somebody is or is not found."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from rollcall.registry.service import RegistryService
from rollcall.testing.clock import FrozenClock


def capability(name: str, description: str = "", *tags: str) -> dict[str, Any]:
    return {"name": name, "description": description, "tags": list(tags)}


@pytest.fixture
async def fleet(agents: httpx.AsyncClient, clock: FrozenClock) -> httpx.AsyncClient:
    async def register(key: str, *capabilities: dict[str, Any], **fields: Any) -> None:
        agent = {"agent_id": key, "agent_name": key, "base_url": f"http://{key}:1"}
        answer = await agents.post(
            "/register", json={**agent, "capabilities": capabilities, **fields}
        )
        assert answer.status_code == 200, answer.text

    await register("late", capability("code review"))
    await clock.advance(60.1)
    await register(
        "dev",
        {**capability("code generation", "Writes Python", "python"), "cost_estimate": "cheap"},
        capability("code review", "Reads code"),
    )
    await register("auditor", capability("security scanning", "Looks at code"), status="busy")
    await register("linter", capability("code style"), kind="tool")
    return agents


async def rows(agents: httpx.AsyncClient, **params: Any) -> list[dict[str, Any]]:
    answer = await agents.get("/capabilities/search", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def found(agents: httpx.AsyncClient, **params: Any) -> list[tuple[str, str]]:
    return [(row["agent_id"], row["capability"]) for row in await rows(agents, **params)]


async def test_a_row_says_what_was_found_and_how_well(fleet: httpx.AsyncClient) -> None:
    (row,) = await rows(fleet, q="Code Generation")
    assert row == {
        "agent_id": "dev",
        "agent_name": "dev",
        "capability": "code generation",
        "description": "Writes Python",
        "base_url": "http://dev:1",
        "tags": ["python"],
        "status": "active",
        "cost_estimate": "cheap",
        "score": 1.0,
        "reason": "exact",
        "detail": "",
        "explanation": None,
    }


async def test_rows_are_capabilities_best_first_and_the_well_before_others(
    fleet: httpx.AsyncClient,
) -> None:
    assert await found(fleet, q="code review") == [("dev", "code review"), ("late", "code review")]
    scores = [row["score"] for row in await rows(fleet, q="code")]
    assert scores == sorted(scores, reverse=True)
    assert len(scores) == 4


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"q": "python"}, [("dev", "code generation")]),
        ({"q": "secur"}, [("auditor", "security scanning")]),
        ({"q": "code", "status": "busy"}, [("auditor", "security scanning")]),
        ({"q": "code review", "limit": 1}, [("dev", "code review")]),
        ({"q": "code", "kind": "tool"}, [("linter", "code style")]),
        ({"q": "code", "tags": "python"}, [("dev", "code generation"), ("dev", "code review")]),
        ({"q": "juggling"}, []),
        ({"q": "code", "namespace": "elsewhere"}, []),
    ],
)
async def test_a_search_finds_by_words_and_filters(
    params: dict[str, Any], expected: list[tuple[str, str]], fleet: httpx.AsyncClient
) -> None:
    assert await found(fleet, **params) == expected


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({}, "q"),
        ({"q": ""}, "q"),
        ({"q": "  "}, "q"),
        ({"q": "a\0"}, "q"),
        ({"q": "x" * 1001}, "q"),
        ({"q": "x", "limit": 0}, "limit"),
        ({"q": "x", "match": "magic"}, "match"),
    ],
)
async def test_a_search_that_cannot_be_made_is_refused_by_its_parameter(
    params: dict[str, Any], field: str, fleet: httpx.AsyncClient
) -> None:
    answer = await fleet.get("/capabilities/search", params=params)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field


@pytest.mark.parametrize("match", ["semantic", "auto"])
async def test_meaning_without_an_encoder_says_what_to_install(
    match: str, fleet: httpx.AsyncClient
) -> None:
    answer = await fleet.get("/capabilities/search", params={"q": "juggling", "match": match})
    assert (answer.status_code, answer.json()["extra"]) == (501, "semantic")


async def test_what_found_nothing_is_unmet_demand(
    fleet: httpx.AsyncClient, registry: RegistryService
) -> None:
    await rows(fleet, q="Juggling")
    (wish,) = registry.demand.top()
    assert (wish.text, wish.namespace) == ("juggling", "default")


async def test_each_row_is_explained_where_that_is_asked_for(fleet: httpx.AsyncClient) -> None:
    first, second = await rows(fleet, q="code review", explain=True)
    why = first["explanation"]
    assert (why["agent_id"], why["found"], why["rank"]) == ("dev", True, 1)
    assert [rule["name"] for rule in why["rules"]] == ["q", "kind"]
    assert all(rule["passed"] for rule in why["rules"])
    assert second["explanation"]["rank"] == 2
    assert second["explanation"]["evidence"]["lease"]["phase"] == "offline"


async def test_an_agent_that_was_hidden_learns_by_which_rule(fleet: httpx.AsyncClient) -> None:
    answer = await fleet.get("/agents/late/explain", params={"q": "review", "status": "active"})
    why = answer.json()
    assert (why["found"], why["rank"], why["status"]) == (False, None, "offline")
    assert [(rule["name"], rule["passed"]) for rule in why["rules"]] == [
        ("q", True),
        ("status", False),
        ("kind", True),
    ]
    seen = (await fleet.get("/agents/dev/explain", params={"q": "review"})).json()
    assert (seen["found"], seen["rank"]) == (True, 2)
