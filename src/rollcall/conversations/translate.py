# SPDX-License-Identifier: Apache-2.0
"""Between what HTTP says of conversations and what they are. Pure."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Final, TypeVar

from rollcall.conversations import wire
from rollcall.conversations.models import Ask, Session, ToolRun, ToolSpec, Turn
from rollcall.kernel.caller import Caller
from rollcall.kernel.errors import InvalidInput
from rollcall.web.lines import check_id, check_line

# Those that lay text out may stand in what somebody pastes.
_CONTROL: Final = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_OfTurn = TypeVar("_OfTurn", wire.ProcessAnswer, wire.TurnView)


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
    return _of_turn(wire.ProcessAnswer, turn)


def turn_to(turn: Turn) -> wire.TurnView:
    """A turn with all that may be told of it."""
    return _of_turn(wire.TurnView, turn)


def tool_detail(run: ToolRun) -> wire.ToolUseDetail:
    """A call with what went in and what came out."""
    return wire.ToolUseDetail.model_validate(run, from_attributes=True)


def session_to(session: Session) -> wire.SessionView:
    """A conversation."""
    return wire.SessionView.model_validate(session, from_attributes=True)


def tool_to(spec: ToolSpec) -> wire.ToolView:
    """A tool."""
    return wire.ToolView.model_validate(spec, from_attributes=True)


def _of_turn(kind: type[_OfTurn], turn: Turn) -> _OfTurn:
    """What `kind` tells of a turn, by the names that both have, but for the three that differ."""
    told: dict[str, Any] = {
        "turn_id": turn.id,
        "tools_used": turn.tools,
        "duration_ms": _between(turn.created_at, turn.finished_at),
    }
    for name in kind.model_fields:
        if name not in told:
            told[name] = getattr(turn, name)
    return kind.model_validate(told, from_attributes=True)


def _between(start: datetime, end: datetime | None) -> float | None:
    """Milliseconds."""
    return None if end is None else round((end - start).total_seconds() * 1000, 3)
