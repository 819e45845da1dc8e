# SPDX-License-Identifier: Apache-2.0
"""The integration events of turns and sessions: pure. Their ids are derived from the act."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final, cast

from msgspec.structs import replace

from rollcall.conversations.models import ToolOutcome, ToolRun, Turn, TurnStatus
from rollcall.events.envelope import Event
from rollcall.kernel.ids import derived

SOURCE: Final = "/conversations"
_ERROR: Final = 500
"""Characters of what a tool says that went wrong."""


def turn_events(turn: Turn) -> tuple[Event, ...]:
    """What an ended turn tells: which capabilities ran for it, how it ended, and what it used of a
    model.

    All are about the session, so that they are delivered in the order of its turns.
    """
    assert turn.status.ended
    assert turn.finished_at is not None
    type_, data = _ending(turn, turn.finished_at)
    ending = _event(derived("turn", turn.id), type_, turn, turn.finished_at, data)
    runs = [event for run in turn.tools if run.capability for event in _executed(turn, run)]
    used = () if turn.usage is None else (_used(turn, turn.finished_at),)
    return (*runs, ending, *used)


def session_deleted(namespace: str, session_id: str, at: datetime, act: str) -> Event:
    """What tells that a session is gone.

    Args:
        namespace: Whose it was.
        session_id: Which.
        at: When.
        act: Names the act: a session of the same name may come and go again.
    """
    return Event(
        id=derived("session", session_id, act),
        type="conversation.deleted",
        source=SOURCE,
        subject=session_id,
        time=at,
        data={"session_id": session_id},
        namespace=namespace,
    )


def cleaned(turn: Turn) -> Turn:
    """`turn` with a question mark for every lone surrogate: UTF-8 has no bytes for them."""
    return replace(
        turn,
        response=_text(turn.response),
        error=None if turn.error is None else _text(turn.error),
        tools=tuple(
            replace(
                run,
                arguments=_cleaned(run.arguments),
                result=_cleaned(run.result),
                error=None if run.error is None else _text(run.error),
            )
            for run in turn.tools
        ),
    )


def _text(text: str) -> str:
    return text.encode(errors="replace").decode()


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, dict):
        pairs = cast("dict[str, Any]", value).items()
        return {_text(key): _cleaned(one) for key, one in pairs}
    if isinstance(value, list):
        return [_cleaned(one) for one in cast("list[Any]", value)]
    return value


def _ending(turn: Turn, at: datetime) -> tuple[str, dict[str, Any]]:
    data: dict[str, Any] = {
        "conversation_id": turn.id,
        "session_id": turn.session_id,
        "agent_id": turn.agent_id,
        "user_message": turn.user_input,
    }
    data |= _whose(turn)
    if turn.usage is not None:
        data["model_used"] = turn.usage.model
        data["tokens_used"] = turn.usage.input_tokens + turn.usage.output_tokens
        if turn.usage.cost is not None:
            data["cost"] = format(turn.usage.cost, "f")
    if turn.status is TurnStatus.ANSWERED:
        data["agent_response"] = turn.response
        data["response_time_ms"] = round((at - turn.created_at).total_seconds() * 1000, 3)
        data["tools"] = [
            {
                "name": run.name,
                "service": run.service,
                "outcome": run.outcome.value,
                "duration_ms": run.duration_ms,
            }
            for run in turn.tools
        ]
        return "conversation.completed", data
    data["error"] = turn.error or ""
    data["error_type"] = turn.error_type or turn.status.value
    if turn.response:
        data["agent_response"] = turn.response
    return "conversation.failed", data


def _used(turn: Turn, at: datetime) -> Event:
    usage = turn.usage
    assert usage is not None
    data: dict[str, Any] = {
        "conversation_id": turn.id,
        "agent_id": turn.agent_id,
        "session_id": turn.session_id,
        "model_used": usage.model,
        "provider": usage.provider,
        "tokens_used": usage.input_tokens + usage.output_tokens,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cached_tokens": usage.cached_tokens,
        "requests": usage.requests,
        "estimated": usage.estimated,
        "cost": None if usage.cost is None else format(usage.cost, "f"),
        "currency": usage.currency,
        "priced_by": usage.priced_by,
    }
    return _event(derived("usage", turn.id), "usage.recorded", turn, at, data | _whose(turn))


def _executed(turn: Turn, run: ToolRun) -> tuple[Event, Event]:
    """That a capability of the agent began to run, and how that ended."""
    data: dict[str, Any] = {
        "execution_id": run.call_id,
        "agent_id": turn.agent_id,
        "capability_id": run.capability,
        "conversation_id": turn.id,
        "session_id": turn.session_id,
        "tool": run.tool,
        "service": run.service,
    } | _whose(turn)
    ended = {**data, "duration_ms": run.duration_ms}
    name = "completed"
    if run.outcome is not ToolOutcome.OK:
        name, ended["error"] = "failed", (run.error or run.outcome.value)[:_ERROR]
    end = run.started_at + timedelta(milliseconds=run.duration_ms)
    return (
        _event(
            derived("execution", run.call_id, "started"),
            "agent.capability.execution.started",
            turn,
            run.started_at,
            data,
        ),
        _event(
            derived("execution", run.call_id, "ended"),
            f"agent.capability.execution.{name}",
            turn,
            end,
            ended,
        ),
    )


def _whose(turn: Turn) -> dict[str, Any]:
    """Who said it, and which version of a definition was asked, where there is one."""
    data: dict[str, Any] = {}
    if turn.user_id is not None:
        data["user_id"] = turn.user_id
    if turn.agent_version is not None:
        data["agent_version"] = turn.agent_version
    return data


def _event(id_: str, type_: str, turn: Turn, at: datetime, data: dict[str, Any]) -> Event:
    return Event(
        id=id_,
        type=type_,
        source=SOURCE,
        subject=turn.session_id,
        time=at,
        data=data,
        namespace=turn.namespace,
        correlation_id=turn.correlation_id,
    )
