# SPDX-License-Identifier: Apache-2.0
"""The agent for everybody who speaks OpenAI's chat completions.

A conversation that the caller keeps and sends along is a session of its own each time; one that is
named by the header `X-Session-Id` is kept here, and only what is new need be sent. OpenAI's own
clients send a request that failed up to twice more, and name it nowhere: who wants to be sure that
it is answered once sends the header `Idempotency-Key`.
"""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Request, Response
from starlette.responses import JSONResponse

from rollcall.conversations import openai_answers, openai_wire, translate, wire
from rollcall.conversations.api import IdempotencyKey, Models, accepted, may_be_model
from rollcall.conversations.models import Ask, Turn, TurnStatus
from rollcall.conversations.openai_wire import AGENT, AGENTS
from rollcall.conversations.peeking import Peeking
from rollcall.conversations.ports import Conversations
from rollcall.conversations.problems import unanswered
from rollcall.kernel.caller import Caller
from rollcall.kernel.clock import Clock
from rollcall.kernel.ids import IdSource, derived
from rollcall.web import correlation
from rollcall.web.audit import audit_subject
from rollcall.web.callers import Reader, Writer
from rollcall.web.drain import Drain
from rollcall.web.problems import Kind, problem
from rollcall.web.sse import EventStream
from rollcall.web.strict import StrictRoute

PREFIX: Final = "/v1"
DIALECTS: Final = {f"{PREFIX}/": openai_answers.openai_error}
"""For a module: problems on these paths are told as OpenAI tells them."""
PATIENCE: Final = 5.0
"""Seconds that a stream waits for its first word, so that an error until then has its status."""

_NO_MODEL: Final = Kind(404, "model-not-found", "There is no such model")

SessionHeader = Annotated[
    str | None,
    Header(
        alias="X-Session-Id",
        max_length=wire.MAX_NAME,
        description="The conversation that is kept here; by default a new one each time.",
    ),
]
_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "A chat completion, or its chunks as server-sent events.",
        "content": {
            "application/json": {"schema": {"type": "object"}},
            "text/event-stream": {"schema": {"type": "string"}},
        },
    },
    **{
        status: {
            "description": "An error as OpenAI tells it.",
            "content": {"application/json": {"schema": {"type": "object"}}},
        }
        for status in ("4XX", "5XX", 422)
    },
}


def openai_router(
    conversations: Conversations, models: Models, clock: Clock, ids: IdSource, drain: Drain
) -> APIRouter:
    """`/v1/chat/completions` and `/v1/models`.

    Args:
        conversations: Who answers.
        models: The names of the models that may be asked for, beside `rollcall`.
        clock: Time.
        ids: Names sessions that nobody named.
        drain: Says when streams must end.
    """
    routes = APIRouter(prefix=PREFIX, route_class=StrictRoute, tags=["OpenAI"], responses=_ANSWERS)
    _add_models(routes, conversations, models, int(clock.now()))

    @routes.post("/chat/completions", response_class=Response)
    async def complete(
        caller: Writer,
        asked: openai_wire.ChatRequest,
        request: Request,
        session: SessionHeader = None,
        key: IdempotencyKey = None,
    ) -> Response:
        """Say something to the agent, as OpenAI's clients do."""
        if not (asked.model == AGENT or asked.model.startswith(AGENTS)) and not may_be_model(
            asked.model, models
        ):
            return _unknown(asked.model)
        ask = _ask(asked, caller, session, key, ids)
        audit_subject(request.scope, ask.session_id)
        turn, headers = await accepted(conversations, ask, clock)
        headers["X-Session-Id"] = turn.session_id
        if asked.stream:
            return await _streamed(conversations, turn, asked, clock, drain, headers)
        turn = await conversations.ended(turn)
        if turn.status is not TurnStatus.ANSWERED:
            return openai_answers.openai_error(unanswered(turn))
        return JSONResponse(openai_answers.completion(turn, asked.model), headers=headers)

    return routes


def _add_models(
    routes: APIRouter, conversations: Conversations, models: Models, created: int
) -> None:
    async def names(caller: Caller) -> list[str]:
        agents = await conversations.agents(caller.namespace)
        there = [name for name in models() if name != AGENT]
        return [AGENT, *there, *(f"{AGENTS}{one}" for one in agents)]

    @routes.get("/models", response_class=Response)
    async def every(caller: Reader) -> Response:
        """The agent, the models that it may be asked to answer with, and the agents of definitions
        that may be asked instead.
        """
        return JSONResponse(openai_answers.models(await names(caller), created))

    @routes.get("/models/{name:path}", response_class=Response)
    async def one(caller: Reader, name: str) -> Response:
        """One of them."""
        if name not in await names(caller):
            return _unknown(name)
        return JSONResponse(openai_answers.one_model(name, created))


def _ask(
    asked: openai_wire.ChatRequest,
    caller: Caller,
    session: str | None,
    key: str | None,
    ids: IdSource,
) -> Ask:
    """What a request wants to be kept and answered.

    Raises:
        InvalidInput: Something of it cannot be used.
    """
    openai_wire.check(asked)
    said = openai_wire.talk(asked.messages)
    key = translate.one_key(key, None)
    if session is not None:
        session = translate.session_id(session)
    agent_id, model = _asked(asked.model)
    return Ask(
        namespace=caller.namespace,
        session_id=session or _new_session(caller, key, ids),
        user_input=said.user_input,
        owner=caller.subject,
        agent_id=agent_id,
        user_id=translate.line("user", asked.user),
        model=model,
        idempotency_key=key,
        # With nothing before it, a message to a session that is kept here goes on with that.
        history=said.history if said.history or session is None else None,
        instructions=said.instructions,
        correlation_id=correlation.request_id(),
    )


def _asked(name: str) -> tuple[str | None, str | None]:
    """Which agent and which model a model's name stands for.

    Raises:
        InvalidInput: It names no agent that there could be.
    """
    if name == AGENT:
        return None, None
    if name.startswith(AGENTS):
        return translate.line("model", name.removeprefix(AGENTS)), None
    return None, name


def _new_session(caller: Caller, key: str | None, ids: IdSource) -> str:
    # The same key must lead to the same session.
    word = ids.hex(24) if key is None else derived("openai", caller.subject, key, digits=24)
    return f"chat-{word}"


async def _streamed(
    conversations: Conversations,
    turn: Turn,
    asked: openai_wire.ChatRequest,
    clock: Clock,
    drain: Drain,
    headers: dict[str, str],
) -> Response:
    updates = Peeking(conversations.follow(turn))
    ended = await updates.ended_at_once(clock, PATIENCE)
    if ended is not None and ended.status is not TurnStatus.ANSWERED:
        return openai_answers.openai_error(unanswered(ended))
    options = asked.stream_options
    pieces = openai_answers.chunks(
        turn, updates, asked.model, include_usage=bool(options and options.include_usage)
    )
    stream = EventStream(pieces, clock, drain, retry=None, ends=True)
    stream.headers.update(headers)
    return stream


def _unknown(name: str) -> Response:
    detail = f"there is no model {name!a}: `GET /v1/models` lists those that there are"
    return openai_answers.openai_error(problem(_NO_MODEL, detail, {}))
