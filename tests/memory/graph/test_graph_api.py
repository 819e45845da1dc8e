from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import pytest_asyncio

from rollcall.kernel.ids import RandomIds
from rollcall.kernel.services import ServiceRegistry
from rollcall.memory.extract_feed import EntityExtractor
from rollcall.memory.graph import KnowledgeGraph
from rollcall.memory.graph_api import PREFIX, graph_parts
from rollcall.testing.clock import FrozenClock
from rollcall.web.audit import InMemoryAuditLog
from rollcall.web.auth import OpenAccess
from rollcall.web.drain import Drain
from rollcall.web.module import Kit, Module, create_app
from support.graphs import DictMemories, knows, people


@pytest_asyncio.fixture
async def client(
    graph: KnowledgeGraph, memories: DictMemories, clock: FrozenClock
) -> AsyncIterator[httpx.AsyncClient]:
    parts = graph_parts(EntityExtractor(memories, graph))
    module = Module(
        "memory",
        routers=parts.routers,
        subscriptions=parts.subscriptions,
        problems=parts.problems,
    )
    services = ServiceRegistry()
    services.register("knowledge_graph", graph)
    kit = Kit(
        "memory",
        "1",
        clock,
        RandomIds(),
        OpenAccess(),
        InMemoryAuditLog(),
        Drain(),
        services=services,
    )
    transport = httpx.ASGITransport(create_app([module], kit))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


@pytest_asyncio.fixture
async def ids(graph: KnowledgeGraph, memories: DictMemories) -> dict[str, str]:
    """Ann knows Bob, who knows Cy; Dee belongs to somebody else. Their ids."""
    memories.put("mem_1", user_id="u1")
    memories.put("mem_2", user_id="u2")
    added = [
        *await graph.add_entities(
            "mem_1", people("Ann", "Bob", "Cy"), knows(("Ann", "Bob"), ("Bob", "Cy"))
        ),
        *await graph.add_entities("mem_2", people("Dee")),
    ]
    return {one["name"]: one["id"] for one in added}


async def told(client: httpx.AsyncClient, path: str, **asked: Any) -> Any:
    answer = await client.get(PREFIX + path, params=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_entities_are_listed_by_page(client: httpx.AsyncClient, ids: dict[str, str]) -> None:
    names: list[str] = []
    url = f"{PREFIX}/entities?limit=3"
    while url:
        answer = await client.get(url)
        assert answer.status_code == 200
        names += [one["name"] for one in answer.json()]
        url = answer.links.get("next", {}).get("url", "")
    assert names == ["Ann", "Bob", "Cy", "Dee"]


async def test_entities_are_filtered(client: httpx.AsyncClient, ids: dict[str, str]) -> None:
    found = await told(client, "/entities", user_id="u1", name="b", type="Person")
    (bob,) = found
    assert bob["id"] == ids["Bob"]
    assert set(bob) >= {"id", "name", "type", "attributes", "source_memory_id", "confidence"}
    assert await told(client, "/entities", type="place") == []
    assert await told(client, "/entities", as_of="2001-01-01T00:00:00Z") == []


async def test_an_entity_its_neighbours_and_a_path_are_shown(
    client: httpx.AsyncClient, ids: dict[str, str]
) -> None:
    detail = await told(client, f"/entities/{ids['Ann']}")
    assert detail["facts"][0]["source_memory_id"] == "mem_1"
    around = await told(client, f"/entities/{ids['Ann']}/neighbours", depth=2)
    assert [(one["entity"]["name"], one["depth"]) for one in around["neighbours"]] == [
        ("Bob", 1),
        ("Cy", 2),
    ]
    path = await told(client, "/path", **{"from": ids["Cy"], "to": ids["Ann"]})
    assert [one["name"] for one in path["entities"]] == ["Cy", "Bob", "Ann"]
    assert path["length"] == len(path["relationships"]) == 2


async def test_entities_are_merged_and_split(
    client: httpx.AsyncClient, ids: dict[str, str]
) -> None:
    url = f"{PREFIX}/entities/{ids['Ann']}"
    answer = await client.post(f"{url}/merge", json={"entity_id": ids["Cy"]})
    assert answer.status_code == 200
    assert answer.json()["merged"] == [ids["Cy"]]
    again = await client.post(f"{url}/merge", json={"entity_id": ids["Cy"]})
    assert (again.status_code, again.json()["type"]) == (409, "urn:rollcall:problem:not-mergeable")
    split = await client.post(f"{PREFIX}/entities/{ids['Cy']}/split")
    assert split.json()["entity"]["name"] == "Cy"


async def test_the_graph_is_exported_within_the_filters(
    client: httpx.AsyncClient, ids: dict[str, str]
) -> None:
    for shape, media in (
        ("json", "application/json"),
        ("graphml", "application/xml"),
        ("mermaid", "text/vnd.mermaid; charset=utf-8"),
    ):
        answer = await client.get(f"{PREFIX}/export", params={"format": shape, "user_id": "u1"})
        assert answer.headers["content-type"] == media
        assert ids["Bob"] in answer.text
        assert ids["Dee"] not in answer.text
    whole = json.loads((await client.get(f"{PREFIX}/export")).text)
    assert (len(whole["entities"]), len(whole["relationships"])) == (4, 2)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/entities/ent_0", 404),
        ("/entities/ent_0/neighbours", 404),
        ("/path?from=ent_0&to=ent_1", 404),
        ("/path?from=ent_0", 422),
        ("/entities?limit=0", 422),
        ("/entities?cursor=x", 422),
        ("/entities?cursor=WyIAIiwieCJd", 422),
        ("/entities?user_id=%00", 422),
        ("/entities?name=%00", 422),
        ("/entities?type=%E2%80%AE", 422),
        ("/entities?colour=red", 422),
        ("/entities?as_of=yesterday", 422),
        ("/entities?as_of=2024-01-01T00:00:00", 422),
        ("/entities/ent_0/neighbours?depth=6", 422),
        ("/entities/ent_0/neighbours?depth=99999999999999999999", 422),
        ("/entities/" + quote("ent\0", safe=""), 422),
        ("/entities/" + "x" * 200, 422),
        ("/export?format=exe", 422),
    ],
)
async def test_what_cannot_be_is_a_problem_of_the_caller(
    client: httpx.AsyncClient, path: str, status: int
) -> None:
    answer = await client.get(PREFIX + path)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "body", [{}, {"entity_id": 1}, {"entity_id": "a\0"}, {"entity_id": "a", "x": 1}, []]
)
async def test_a_merge_with_nothing_that_can_be_is_refused(
    client: httpx.AsyncClient, ids: dict[str, str], body: object
) -> None:
    answer = await client.post(f"{PREFIX}/entities/{ids['Ann']}/merge", json=body)
    assert answer.status_code == 422, answer.text
