# SPDX-License-Identifier: Apache-2.0
"""How HTTP asks the agent service of document 1.

Whoever may only look (`read`) sees tools and sessions. To talk costs money, and so it needs
`register`, as do deleting, cancelling, and a fresh look at all services.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Header, Request, Response

from rollcall.conversations import translate, wire
from rollcall.conversations.api_sessions import EVENTS, add_sessions
from rollcall.conversations.api_streams import told
from rollcall.conversations.models import Ask, Turn, TurnStatus
from rollcall.conversations.ports import Conversations, Toolbox
from rollcall.conversations.problems import unanswered
from rollcall.kernel.clock import Clock, utc
from rollcall.kernel.errors import InvalidInput
from rollcall.web import correlation
from rollcall.web.audit import audit_subject
from rollcall.web.callers import Reader, Writer
from rollcall.web.drain import Drain
from rollcall.web.sse import EventStream
from rollcall.web.strict import StrictRoute

PREFIX: Final = "/api/v1"
REPLAYED: Final = "Idempotency-Replayed"
"""The header that says that a request was answered with the turn of the one before."""

Models = Callable[[], Sequence[str]]
"""`Loop.models`."""
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        max_length=wire.MAX_NAME,
        description="Sending the same message again with the same key is answered with the same"
        " turn; `Idempotency-Replayed: true` says so. Another message with it is a 422.",
    ),
]
Prefer = Annotated[
    str | None,
    Header(
        max_length=wire.MAX_NAME,
        description="`respond-async`: 202 at once, with the turn's place in `Location`.",
    ),
]
_PROCESSED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The answer; of a stream, server-sent events that end with it.",
        "content": EVENTS[200]["content"],
    },
    202: {"description": "The message is kept and will be answered.", "model": wire.TurnView},
}


def router(
    conversations: Conversations, toolbox: Toolbox, models: Models, clock: Clock, drain: Drain
) -> APIRouter:
    """The routes of the agent service.

    Args:
        conversations: Who answers.
        toolbox: The tools that there are.
        models: The names of the models that may be asked for.
        clock: Time.
        drain: Says when streams must end.
    """
    routes = APIRouter(prefix=PREFIX, route_class=StrictRoute, tags=["agent"])
    _add_process(routes, conversations, models, clock, drain)
    _add_tools(routes, toolbox)
    add_sessions(routes, conversations, clock, drain)
    return routes


def _add_process(
    routes: APIRouter, conversations: Conversations, models: Models, clock: Clock, drain: Drain
) -> None:
    @routes.post("/process", response_model=wire.ProcessAnswer, responses=_PROCESSED)
    async def process(
        caller: Writer,
        asked: wire.ProcessRequest,
        request: Request,
        key: IdempotencyKey = None,
        prefer: Prefer = None,
    ) -> Response:
        """Say something to the agent. It goes on answering when the caller leaves."""
        ask = translate.ask_from(asked, caller, key, correlation.request_id())
        check_model(ask.model, models)
        audit_subject(request.scope, ask.session_id)
        turn, headers = await accepted(conversations, ask, clock)
        if asked.stream or _wants_events(request.headers.get("accept", "")):
            events = told(conversations, turn)
            stream = EventStream(events, clock, drain, retry=None, ends=True)
            return _with(stream, headers)
        if "respond-async" in (prefer or ""):
            headers["Preference-Applied"] = "respond-async"
            return _json(translate.turn_to(turn), headers, 202)
        turn = await conversations.ended(turn)
        if turn.status is not TurnStatus.ANSWERED:
            return _with(unanswered(turn), headers)
        return _json(translate.answer_to(turn), headers)


def _add_tools(routes: APIRouter, toolbox: Toolbox) -> None:
    @routes.get("/tools")
    async def tools(caller: Reader) -> wire.ToolList:
        """The tools that the agent may use now."""
        found = await toolbox.tools(caller.namespace)
        return wire.ToolList(
            tools=[translate.tool_to(one) for one in found], total_count=len(found)
        )

    @routes.post("/tools/refresh")
    async def refresh(caller: Writer) -> wire.Refreshed:
        """Look at every tool service again, and wait for it. It is never needed: changes in the
        registry are noticed by themselves.
        """
        found = await toolbox.refresh(caller.namespace)
        return wire.Refreshed(message="all tool services were looked at", tools_count=len(found))


def check_model(model: str | None, models: Models) -> None:
    """Refuse a model that cannot be reached, before its message is kept.

    Raises:
        InvalidInput: It is none.
    """
    if model is not None and not may_be_model(model, models):
        there = ", ".join(models())
        raise InvalidInput("model", f"must be one of {there}, or provider:model, not {model!a}")


def may_be_model(name: str, models: Models) -> bool:
    """Whether a model may be asked for by this name: one of `models`, with its provider or without.

    Any other model of some provider may be one as well: that is for the loop to know.
    """
    provider, _, model = name.partition(":")
    return bool(provider and model) or any(name in (one, one.partition(":")[2]) for one in models())


async def accepted(
    conversations: Conversations, ask: Ask, clock: Clock
) -> tuple[Turn, dict[str, str]]:
    """A message that was kept, and the headers that say where it is, and whether it was before.

    Raises:
        InvalidInput, AgentNotFound, AgentNotRunnable, SessionOfAnother, KeyReused, SessionBusy,
        Unavailable: As for `Conversations.accept`.
    """
    begun = utc(clock.now())
    turn = await conversations.accept(ask)
    headers = {"Location": place(turn)}
    # A turn of an earlier request has that one's name, or at least its time.
    if turn.correlation_id != ask.correlation_id or turn.created_at < begun:
        headers[REPLAYED] = "true"
    return turn, headers


def place(turn: Turn) -> str:
    """The path of a turn."""
    return f"{PREFIX}/sessions/{quote(turn.session_id, safe='')}/turns/{quote(turn.id, safe='')}"


def _wants_events(accept: str) -> bool:
    return "text/event-stream" in accept and "application/json" not in accept


def _json(
    answer: wire.ProcessAnswer | wire.TurnView, headers: dict[str, str], status: int = 200
) -> Response:
    return Response(answer.model_dump_json(), status, headers, "application/json")


def _with(response: Response, headers: dict[str, str]) -> Response:
    response.headers.update(headers)
    return response
