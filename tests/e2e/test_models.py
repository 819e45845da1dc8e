# SPDX-License-Identifier: Apache-2.0
"""`rollcall up` with a model: answers, tools, streams, OpenAI's own client, and what goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from typing import Any

import httpx
import pytest
import pytest_asyncio
from genai_prices import Usage, calc_price
from openai import AsyncOpenAI, InternalServerError

from rollcall.testing.scripted_model import Call, Cut, Fails, Says, Used
from support.modelled import KEY, PRICED, Talk, talking, up_with_model
from support.servers.ports import free_ports
from support.serving import Serving

SUM = Call("calculate", {"expression": "2 + 3"})


@pytest.fixture(scope="module")
def port() -> int:
    return free_ports(1)[0]


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[Serving]:
    with up_with_model(tmp_path_factory.mktemp("models"), port) as one:
        yield one


@pytest_asyncio.fixture
async def talk(up: Serving, port: int) -> AsyncIterator[Talk]:
    async with talking(up, port) as one:
        yield one


@pytest_asyncio.fixture
async def openai(up: Serving) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=f"{up.talk}/v1", api_key="any", max_retries=0) as one:
        yield one


async def test_a_model_calls_a_tool_and_answers_with_what_it_said(talk: Talk) -> None:
    talk.model.script += [Says(SUM, used=Used(40, 8)), Says("It is 5.", used=Used(60, 4))]

    answer = (await talk.say("tool")).json()

    assert answer["response"] == "It is 5."
    (run,) = answer["tools_used"]
    assert (run["tool"], run["service"], run["outcome"]) == ("calculate", "tools-service", "ok")
    first, second = talk.model.requests
    assert first.headers["authorization"] == f"Bearer {KEY}"
    assert {"calculate", "convert", "scrape"} <= set(first.tools)
    assert '"result":5' in second.told("tool")[0]
    usage = answer["usage"]
    assert (usage["input_tokens"], usage["output_tokens"], usage["requests"]) == (100, 12, 2)
    assert (usage["model"], usage["provider"]) == ("scripted", "openai-compatible")
    assert not usage["estimated"]
    assert usage["cost"] is None


async def test_what_was_said_before_is_told_to_the_model(talk: Talk) -> None:
    talk.model.script += [Says("Hello, Ada."), Says("Ada.")]
    await talk.say("history", "I am Ada.")
    await talk.say("history", "Who am I?")

    assert talk.model.last.told("user") == ["I am Ada.", "Who am I?"]
    assert talk.model.last.told("assistant") == ["Hello, Ada."]


async def test_a_stream_tells_everything_in_its_order(talk: Talk) -> None:
    talk.model.script += [Says("Let me see. ", SUM), Says("It ", "is ", "5.")]

    told = await talk.heard("stream", "What is 2 + 3?")

    assert [one.name for one in told] == [
        *("accepted", "started", "text", "reset", "tool_started", "tool_finished"),
        *("text", "text", "text", "done"),
    ]
    assert "".join(one.data["text"] for one in told[6:9]) == "It is 5."
    assert told[4].data["arguments"] == {"expression": "2 + 3"}
    assert told[5].data["result"]["result"] == 5
    assert told[-1].data["response"] == "It is 5."
    assert [run["outcome"] for run in told[-1].data["tools_used"]] == ["ok"]


async def test_the_words_of_a_model_come_before_it_has_said_all(talk: Talk) -> None:
    more = asyncio.Event()
    talk.model.script.append(Says("First", more, " last"))

    async with talk.streaming("pieces", "Go on") as stream:
        told = await stream.take(3)
        assert [one.name for one in told] == ["accepted", "started", "text"]
        more.set()
        last = await stream.take(2)

    assert [one.data.get("text") for one in last] == [" last", None]
    assert last[1].data["response"] == "First last"


async def test_openais_client_is_answered(talk: Talk, openai: AsyncOpenAI) -> None:
    talk.model.script += [Says(SUM, used=Used(40, 8)), Says("It is 5.", used=Used(60, 4))]

    answer = await openai.chat.completions.create(
        model="rollcall", messages=[{"role": "user", "content": "What is 2 + 3?"}]
    )

    assert answer.choices[0].message.content == "It is 5."
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (100, 12)


async def test_openais_client_hears_a_stream(talk: Talk, openai: AsyncOpenAI) -> None:
    talk.model.script += [Says(SUM), Says("It ", "is 5.", used=Used(60, 4, 20))]
    pieces: list[str] = []
    usage: Any = None

    stream = await openai.chat.completions.create(
        model="rollcall",
        messages=[{"role": "user", "content": "What is 2 + 3?"}],
        stream=True,
        stream_options={"include_usage": True},
    )
    async for chunk in stream:
        pieces += [choice.delta.content or "" for choice in chunk.choices]
        usage = chunk.usage or usage

    assert "".join(pieces).strip() == "It is 5."
    assert (usage.prompt_tokens, usage.completion_tokens) == (70, 9)
    assert usage.prompt_tokens_details.cached_tokens == 20


async def test_openais_client_names_the_models_that_there_are(openai: AsyncOpenAI) -> None:
    there = [one.id async for one in openai.models.list()]

    assert there[:2] == ["rollcall", "openai-compatible:scripted"]


async def test_openais_client_raises_its_own_error(talk: Talk, openai: AsyncOpenAI) -> None:
    talk.model.script += [Says(Cut()), Says(Cut())]

    with pytest.raises(InternalServerError) as raised:
        await openai.chat.completions.create(
            model="rollcall", messages=[{"role": "user", "content": "What is 2 + 3?"}]
        )

    assert raised.value.status_code == 503
    assert raised.value.code == "model_unavailable"


@pytest.mark.parametrize(
    ("fails", "words"),
    [
        (Fails(401, f"the key {KEY} is wrong"), "does not accept the key"),
        (Fails(404, "the model does not exist", "model_not_found"), "has no model scripted"),
        (Fails(400, f"bad request with {KEY}"), "does not take the request"),
    ],
    ids=["401", "404", "400"],
)
async def test_what_a_provider_refuses_is_said_at_once_and_without_the_key(
    talk: Talk, up: Serving, fails: Fails, words: str
) -> None:
    talk.model.script.append(fails)

    answer = await talk.say("refused")

    assert answer.status_code == 422
    assert answer.json()["type"].endswith(":model-refused")
    assert words in answer.json()["detail"]
    assert KEY not in answer.text + up.errors()
    assert len(talk.model.requests) == 1


async def test_who_is_asked_to_wait_by_the_provider_waits_and_is_answered(talk: Talk) -> None:
    talk.model.script += [Fails(429, retry_after=1), Says("Here I am.")]

    answer = (await talk.say("later")).json()

    assert answer["response"] == "Here I am."
    assert answer["duration_ms"] >= 1000
    assert answer["usage"]["requests"] == 1


async def test_a_provider_that_only_fails_is_given_up(talk: Talk) -> None:
    talk.model.script += [Fails(500)] * 4

    answer = await talk.say("down")

    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert answer.json()["type"].endswith(":model-unavailable")
    assert answer.json()["usage"]["requests"] == 0
    assert len(talk.model.requests) == 4


async def test_tokens_that_nobody_told_are_estimated_and_marked(talk: Talk) -> None:
    talk.model.script.append(Says("Twelve characters.", used=None))

    usage = (await talk.say("untold")).json()["usage"]

    assert usage["estimated"]
    assert usage["output_tokens"] == 5
    assert usage["input_tokens"] > 100


async def test_what_came_from_the_cache_is_counted_and_cheaper(talk: Talk) -> None:
    talk.model.script.append(Says("Yes.", used=Used(1000, 100, 400)))

    usage = (await talk.say("cached", model=PRICED)).json()["usage"]

    assert (usage["input_tokens"], usage["cached_tokens"]) == (1000, 400)
    used = Usage(input_tokens=1000, output_tokens=100, cache_read_tokens=400)
    price = calc_price(used, "gpt-4o", provider_id="openai").total_price
    assert Decimal(usage["cost"]) == price > 0
    assert usage["priced_by"].startswith("genai-prices ")


async def test_an_answer_that_breaks_off_is_taken_back_and_asked_for_again(talk: Talk) -> None:
    talk.model.script += [Says("It is ab", Cut()), Says("It is about 5.")]

    told = await talk.heard("cut", "What is 2 + 3?")

    assert [one.name for one in told] == ["accepted", "started", "text", "reset", "text", "done"]
    assert told[-1].data["response"] == "It is about 5."
    assert told[-1].data["usage"]["requests"] == 2
    assert told[-1].data["usage"]["estimated"]


async def test_a_stream_whose_model_is_lost_ends_with_the_problem(talk: Talk) -> None:
    talk.model.script += [Says("It", Cut()), Says("It", Cut())]

    told = await talk.heard("lost", "What is 2 + 3?")

    assert told[-1].name == "failed"
    assert told[-1].data["type"].endswith(":model-unavailable")
    assert told[-1].data["usage"]["requests"] == 2


async def test_a_client_that_goes_away_is_answered_all_the_same(talk: Talk) -> None:
    more = asyncio.Event()
    talk.model.script.append(Says("Wait", more, " for it.", used=Used(30, 6)))

    async with talk.streaming("gone", "Go on") as stream:
        (accepted, *_) = await stream.take(3)
    more.set()
    turn = await talk.ended(f"/api/v1/sessions/gone/turns/{accepted.data['turn_id']}")

    assert (turn["status"], turn["response"]) == ("answered", "Wait for it.")
    assert turn["usage"]["input_tokens"] == 30


async def test_who_sends_again_what_got_no_answer_gets_that_of_the_first(talk: Talk) -> None:
    more = asyncio.Event()
    talk.model.script.append(Says("Once", more))
    asked = {"session_id": "again", "user_input": "Go on", "idempotency_key": "k-1"}

    with pytest.raises(httpx.ReadTimeout):
        await talk.client.post("/api/v1/process", json=asked, timeout=0.5)
    more.set()
    answer = await talk.client.post("/api/v1/process", json=asked)

    assert answer.json()["response"] == "Once"
    assert answer.headers["idempotency-replayed"] == "true"
    assert len(talk.model.requests) == 1


async def test_what_is_called_off_ends_and_says_what_it_used(talk: Talk) -> None:
    talk.model.script.append(Says("I have begun", asyncio.Event()))
    async with talk.streaming("off", "Go on") as stream:
        (accepted, *_) = await stream.take(3)
        waiting = await talk.begin("off", "And then?")
        ended = await talk.client.post("/api/v1/sessions/off/cancel")
        last = await stream.next()

    assert len(ended.json()["turns"]) == 2
    assert last is not None
    assert last.name == "failed"
    assert last.data["type"].endswith(":turn-cancelled")
    assert last.data["turn_id"] == accepted.data["turn_id"]
    assert last.data["usage"]["estimated"]
    assert last.data["usage"]["output_tokens"] == 3
    assert (await talk.ended(waiting))["status"] == "cancelled"
    await talk.model.hung_up()
    assert len(talk.model.requests) == 1
