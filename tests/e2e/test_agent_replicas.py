# SPDX-License-Identifier: Apache-2.0
"""Two replicas of the agent service on one PostgreSQL: either answers for both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from rollcall.testing.scripted_model import Call, Says, ScriptedModel
from rollcall.testing.scripted_model.script import Request
from support.modelled import MODEL, PATIENCE, Talk, told_of_turns
from support.servers.ports import free_ports
from support.servers.postgres import Postgres
from support.serving import Serving, eventually, serving
from support.sse import Stream

pytestmark = pytest.mark.server

TAKEN_OVER = 60.0
"""Seconds in which others take over from a replica that was killed; 15 of them it is waited for."""
HANDED_OVER = 12.0
"""Seconds in which they take over from one that ends as it should: nobody waits for its silence."""


@dataclass
class House:
    """A registry, tools and agents, each a process of its own, and what they share."""

    folder: Path
    stack: ExitStack
    database: str
    model: int
    registry: Serving

    def agent(self, name: str) -> Serving:
        """Start one more replica of the agent service, and wait until it knows the tools."""
        one = self._start(name, "agent")
        eventually('"calculate"', f"{one.talk}/api/v1/tools")
        return one

    def _start(self, name: str, service: str) -> Serving:
        told = {
            "PORT": "0",
            "ROLLCALL_STORE": self.database,
            "SERVICE_REGISTRY_URL": self.registry.services,
            "ROLLCALL_MODEL": MODEL,
            "ROLLCALL_MODEL_URL": f"http://127.0.0.1:{self.model}/v1",
        }
        return self.stack.enter_context(serving(self.folder / name, "serve", service, **told))

    def tools(self) -> None:
        self._start("tools", "tools")


@pytest.fixture(scope="module")
def house(
    tmp_path_factory: pytest.TempPathFactory, postgres: Postgres, template: str
) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("replicas")
    url = postgres.create("agent_replicas", template)
    with ExitStack() as stack:
        registry = stack.enter_context(
            serving(folder / "registry", "serve", "service-registry", PORT="0", ROLLCALL_STORE=url)
        )
        made = House(folder, stack, url, free_ports(1)[0], registry)
        made.tools()
        yield made


@pytest.fixture(scope="module")
def agents(house: House) -> list[Serving]:
    return [house.agent("one"), house.agent("two")]


@pytest_asyncio.fixture
async def model(house: House) -> AsyncIterator[ScriptedModel]:
    async with ScriptedModel(port=house.model) as one:
        yield one


@pytest_asyncio.fixture
async def talks(agents: list[Serving], model: ScriptedModel) -> AsyncIterator[list[Talk]]:
    """Somebody who talks with each replica."""
    async with AsyncExitStack() as stack:
        yield [await _talk(stack, one, model) for one in agents]


async def _talk(stack: AsyncExitStack, agent: Serving, model: ScriptedModel) -> Talk:
    client = httpx.AsyncClient(base_url=agent.talk, timeout=PATIENCE)
    return Talk(await stack.enter_async_context(client), model)


async def test_a_session_at_both_is_answered_in_its_order_with_its_history(
    talks: list[Talk], model: ScriptedModel
) -> None:
    words = [f"message {number}" for number in range(1, 13)]

    def said(request: Request) -> Says:
        return Says(f"answer to {request.told('user')[-1]}")

    model.script += [said] * len(words)
    places = [await talks[at % 2].begin("both", one) for at, one in enumerate(words)]
    # Each asked for at the replica that did not take it.
    turns = [await talks[(at + 1) % 2].ended(place) for at, place in enumerate(places)]

    assert [turn["number"] for turn in turns] == list(range(1, len(words) + 1))
    assert [turn["response"] for turn in turns] == [f"answer to {one}" for one in words]
    for before, request in enumerate(model.requests):
        assert request.told("user") == words[: before + 1]
        assert request.told("assistant") == [f"answer to {one}" for one in words[:before]]
    ends = [turn["finished_at"] for turn in turns]
    assert ends == sorted(ends)


async def test_a_turn_is_followed_at_the_other_replica(
    talks: list[Talk], model: ScriptedModel
) -> None:
    here, there = talks
    more = asyncio.Event()
    model.script += [Says(Call("calculate", {"expression": "2 + 3"})), Says("It is", more, " 5.")]
    place = await here.begin("follow")
    await model.asked(2)
    async with there.client.stream("GET", f"{place}/events") as answer:
        stream = Stream(answer)
        told = await stream.take(2)
        assert [one.name for one in told] == ["accepted", "started"]
        more.set()
        while (event := await stream.next()) is not None:
            told.append(event)

    assert told[-1].name == "done"
    assert told[-1].data["response"] == "It is 5."
    assert (await there.ended(place))["tools_used"][0]["result"]["result"] == 5


async def test_a_turn_is_called_off_at_the_other_replica(
    talks: list[Talk], model: ScriptedModel
) -> None:
    here, there = talks
    model.script.append(Says("I have begun", asyncio.Event()))
    place = await here.begin("off")
    await model.asked(1)
    waiting = await here.begin("off", "And then?")

    done = await there.client.post("/api/v1/sessions/off/cancel")

    assert len(done.json()["turns"]) == 2
    for one in (place, waiting):
        assert (await here.ended(one))["status"] == "cancelled"
    await model.hung_up()
    assert len(model.requests) == 1


async def test_a_session_is_deleted_at_the_other_replica(
    talks: list[Talk], model: ScriptedModel
) -> None:
    here, there = talks
    model.script += [Says("First."), Says("I have begun", asyncio.Event()), Says("Anew.")]
    await here.say("deleted")
    place = await here.begin("deleted")
    await model.asked(2)

    done = await there.client.delete("/api/v1/sessions/deleted")

    assert done.json()["deleted_turns"] == 2
    assert (await here.client.get(place)).status_code == 404
    assert (await here.client.get("/api/v1/sessions/deleted")).status_code == 404
    again = (await here.say("deleted")).json()
    assert again["response"] == "Anew."
    assert len(model.last.told("user")) == 1


async def test_a_key_that_is_sent_to_both_at_once_is_one_turn(
    talks: list[Talk], model: ScriptedModel
) -> None:
    model.script += [Says(f"answer {number}") for number in range(8)]

    async def one(talk: Talk, number: int) -> httpx.Response:
        return await talk.say(f"key-{number}", idempotency_key=f"k-{number}")

    answers = await asyncio.gather(*(one(talk, number) for number in range(8) for talk in talks))

    for number in range(8):
        first, second = answers[2 * number : 2 * number + 2]
        assert (first.status_code, second.status_code) == (200, 200)
        assert first.json() == second.json()
        assert [one.headers.get("idempotency-replayed") for one in (first, second)].count(
            "true"
        ) == 1
    assert len(model.requests) == 8


async def test_a_session_is_listed_alike_at_both(talks: list[Talk], model: ScriptedModel) -> None:
    model.script.append(Says("Hello."))
    await talks[0].say("listed")

    listed = [(await talk.client.get("/api/v1/sessions/listed")).json() for talk in talks]

    assert listed[0] == listed[1]


async def test_a_replica_that_is_killed_is_taken_over(
    house: House, talks: list[Talk], model: ScriptedModel
) -> None:
    victim = await asyncio.to_thread(house.agent, "victim")
    async with AsyncExitStack() as stack:
        here, there = await _talk(stack, victim, model), talks[0]
        model.script += [
            Says("I have begun", asyncio.Event()),
            Says("Second."),
            Says("Third."),
            Says("Elsewhere."),
        ]
        first = await here.begin("killed", "one")
        await model.asked(1)
        second = await here.begin("killed", "two")
        third = await there.begin("killed", "three")

        await asyncio.to_thread(victim.kill)
        async with asyncio.timeout(TAKEN_OVER):
            ended = [await there.ended(place) for place in (first, second, third)]

    assert [one["status"] for one in ended] == ["failed", "answered", "answered"]
    assert ended[0]["error_type"] == "interrupted"
    assert [one["response"] for one in ended[1:]] == ["Second.", "Third."]
    assert (await there.say("killed", "four")).json()["response"] == "Elsewhere."
    assert model.last.told("user") == ["two", "three", "four"]


async def test_a_replica_that_ends_hands_over_what_waits(
    house: House, talks: list[Talk], model: ScriptedModel
) -> None:
    leaving = await asyncio.to_thread(house.agent, "leaving")
    async with AsyncExitStack() as stack:
        here, there = await _talk(stack, leaving, model), talks[0]
        model.script += [Says("I have begun", asyncio.Event()), Says("Second.")]
        first = await here.begin("leaving", "one")
        await model.asked(1)
        second = await here.begin("leaving", "two")

        assert await asyncio.to_thread(leaving.end) == 0
        async with asyncio.timeout(HANDED_OVER):
            ended = [await there.ended(place) for place in (first, second)]

    assert ended[0]["error_type"] == "interrupted"
    assert ended[0]["usage"]["estimated"]
    assert ended[1]["response"] == "Second."


async def test_every_turn_is_told_of_once(
    house: House, talks: list[Talk], model: ScriptedModel
) -> None:
    model.script += [Says("Yes.")] * 6
    said = [talks[at % 2].say(f"told-{at}") for at in range(6)]
    turns = {answer.json()["turn_id"] for answer in await asyncio.gather(*said)}

    told: dict[str, Any] = await asyncio.to_thread(told_of_turns, house.database)

    assert turns <= set(told)
    for events in told.values():
        kinds = [event.type for event in events]
        assert kinds[0] in {"conversation.completed", "conversation.failed"}
        assert kinds[1:] in ([], ["usage.recorded"])
