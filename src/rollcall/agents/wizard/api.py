# SPDX-License-Identifier: Apache-2.0
"""How HTTP asks the wizard about an agent, and talks to it (document 4)."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any, Final, cast

import msgspec
from fastapi import APIRouter, Depends, Header, Query, Request, Response

from rollcall.agents.api_parts import AgentId, by
from rollcall.agents.checks import check_text
from rollcall.agents.wizard import wire
from rollcall.agents.wizard.errors import TalkRefused
from rollcall.agents.wizard.models import TalkEvent
from rollcall.agents.wizard.ports import SILENT, AgentServiceAway
from rollcall.agents.wizard.service import WizardService, ended
from rollcall.kernel.clock import Clock
from rollcall.kernel.errors import InvalidInput
from rollcall.web.answers import answer
from rollcall.web.audit import audit_subject
from rollcall.web.callers import Reader, Writer
from rollcall.web.drain import Drain
from rollcall.web.lines import check_id, check_line
from rollcall.web.preconditions import IfMatch, accepted
from rollcall.web.problems import MEDIA_TYPE, TYPE_PREFIX
from rollcall.web.services import service
from rollcall.web.sse import EventStream, ServerEvent
from rollcall.web.strict import StrictRoute

Wizard = Annotated[WizardService, Depends(service("wizard_service"))]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        max_length=wire.MAX_NAME,
        description="The same message again with the same key is answered with the same answer.",
    ),
]
YAML: Final = "application/yaml"
"""RFC 9512."""
_YAML: dict[int | str, dict[str, Any]] = {
    200: {"description": "The definition.", "content": {YAML: {"schema": {"type": "object"}}}}
}
_TALK: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "What `POST /api/v1/process` of the agent service answers; with `stream`,"
        " the same server-sent events.",
        "content": {
            "application/json": {"schema": {"type": "object"}},
            "text/event-stream": {"schema": {"type": "string"}},
        },
    }
}
_REUSED: Final = f"{TYPE_PREFIX}key-reused"
"""A key that came before with something else: a conflict, in document 4's services."""
_NO_FILE_NAME: Final = re.compile(r"[^A-Za-z0-9_-]+")


def router(clock: Clock, drain: Drain) -> APIRouter:
    """The routes about an agent.

    Args:
        clock: Times the heartbeats of streams.
        drain: Says when streams must end.
    """
    routes = APIRouter(prefix="/api", route_class=StrictRoute, tags=["wizard"])
    _add_prompts(routes)
    _add_talk(routes, clock, drain)
    return routes


def _add_prompts(routes: APIRouter) -> None:
    @routes.post("/agents/{agent_id}/system-prompt", response_model=wire.Prompt)
    async def system_prompt(
        caller: Writer,
        wizard: Wizard,
        agent_id: AgentId,
        request: Request,
        body: wire.PromptRequest | None = None,
        if_match: IfMatch = None,
    ) -> Response:
        """Make what an agent is told to be, out of its trade and its business."""
        wanted = body or wire.PromptRequest()
        audit_subject(request.scope, agent_id)
        made = await wizard.prompt(
            agent_id,
            by(caller),
            custom=wanted.custom_prompt,
            save=wanted.save,
            accepted=accepted(if_match),
        )
        said = {
            "system_prompt": made.text,
            "industry_metadata": made.metadata,
            "agent_id": agent_id,
            "business_name": made.definition.content.business_name,
            "version": str(made.definition.version),
            "saved": wanted.save,
        }
        return answer(said, revision=made.definition.revision)

    @routes.post("/agents/{agent_id}/validate-deployment", response_model=wire.ReadinessView)
    async def validate(caller: Reader, wizard: Wizard, agent_id: AgentId) -> Response:
        """Whether an agent can begin its work; if not, why, and how to mend it."""
        return answer(await wizard.readiness(agent_id, namespace=caller.namespace))

    @routes.get("/agents/{agent_id}/yaml", response_class=Response, responses=_YAML)
    async def yaml(
        caller: Reader,
        wizard: Wizard,
        agent_id: AgentId,
        download: Annotated[bool, Query(description="As a file to be kept.")] = False,
    ) -> Response:
        """A definition as the YAML that `rollcall agents apply` takes."""
        text = await wizard.yaml(agent_id, namespace=caller.namespace)
        name = _NO_FILE_NAME.sub("-", agent_id)[:100].strip("-") or "agent"
        headers = {"X-Content-Type-Options": "nosniff"}
        if download:
            headers["Content-Disposition"] = f'attachment; filename="{name}.yaml"'
        return Response(text, headers=headers, media_type=YAML)


def _add_talk(routes: APIRouter, clock: Clock, drain: Drain) -> None:
    @routes.post("/runtime/chat/{agent_id}", response_class=Response, responses=_TALK)
    async def chat(
        caller: Writer,
        wizard: Wizard,
        agent_id: AgentId,
        asked: wire.ChatRequest,
        request: Request,
        key: IdempotencyKey = None,
    ) -> Response:
        """Talk to an agent that is active: a real conversation, which is recorded and charged."""
        _check(asked, key)
        audit_subject(request.scope, agent_id)
        events = await wizard.talk(
            agent_id,
            caller,
            asked.message,
            session_id=asked.session_id,
            user_id=asked.user_id,
            key=key,
        )
        try:
            if not asked.stream:
                return Response(await ended(events), media_type="application/json")
            # Only once there is a first one it is certain that there will be a stream.
            first = await anext(events, None)
        except TalkRefused as refused:
            return _refusal(refused)
        if first is None:
            raise AgentServiceAway(SILENT)
        return EventStream(_streamed(first, events), clock, drain, retry=None, ends=True)


def _check(asked: wire.ChatRequest, key: str | None) -> None:
    if not check_text("message", asked.message, wire.MAX_MESSAGE).strip():
        raise InvalidInput("message", "must not be blank")
    if asked.session_id is not None:
        check_id("session_id", asked.session_id, wire.MAX_NAME)
    for field, text in (("user_id", asked.user_id), ("Idempotency-Key", key)):
        if text is not None:
            check_line(field, text, wire.MAX_NAME)


async def _streamed(
    first: TalkEvent, events: AsyncGenerator[TalkEvent]
) -> AsyncGenerator[ServerEvent]:
    async with aclosing(events):
        yield ServerEvent(first.data, first.event, first.id)
        async for one in events:
            yield ServerEvent(one.data, one.event, one.id)


def _refusal(refused: TalkRefused) -> Response:
    """What the agent service said, as it said it but for what has another name here."""
    wait = refused.retry_after
    headers = {} if wait is None else {"Retry-After": str(wait)}
    problem = refused.problem
    errors: object = problem.get("errors")
    if isinstance(errors, list):
        problem["errors"] = [_renamed(one) for one in cast("list[Any]", errors)]
    status = refused.status
    if problem.get("type") == _REUSED:
        problem["status"] = status = 409
    return Response(msgspec.json.encode(problem), status, headers, MEDIA_TYPE)


def _renamed(error: Any) -> dict[str, Any]:
    told = cast("dict[str, Any]", error) if isinstance(error, dict) else {}
    return {**told, "field": "message"} if told.get("field") == "user_input" else told
