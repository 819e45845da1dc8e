# SPDX-License-Identifier: Apache-2.0
"""How other agents have an agent do something: `POST /execute` (document 2's delegation), and
`POST /agents/{agent_id}/execute` for the agent of a definition, whose base URL ends with its id.

Each request is a conversation of its own, named by whoever sent it and its `request_id`: the same
request sent again is answered with the same turn.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Depends, Request, Response
from pydantic import AwareDatetime, Field

from rollcall.client.delegation import (
    AgentRequestEvent,
    AgentRequestType,
    AgentResponseEvent,
    AgentResponseStatus,
    RequestPriority,
)
from rollcall.conversations import translate, wire
from rollcall.conversations.api import Models
from rollcall.conversations.errors import SessionNotFound
from rollcall.conversations.models import Ask, Turn, TurnStatus
from rollcall.conversations.ports import Conversations
from rollcall.kernel.caller import Caller
from rollcall.kernel.clock import Clock, utc, within
from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.ids import derived
from rollcall.web import correlation
from rollcall.web.audit import audit_subject
from rollcall.web.callers import Writer
from rollcall.web.lines import check_id
from rollcall.web.strict import StrictRoute

WORDS: Final = ("input", "task", "query", "user_input", "message")
"""Where in a payload the message may stand; the first of them that is there counts."""


async def _agent_id(agent_id: str) -> str:
    return check_id("agent_id", agent_id, wire.MAX_NAME)


AgentId = Annotated[str, Depends(_agent_id)]
Name = Annotated[str, Field(min_length=1, max_length=wire.MAX_NAME)]
_encode: Final = msgspec.json.Encoder().encode


class ExecuteRequest(wire.Wire):
    """One agent's request to another (document 2)."""

    source_agent: Name
    target_agent: Name
    request_type: AgentRequestType
    payload: dict[str, Any] = Field(
        default={},
        description=f"The message under one of {', '.join(WORDS)}; for `get_status` and"
        " `cancel_task`, the `request_id` of the request in question.",
    )
    priority: RequestPriority = RequestPriority.NORMAL
    timeout_seconds: Annotated[float, Field(gt=0, le=86_400)] = 30.0
    request_id: Name
    correlation_id: Name | None = None
    metadata: dict[str, Any] = Field(default={})
    created_at: AwareDatetime | None = None


class ExecuteAnswer(wire.Wire):
    """The answer to it."""

    request_id: str
    source_agent: str
    target_agent: str
    status: AgentResponseStatus
    result: Any = Field(description="For a success, the same as `POST /api/v1/process` answers.")
    error: str | None
    execution_time_ms: float
    correlation_id: str | None
    created_at: AwareDatetime


def execute_router(conversations: Conversations, models: Models, clock: Clock) -> APIRouter:
    """The route that takes requests of other agents.

    Args:
        conversations: Who answers.
        models: The names of the models that may be asked for.
        clock: Time.
    """
    routes = APIRouter(route_class=StrictRoute, tags=["agent"])

    @routes.post("/execute", response_model=ExecuteAnswer)
    async def execute(caller: Writer, asked: ExecuteRequest, request: Request) -> Response:
        """Do something for another agent. Once its time is over it is called off."""
        return await answered(caller, asked, request, None)

    @routes.post("/agents/{agent_id}/execute", response_model=ExecuteAnswer)
    async def execute_as(
        caller: Writer, agent_id: AgentId, asked: ExecuteRequest, request: Request
    ) -> Response:
        """The same, by the agent of a definition."""
        return await answered(caller, asked, request, agent_id)

    async def answered(
        caller: Caller, asked: ExecuteRequest, request: Request, agent_id: str | None
    ) -> Response:
        desk = _Desk(conversations, models, clock, agent_id)
        event = _event(asked, clock)
        audit_subject(request.scope, session_of(caller, event.request_id, agent_id))
        match event.request_type:
            case AgentRequestType.GET_STATUS:
                answer = await desk.status(caller, event)
            case AgentRequestType.CANCEL_TASK:
                answer = await desk.cancel(caller, event)
            case _:
                answer = await desk.execute(caller, event)
        return Response(_encode(answer), media_type="application/json")

    return routes


def session_of(caller: Caller, request_id: str, agent_id: str | None = None) -> str:
    """The session of a request."""
    whose = ("execute", caller.subject) if agent_id is None else (agent_id, caller.subject)
    return f"request-{derived(*whose, request_id, digits=24)}"


def words_of(payload: Mapping[str, Any]) -> str:
    """What a payload says to the agent.

    Raises:
        InvalidInput: It says nothing, or what cannot be a message.
    """
    for name in WORDS:
        if isinstance(payload.get(name), str):
            return translate.message(f"payload.{name}", payload[name])
    raise InvalidInput("payload", f"must hold the message as text under one of {', '.join(WORDS)}")


class _Desk:
    """Takes requests to one agent; None: the one of the settings."""

    def __init__(
        self, conversations: Conversations, models: Models, clock: Clock, agent_id: str | None
    ) -> None:
        self._conversations = conversations
        self._models = models
        self._clock = clock
        self._agent_id = agent_id

    @property
    def _named(self) -> tuple[str, ...]:
        return () if self._agent_id is None else (self._agent_id,)

    async def execute(self, caller: Caller, event: AgentRequestEvent) -> AgentResponseEvent:
        ask = Ask(
            namespace=caller.namespace,
            session_id=session_of(caller, event.request_id, self._agent_id),
            user_input=words_of(event.payload),
            owner=caller.subject,
            agent_id=self._agent_id,
            idempotency_key=derived("execute", event.request_id, *self._named),
            correlation_id=event.correlation_id or correlation.request_id(),
        )
        began = self._clock.monotonic()
        turn = await self._conversations.accept(ask)
        late = None
        try:
            waiting = self._conversations.ended(turn)
            turn = await within(self._clock, event.timeout_seconds, waiting)
        except TimeoutError as error:
            late = str(error)
            turn = await self._conversations.cancel(turn.namespace, turn.session_id, turn.id)
        seconds = self._clock.monotonic() - began
        if turn.status is TurnStatus.ANSWERED:
            result = translate.answer_to(turn).model_dump(mode="json")
            return self._answer(event, AgentResponseStatus.SUCCESS, result, None, seconds)
        if late is not None and turn.status is TurnStatus.CANCELLED:
            return self._answer(event, AgentResponseStatus.TIMEOUT, None, late, seconds)
        error = f"{turn.error_type}: {turn.error}"
        return self._answer(event, AgentResponseStatus.ERROR, None, error, seconds)

    async def status(self, caller: Caller, event: AgentRequestEvent) -> AgentResponseEvent:
        result: dict[str, Any] = {"agent_id": event.target_agent, "models": list(self._models())}
        if "request_id" in event.payload:
            turn = await self._turn(caller, event)
            if turn is None:
                return self._unknown(event)
            result |= {"request_id": event.payload["request_id"], "status": turn.status}
        return self._answer(event, AgentResponseStatus.SUCCESS, result, None, 0.0)

    async def cancel(self, caller: Caller, event: AgentRequestEvent) -> AgentResponseEvent:
        turn = await self._turn(caller, event)
        if turn is None or turn.status.ended:
            return self._unknown(event)
        ended = await self._conversations.cancel(turn.namespace, turn.session_id, turn.id)
        result = {
            "request_id": event.payload["request_id"],
            "cancelled": ended.status is TurnStatus.CANCELLED,
        }
        return self._answer(event, AgentResponseStatus.SUCCESS, result, None, 0.0)

    async def _turn(self, caller: Caller, event: AgentRequestEvent) -> Turn | None:
        """The turn of the request that the payload names; None: there is none."""
        wanted = event.payload.get("request_id")
        if not isinstance(wanted, str):
            raise InvalidInput("payload.request_id", "must name the request in question")
        session = session_of(caller, wanted, self._agent_id)
        try:
            (turn,) = await self._conversations.turns(caller.namespace, session, limit=1)
        except SessionNotFound:
            return None
        return turn

    def _unknown(self, event: AgentRequestEvent) -> AgentResponseEvent:
        error = f"no request {event.payload['request_id'][: wire.MAX_NAME]!a} is under way here"
        return self._answer(event, AgentResponseStatus.REJECTED, None, error, 0.0)

    def _answer(
        self,
        event: AgentRequestEvent,
        status: AgentResponseStatus,
        result: Any,
        error: str | None,
        seconds: float,
    ) -> AgentResponseEvent:
        return event.answered(
            status,
            result=result,
            error=error,
            execution_time_ms=round(1000 * seconds, 3),
            created_at=utc(self._clock.now()),
        )


def _event(asked: ExecuteRequest, clock: Clock) -> AgentRequestEvent:
    for field in ("source_agent", "target_agent", "request_id", "correlation_id"):
        translate.line(field, getattr(asked, field))
    return AgentRequestEvent(
        source_agent=asked.source_agent,
        target_agent=asked.target_agent,
        request_type=asked.request_type,
        payload=asked.payload,
        priority=asked.priority,
        timeout_seconds=asked.timeout_seconds,
        request_id=asked.request_id,
        correlation_id=asked.correlation_id,
        metadata=asked.metadata,
        created_at=asked.created_at or utc(clock.now()),
    )
