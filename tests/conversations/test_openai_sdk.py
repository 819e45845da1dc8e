"""OpenAI's own client against the agent, over a socket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio
from openai import (
    APIError,
    AsyncOpenAI,
    AuthenticationError,
    BadRequestError,
    InternalServerError,
    NotFoundError,
    OpenAI,
    UnprocessableEntityError,
)
from openai.types.chat import ChatCompletionMessageParam
from starlette.types import ASGIApp

from rollcall.conversations.errors import ModelRefused, ModelUnavailable, TurnFailed
from rollcall.conversations.models import ToolRun, Usage
from rollcall.kernel.caller import REGISTER
from rollcall.kernel.clock import SystemClock
from rollcall.kernel.ids import RandomIds
from rollcall.web.auth import BearerAccess
from rollcall.web.keys import InMemoryKeyStore, draw_key
from support.conversations import InMemoryConversations, InMemoryToolbox, ScriptedLoop
from support.fronts import front_of
from support.hosting import hosted

ASK: list[ChatCompletionMessageParam] = [{"role": "user", "content": "10 + 5"}]
USED = Usage(model="m", provider="p", input_tokens=9, output_tokens=3)


class Server:
    """A URL, and a key that opens it."""

    def __init__(self, url: str, token: str) -> None:
        self.url = f"{url}/v1"
        self.token = token


@pytest.fixture
def server(loop: ScriptedLoop) -> Iterator[Server]:
    clock, ids, keys = SystemClock(), RandomIds(), InMemoryKeyStore()
    key, token = draw_key(ids, clock, name="k", namespace="default", scopes=frozenset({REGISTER}))

    @asynccontextmanager
    async def opened() -> AsyncIterator[ASGIApp]:
        await keys.add(key)
        conversations = InMemoryConversations(loop, clock, ids)
        yield front_of(conversations, InMemoryToolbox(), loop, clock, BearerAccess(keys, clock))
        await conversations.close()

    with hosted(opened) as url:
        yield Server(url, token)


@pytest_asyncio.fixture
async def openai(server: Server) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=server.url, api_key=server.token, max_retries=0) as one:
        yield one


async def test_an_answer_is_read(openai: AsyncOpenAI, loop: ScriptedLoop, run: ToolRun) -> None:
    loop.script(run, USED, "15")

    answer = await openai.chat.completions.create(
        model="rollcall", messages=ASK, temperature=0, max_tokens=100, user="ada"
    )

    assert answer.choices[0].message.content == "15"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens == 12
    assert answer.model == "rollcall"
    assert answer.model_extra is not None
    assert answer.model_extra["rollcall"]["tools_used"][0]["tool"] == "calculate"


async def test_a_stream_is_read_with_its_usage(openai: AsyncOpenAI, loop: ScriptedLoop) -> None:
    loop.script(USED, "1", "5")

    stream = await openai.chat.completions.create(
        model="scripted:large", messages=ASK, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]

    said = [choice.delta.content for chunk in chunks for choice in chunk.choices]
    assert "".join(one or "" for one in said) == "15"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.prompt_tokens == 9
    assert [task.model for task in loop.tasks] == ["scripted:large"]


async def test_the_helper_for_streams_puts_the_answer_together(
    openai: AsyncOpenAI, loop: ScriptedLoop
) -> None:
    loop.script("It ", "is 15")
    async with openai.chat.completions.stream(model="rollcall", messages=ASK) as stream:
        answer = await stream.get_final_completion()
    assert answer.choices[0].message.content == "It is 15"


def test_the_client_without_asyncio_reads_both(server: Server, loop: ScriptedLoop) -> None:
    with OpenAI(base_url=server.url, api_key=server.token, max_retries=0) as client:
        answer = client.chat.completions.create(model="rollcall", messages=ASK)
        stream = client.chat.completions.create(model="rollcall", messages=ASK, stream=True)
        said = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
    assert answer.choices[0].message.content == said == "You said: 10 + 5"


async def test_models_are_listed_and_read(openai: AsyncOpenAI) -> None:
    names = [model.id async for model in openai.models.list()]
    assert names == ["rollcall", "scripted:small", "scripted:large"]
    assert (await openai.models.retrieve("scripted:large")).owned_by == "rollcall"
    with pytest.raises(NotFoundError):
        await openai.models.retrieve("gpt-9")


async def test_errors_raise_the_classes_that_programs_catch(
    openai: AsyncOpenAI, loop: ScriptedLoop, server: Server
) -> None:
    create = openai.chat.completions.create
    with pytest.raises(NotFoundError) as missing:
        await create(model="gpt-9", messages=ASK)
    assert missing.value.code == "model_not_found"
    with pytest.raises(BadRequestError) as refused:
        await create(model="rollcall", messages=ASK, n=2)
    assert (refused.value.param, refused.value.type) == ("n", "invalid_request_error")
    loop.script(ModelRefused("the message is too long"))
    with pytest.raises(BadRequestError, match="too long"):
        await create(model="rollcall", messages=ASK)
    loop.script(ModelUnavailable("overloaded"))
    with pytest.raises(InternalServerError, match="overloaded"):
        await create(model="rollcall", messages=ASK)
    with pytest.raises(AuthenticationError):
        await openai.with_options(api_key="wrong").models.list()
    assert not issubclass(BadRequestError, UnprocessableEntityError)


@pytest.mark.parametrize("early", [True, False])
async def test_a_stream_that_fails_raises(
    openai: AsyncOpenAI, loop: ScriptedLoop, early: bool
) -> None:
    error = ModelUnavailable("overloaded")
    loop.script(error) if early else loop.script("Well", error)
    with pytest.raises(InternalServerError if early else APIError, match="overloaded"):
        async for _ in await openai.chat.completions.create(
            model="rollcall", messages=ASK, stream=True
        ):
            pass


async def test_only_what_may_go_better_is_asked_again(
    openai: AsyncOpenAI, loop: ScriptedLoop
) -> None:
    patient = openai.with_options(max_retries=2)
    loop.script(TurnFailed("for good"))
    with pytest.raises(InternalServerError):
        await patient.chat.completions.create(model="rollcall", messages=ASK)
    assert len(loop.tasks) == 1


async def test_with_a_key_a_request_that_is_sent_again_has_one_turn(
    openai: AsyncOpenAI, loop: ScriptedLoop
) -> None:
    headers = {"Idempotency-Key": "k"}
    answers = [
        await openai.chat.completions.create(model="rollcall", messages=ASK, extra_headers=headers)
        for _ in range(2)
    ]
    assert answers[0].id == answers[1].id
    assert len(loop.tasks) == 1
