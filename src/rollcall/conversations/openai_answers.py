# SPDX-License-Identifier: Apache-2.0
"""What OpenAI's chat completions answer: whole, in pieces, and with errors.

Beside OpenAI's members an answer has `rollcall`: the session, the turn and the tools that ran.
What a model said before it called a tool cannot be taken back from a stream: an empty line sets it
apart from what follows.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import msgspec
from starlette.responses import Response

from rollcall.conversations.models import TextPart, TextReset, Turn, TurnChanged, TurnStatus, Update
from rollcall.conversations.problems import unanswered
from rollcall.conversations.translate import answer_to
from rollcall.web.sse import ServerEvent, closed

_DONE: Final = ServerEvent(b"[DONE]")
_ENTITY: Final = frozenset({"content-length", "content-type"})
_TYPES: Final = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}
_LATER: Final = (429, 503)
"""What may be answered when it is asked again."""

_encode = msgspec.json.Encoder().encode


def openai_error(response: Response) -> Response:
    """A problem in the shape of OpenAI's errors, so that its clients raise what they should.

    What cannot be used is a 400, as there. `x-should-retry`, which OpenAI's clients heed, keeps
    them from having a turn that failed for good answered, and paid for, again.
    """
    if response.headers.get("content-type") != "application/problem+json":
        return response
    problem: dict[str, Any] = json.loads(bytes(response.body))
    status = 400 if response.status_code == 422 else response.status_code
    headers = {
        name: value for name, value in response.headers.items() if name.lower() not in _ENTITY
    }
    headers["x-should-retry"] = "true" if status in _LATER else "false"
    content = json.dumps({"error": _error(problem, status)})
    return Response(content, status, headers, "application/json")


def completion(turn: Turn, model: str) -> dict[str, Any]:
    """The answer as a whole."""
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": turn.response, "refusal": None},
        "logprobs": None,
        "finish_reason": "stop",
    }
    return {
        **_head(turn, model, "chat.completion"),
        "choices": [choice],
        "usage": _usage(turn),
        "rollcall": _beside(turn),
    }


async def chunks(
    turn: Turn, updates: AsyncIterator[Update], model: str, *, include_usage: bool
) -> AsyncIterator[ServerEvent]:
    """The answer in pieces, up to `[DONE]`, or to an error and no more.

    Args:
        turn: The turn as it was accepted.
        updates: What happens to it.
        model: The name that was asked for.
        include_usage: Whether the piece before the last says what was used.
    """
    head = _head(turn, model, "chat.completion.chunk")
    if include_usage:
        head["usage"] = None
    said = ""
    try:
        yield _chunk(head, {"role": "assistant", "content": "", "refusal": None})
        async for update in updates:
            match update:
                case TextPart(text):
                    said += text
                    yield _chunk(head, {"content": text})
                case TextReset() if said:
                    said = ""
                    yield _chunk(head, {"content": "\n\n"})
                case TurnChanged(changed) if changed.status.ended:
                    for event in _ending(head, changed, said, include_usage=include_usage):
                        yield event
                case _:
                    pass
    finally:
        await closed(updates)


def models(names: list[str], created: int) -> dict[str, Any]:
    """The list of models."""
    return {"object": "list", "data": [one_model(name, created) for name in names]}


def one_model(name: str, created: int) -> dict[str, Any]:
    """A model."""
    return {"id": name, "object": "model", "created": created, "owned_by": "rollcall"}


def _ending(
    head: Mapping[str, Any], turn: Turn, said: str, *, include_usage: bool
) -> list[ServerEvent]:
    if turn.status is not TurnStatus.ANSWERED:
        problem = unanswered(turn)
        error = _error(json.loads(bytes(problem.body)), problem.status_code)
        return [ServerEvent(_encode({"error": error}))]
    events: list[ServerEvent] = []
    # Of a turn that another process, or an earlier request, saw the beginning of.
    apart = "" if turn.response.startswith(said) else "\n\n"
    rest = apart + turn.response.removeprefix(said)
    if rest:
        events.append(_chunk(head, {"content": rest}))
    events.append(_chunk({**head, "rollcall": _beside(turn)}, {}, "stop"))
    if include_usage:
        events.append(ServerEvent(_encode({**head, "choices": [], "usage": _usage(turn)})))
    return [*events, _DONE]


def _chunk(
    head: Mapping[str, Any], delta: Mapping[str, Any], reason: str | None = None
) -> ServerEvent:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
    return ServerEvent(_encode({**head, "choices": [choice]}))


def _head(turn: Turn, model: str, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{turn.id}",
        "object": kind,
        "created": int(turn.created_at.timestamp()),
        "model": model,
    }


def _usage(turn: Turn) -> dict[str, Any]:
    usage = turn.usage
    read, written = (usage.input_tokens, usage.output_tokens) if usage else (0, 0)
    return {
        "prompt_tokens": read,
        "completion_tokens": written,
        "total_tokens": read + written,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens if usage else 0},
    }


def _beside(turn: Turn) -> dict[str, Any]:
    return answer_to(turn).model_dump(mode="json", include={"session_id", "turn_id", "tools_used"})


def _error(problem: Mapping[str, Any], status: int) -> dict[str, Any]:
    errors: list[dict[str, str]] = problem.get("errors", [])
    name = str(problem.get("type", "")).rpartition(":")[2].replace("-", "_")
    kind = "server_error" if status >= 500 else _TYPES.get(status, "invalid_request_error")
    return {
        "message": problem.get("detail") or problem["title"],
        "type": kind,
        "param": errors[0]["field"] if errors else None,
        # `about:blank`: the status says it all.
        "code": None if name == "blank" else name,
    }
