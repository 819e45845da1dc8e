# SPDX-License-Identifier: Apache-2.0
"""Between what HTTP says of conversations and what they are. Pure."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Final

from rollcall.conversations import wire
from rollcall.conversations.models import Ask, Session, ToolRun, ToolSpec, Turn, Usage
from rollcall.kernel.caller import Caller
from rollcall.kernel.errors import InvalidInput
from rollcall.web.lines import check_id, check_line

# Those that lay text out may stand in what somebody pastes.
_CONTROL: Final = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")


def session_id(text: str) -> str:
    """A session's id.

    Raises:
        InvalidInput: It is empty, too long, cannot be seen, or cannot be a segment of a path.
    """
    return check_id("session_id", text, wire.MAX_NAME)


def line(field: str, text: str | None) -> str | None:
    """A name that may be missing.

    Raises:
        InvalidInput: It is there, and empty, too long, or cannot be seen.
    """
    return None if text is None else check_line(field, text, wire.MAX_NAME)


def message(field: str, text: str) -> str:
    """What somebody says.

    Raises:
        InvalidInput: It is empty, too long, or holds control characters.
    """
    if not text.strip():
        raise InvalidInput(field, "must not be empty")
    if len(text) > wire.MAX_INPUT:
        raise InvalidInput(field, f"must have at most {wire.MAX_INPUT} characters, not {len(text)}")
    found = _CONTROL.search(text)
    if found is not None:
        raise InvalidInput(field, f"must hold no control characters such as {found[0]!a}")
    return text


def one_key(header: str | None, body: str | None) -> str | None:
    """The idempotency key of a request, from wherever it came.

    Raises:
        InvalidInput: It is no line, or header and body do not agree.
    """
    if header is not None and body is not None and header != body:
        raise InvalidInput("idempotency_key", "must be the same as the header Idempotency-Key")
    return line("idempotency_key", header if header is not None else body)


def ask_from(
    asked: wire.ProcessRequest, caller: Caller, key: str | None, correlation_id: str
) -> Ask:
    """What a request wants to be kept and answered.

    Args:
        asked: The body.
        caller: Who sent it.
        key: The header `Idempotency-Key`.
        correlation_id: The chain of acts that it belongs to.

    Raises:
        InvalidInput: Something of it cannot be used.
    """
    return Ask(
        namespace=caller.namespace,
        session_id=session_id(asked.session_id),
        user_input=message("user_input", asked.user_input),
        owner=caller.subject,
        agent_id=line("agent_id", asked.agent_id),
        user_id=line("user_id", asked.user_id),
        model=line("model", asked.model),
        idempotency_key=one_key(key, asked.idempotency_key),
        correlation_id=correlation_id,
    )


def answer_to(turn: Turn) -> wire.ProcessAnswer:
    """A turn as the answer to its message."""
    return wire.ProcessAnswer(
        response=turn.response,
        session_id=turn.session_id,
        turn_id=turn.id,
        agent_id=turn.agent_id,
        agent_version=turn.agent_version,
        status=turn.status,
        tools_used=[tool_use(run) for run in turn.tools],
        usage=usage_to(turn.usage),
        duration_ms=_between(turn.created_at, turn.finished_at),
        created_at=turn.created_at,
        finished_at=turn.finished_at,
    )


def turn_to(turn: Turn) -> wire.TurnView:
    """A turn with all that may be told of it."""
    return wire.TurnView(
        turn_id=turn.id,
        session_id=turn.session_id,
        number=turn.number,
        status=turn.status,
        agent_id=turn.agent_id,
        agent_version=turn.agent_version,
        user_id=turn.user_id,
        user_input=turn.user_input,
        response=turn.response,
        error=turn.error,
        error_type=turn.error_type,
        model=turn.model,
        tools_used=[tool_detail(run) for run in turn.tools],
        usage=usage_to(turn.usage),
        created_at=turn.created_at,
        started_at=turn.started_at,
        finished_at=turn.finished_at,
        duration_ms=_between(turn.created_at, turn.finished_at),
    )


def tool_use(run: ToolRun) -> wire.ToolUse:
    """A call, as an answer tells of it."""
    return wire.ToolUse(**_use(run))


def tool_detail(run: ToolRun) -> wire.ToolUseDetail:
    """A call with what went in and what came out."""
    return wire.ToolUseDetail(
        **_use(run),
        call_id=run.call_id,
        started_at=run.started_at,
        arguments=run.arguments,
        result=run.result,
    )


def usage_to(usage: Usage | None) -> wire.UsageView | None:
    """What was used; None: nothing."""
    if usage is None:
        return None
    return wire.UsageView(
        model=usage.model,
        provider=usage.provider,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cached_tokens=usage.cached_tokens,
        requests=usage.requests,
        estimated=usage.estimated,
        cost=usage.cost,
        currency=usage.currency,
        priced_by=usage.priced_by,
    )


def session_to(session: Session) -> wire.SessionView:
    """A conversation."""
    return wire.SessionView(
        session_id=session.session_id,
        agent_id=session.agent_id,
        agent_version=session.agent_version,
        user_id=session.user_id,
        title=session.title,
        turns=session.turns,
        created_at=session.created_at,
        updated_at=session.updated_at,
    )


def tool_to(spec: ToolSpec) -> wire.ToolView:
    """A tool."""
    return wire.ToolView(
        name=spec.name,
        tool=spec.tool,
        service=spec.service,
        description=spec.description,
        idempotent=spec.idempotent,
        input_schema=spec.input_schema,
        output_schema=spec.output_schema,
        protocol=spec.protocol,
        path=spec.path,
        version=spec.version,
    )


def _use(run: ToolRun) -> dict[str, Any]:
    return {
        "name": run.name,
        "tool": run.tool,
        "service": run.service,
        "instance": run.instance,
        "url": run.url,
        "outcome": run.outcome,
        "duration_ms": run.duration_ms,
        "attempts": run.attempts,
        "error": run.error,
        "capability": run.capability,
    }


def _between(start: datetime, end: datetime | None) -> float | None:
    """Milliseconds."""
    return None if end is None else round((end - start).total_seconds() * 1000, 3)
