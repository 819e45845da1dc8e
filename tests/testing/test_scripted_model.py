"""The scripted model says what its script says, to the client that everybody uses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest

from rollcall.testing.scripted_model import (
    Call,
    Cut,
    Fails,
    Hangs,
    Raw,
    Request,
    Says,
    ScriptedModel,
    Used,
)

HELLO: list[Any] = [{"role": "user", "content": "Hello"}]


@pytest.fixture
async def model() -> AsyncIterator[ScriptedModel]:
    async with ScriptedModel() as one:
        yield one


@pytest.fixture
async def client(model: ScriptedModel) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=model.url, api_key="any", max_retries=0) as one:
        yield one


async def whole(client: openai.AsyncOpenAI) -> Any:
    return await client.chat.completions.create(model="m", messages=HELLO)


async def chunks(client: openai.AsyncOpenAI, **more: Any) -> list[Any]:
    stream = await client.chat.completions.create(model="m", messages=HELLO, stream=True, **more)
    return [chunk async for chunk in stream]


async def test_an_answer_in_one_piece(model: ScriptedModel, client: openai.AsyncOpenAI) -> None:
    model.script.append(Says("Good ", "day.", used=Used(7, 3, cached=2)))
    answer = await whole(client)
    assert answer.choices[0].message.content == "Good day."
    assert (answer.choices[0].finish_reason, answer.model) == ("stop", "m")
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (7, 3)
    assert answer.usage.prompt_tokens_details.cached_tokens == 2


async def test_an_answer_in_pieces(model: ScriptedModel, client: openai.AsyncOpenAI) -> None:
    model.script.append(Says("Good ", "day.", model="dated"))
    said = await chunks(client)
    texts = [chunk.choices[0].delta.content for chunk in said if chunk.choices]
    assert [text for text in texts if text] == ["Good ", "day."]
    assert {chunk.model for chunk in said} == {"dated"}
    assert [chunk.usage for chunk in said if chunk.usage] == []


async def test_usage_comes_last_where_it_is_wanted_and_known(
    model: ScriptedModel, client: openai.AsyncOpenAI
) -> None:
    model.script += [Says("a", used=Used(7, 3)), Says("b", used=None)]
    wanted = {"stream_options": {"include_usage": True}}
    assert (await chunks(client, **wanted))[-1].usage.prompt_tokens == 7
    assert not any(chunk.usage for chunk in await chunks(client, **wanted))


async def test_calls_of_tools(model: ScriptedModel, client: openai.AsyncOpenAI) -> None:
    says = Says(Call("add", {"a": 1}), Call("odd", "{not json", id="mine"))
    model.script += [says, says]
    answer = await whole(client)
    calls = [(one.id, one.function.name) for one in answer.choices[0].message.tool_calls]
    assert calls == [("call_1", "add"), ("mine", "odd")]
    assert answer.choices[0].finish_reason == "tool_calls"

    arguments = {0: "", 1: ""}
    for chunk in await chunks(client):
        for one in chunk.choices[0].delta.tool_calls or []:
            arguments[one.index] += one.function.arguments
    assert arguments == {0: '{"a": 1}', 1: "{not json"}


async def test_an_answer_waits_for_the_test(
    model: ScriptedModel, client: openai.AsyncOpenAI
) -> None:
    gate = asyncio.Event()
    model.script.append(Says("a", gate, "b"))
    stream = await client.chat.completions.create(model="m", messages=HELLO, stream=True)
    said = aiter(stream)
    assert [(await anext(said)).choices[0].delta.content for _ in range(2)] == ["", "a"]
    gate.set()
    assert (await anext(said)).choices[0].delta.content == "b"
    assert [chunk async for chunk in said][-1].choices[0].finish_reason == "stop"


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, openai.BadRequestError),
        (401, openai.AuthenticationError),
        (404, openai.NotFoundError),
        (429, openai.RateLimitError),
        (503, openai.InternalServerError),
    ],
)
async def test_errors(
    model: ScriptedModel,
    client: openai.AsyncOpenAI,
    status: int,
    error: type[openai.APIStatusError],
) -> None:
    model.script.append(Fails(status, "because", code="why", retry_after=2.5))
    with pytest.raises(error, match="because") as caught:
        await whole(client)
    assert caught.value.code == "why"
    assert caught.value.response.headers["retry-after"] == "2.5"


async def test_connections_break(model: ScriptedModel, client: openai.AsyncOpenAI) -> None:
    model.script += [Hangs(), Says("a", Cut()), Says("a", Cut()), Says("fine")]
    with pytest.raises(openai.APIConnectionError):
        await whole(client)
    with pytest.raises(openai.APIConnectionError):
        await whole(client)
    with pytest.raises(openai.APIConnectionError):
        await chunks(client)
    assert (await whole(client)).choices[0].message.content == "fine"


async def test_it_knows_when_a_client_has_gone(
    model: ScriptedModel, client: openai.AsyncOpenAI
) -> None:
    model.script += [Says("a", asyncio.Event()), Hangs(asyncio.Event())]
    stream = await client.chat.completions.create(model="m", messages=HELLO, stream=True)
    await stream.close()
    await model.hung_up()
    asking = asyncio.create_task(whole(client))
    await model.asked(2)
    asking.cancel()
    await model.hung_up(2)
    assert model.gone == 2


async def test_any_other_body(model: ScriptedModel, client: openai.AsyncOpenAI) -> None:
    model.script.append(Raw(b"<html>", "text/html", 200))
    raw = await client.chat.completions.with_raw_response.create(model="m", messages=HELLO)
    assert (raw.headers["content-type"], raw.text) == ("text/html", "<html>")


async def test_any_other_body_may_break_off(
    model: ScriptedModel, client: openai.AsyncOpenAI
) -> None:
    model.script.append(Raw(b"<html>", cut=True))
    with pytest.raises(openai.APIConnectionError):
        await client.chat.completions.with_raw_response.create(model="m", messages=HELLO)


async def test_a_path_of_another_protocol_is_answered_with_a_body_alone(
    model: ScriptedModel, client: openai.AsyncOpenAI
) -> None:
    model.script += [Raw(b'{"data": []}', "application/json"), Says("Hello.")]
    assert (await client.get("/elsewhere", cast_to=dict[str, Any])) == {"data": []}
    with pytest.raises(openai.NotFoundError, match="use Raw"):
        await client.get("/elsewhere", cast_to=dict[str, Any])


async def test_an_entry_may_look_at_the_request(
    model: ScriptedModel, client: openai.AsyncOpenAI
) -> None:
    def parrot(request: Request) -> Says:
        return Says(request.told("user")[0].upper())

    model.script.append(parrot)
    assert (await whole(client)).choices[0].message.content == "HELLO"


async def test_requests_are_kept(model: ScriptedModel, client: openai.AsyncOpenAI) -> None:
    model.script += [Says("a"), Says("b")]
    await whole(client)
    await chunks(client)
    await model.asked(2)
    assert [one.streamed for one in model.requests] == [False, True]
    assert model.last.headers["authorization"] == "Bearer any"
    assert (model.last.messages, model.last.tools) == (HELLO, [])


async def test_a_request_beyond_the_script_is_told_so(client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="beyond the script"):
        await whole(client)


async def test_it_lists_its_model(client: openai.AsyncOpenAI) -> None:
    assert [one.id for one in (await client.models.list()).data] == ["scripted"]


async def test_closing_it_breaks_what_is_open() -> None:
    async with (
        ScriptedModel(Says("a", asyncio.Event())) as model,
        openai.AsyncOpenAI(base_url=model.url, api_key="any", max_retries=0) as client,
    ):
        asking = asyncio.create_task(whole(client))
        await model.asked()
    with pytest.raises(openai.APIConnectionError):
        await asking
