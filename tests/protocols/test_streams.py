# SPDX-License-Identifier: Apache-2.0
"""What happens, as server-sent events, on both protocols."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from rollcall.protocols.streams import EventLines, Following, subscribed
from rollcall.registry.service import RegistryService
from rollcall.web.sse import ServerEvent

CARD = {
    "agent_id": "writer",
    "agent_name": "Writer",
    "base_url": "http://10.0.0.7:9000",
    "capabilities": [{"name": "writing", "description": "Writes letters"}],
}
TOOL = {"name": "calc", "service_type": "tool", "host": "10.0.0.8", "port": 3006}


def parsed(text: str) -> list[tuple[str, str | None, dict[str, Any]]]:
    """Events as (type, id, data)."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        if "data" in fields:
            found.append((fields["event"], fields.get("id"), json.loads(fields["data"])))
    return found


async def beginning(registry: RegistryService) -> str:
    return f"{registry.feed.epoch}:0:-1"


async def test_what_happened_since_an_event_is_told_in_order(
    agents: httpx.AsyncClient, registry: RegistryService
) -> None:
    first = await beginning(registry)
    await agents.post("/register", json=CARD)
    await agents.patch("/agents/writer/status", json={"status": "busy"})
    await agents.delete("/agents/writer")

    answer = await agents.get("/events?follow=false", headers={"Last-Event-ID": first})

    assert answer.headers["content-type"].startswith("text/event-stream")
    told = parsed(answer.text)
    assert [name for name, _, _ in told] == ["registered", "status_changed", "deregistered"]
    changed = told[1][2]
    assert (changed["record_id"], changed["old"], changed["new"]) == ("writer", "active", "busy")
    assert changed["kind"] == "agent"


async def test_one_goes_on_behind_any_event_without_a_gap_or_a_double(
    agents: httpx.AsyncClient, registry: RegistryService
) -> None:
    first = await beginning(registry)
    for number in range(4):
        await agents.post("/register", json=CARD | {"agent_id": f"a{number}"})
    url = "/events?follow=false"
    everything = parsed((await agents.get(url, headers={"Last-Event-ID": first})).text)
    assert len(everything) == 4
    for place, (_, event_id, _) in enumerate(everything):
        rest = parsed((await agents.get(f"{url}&last_event_id={event_id}")).text)
        assert rest == everything[place + 1 :]


async def test_of_another_history_nothing_can_be_gone_on_behind(
    agents: httpx.AsyncClient,
) -> None:
    answer = await agents.get("/events", headers={"Last-Event-ID": "elsewhere:3:0"})
    assert answer.status_code == 410
    assert answer.json()["type"].endswith(":compacted")


async def test_an_id_that_is_none_of_ours_is_refused(agents: httpx.AsyncClient) -> None:
    answer = await agents.get("/events", headers={"Last-Event-ID": "yesterday"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "Last-Event-ID"


async def test_events_are_chosen_by_type_kind_and_record(
    agents: httpx.AsyncClient, services: httpx.AsyncClient, registry: RegistryService
) -> None:
    first = await beginning(registry)
    await agents.post("/register", json=CARD)
    await services.post("/api/v1/register", json=TOOL)
    await agents.patch("/agents/writer/status", json={"status": "busy"})

    async def ids(client: httpx.AsyncClient, query: str) -> list[str]:
        answer = await client.get(query, headers={"Last-Event-ID": first})
        return [f"{name} {data['name']}" for name, _, data in parsed(answer.text)]

    url = "/events?follow=false"
    assert await ids(agents, f"{url}&kind=tool") == ["registered calc"]
    assert await ids(agents, f"{url}&type=status_changed") == ["status_changed Writer"]
    assert len(await ids(agents, f"{url}&record_id=writer")) == 2
    assert len(await ids(agents, url)) == 3
    assert await ids(services, f"/api/v1{url}&service_type=tool") == ["registered calc"]
    assert len(await ids(services, f"/api/v1{url}")) == 3


async def test_a_question_begins_with_its_answer(
    agents: httpx.AsyncClient, services: httpx.AsyncClient
) -> None:
    await agents.post("/register", json=CARD)
    await services.post("/api/v1/register", json=TOOL)

    answer = await agents.get("/events?watch=true&follow=false&q=letters")
    assert [(name, data["record_id"]) for name, _, data in parsed(answer.text)] == [
        ("present", "writer")
    ]
    answer = await services.get("/api/v1/events?watch=true&follow=false&service_type=tool")
    assert [(name, data["name"]) for name, _, data in parsed(answer.text)] == [("present", "calc")]


async def test_a_question_by_meaning_cannot_be_watched(agents: httpx.AsyncClient) -> None:
    answer = await agents.get("/events?watch=true&match=semantic&q=x")
    assert answer.status_code == 422


@pytest.mark.parametrize("subscribers", [1, 256])
async def test_an_event_is_encoded_once_for_all_who_read_it(
    subscribers: int, registry: RegistryService, agents: httpx.AsyncClient
) -> None:
    lines = EventLines()
    readers: list[AsyncIterator[ServerEvent]] = [
        subscribed(registry, lines, "default", Following(), None) for _ in range(subscribers)
    ]
    for number in range(10):
        await agents.post("/register", json=CARD | {"agent_id": f"a{number}"})
    for reader in readers:
        assert [(await anext(reader)).event for _ in range(10)] == ["registered"] * 10
    assert lines.encodings == 10
