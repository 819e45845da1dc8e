# SPDX-License-Identifier: Apache-2.0
"""What visitors are shown: of the agent's work the answer alone. Pure.

Tools, arguments, models, costs and what went wrong inside stay inside.
"""

from __future__ import annotations

from typing import Any, Final

from rollcall.kernel.caller import RateLimited
from rollcall.kernel.errors import InvalidInput, RollcallError
from rollcall.widgets.errors import (
    AnswerUnavailable,
    MessageRefused,
    TurnNotFound,
    WidgetPaused,
)
from rollcall.widgets.models import Content, Told, Widget

_TYPE: Final = "urn:rollcall:problem:"
_ENDS: Final = {
    "answer-unavailable": (
        503,
        "There is no answer now",
        "I cannot answer right now. Please try again in a moment.",
    ),
    "answer-refused": (
        422,
        "The message cannot be answered",
        "I cannot answer that message. Please put it another way, or shorter.",
    ),
    "answer-stopped": (409, "The answer was stopped", "The answer was stopped."),
    "answer-failed": (
        500,
        "The answer went wrong",
        "Something went wrong while I was answering. Please try again.",
    ),
}
"""How an answer may fail, as visitors are told: status, title and text."""
_KINDS: Final = {
    "model-unavailable": "answer-unavailable",
    "unavailable": "answer-unavailable",
    "interrupted": "answer-unavailable",
    "budget-exhausted": "answer-unavailable",
    "model-refused": "answer-refused",
    "invalid-input": "answer-refused",
    "limit-reached": "answer-refused",
    "turn-cancelled": "answer-stopped",
}


def shown(told: Told) -> Told | None:
    """What a visitor hears of what the agent service told; None: nothing."""
    data = told.data
    match told.kind:
        case "accepted":
            return Told("accepted", {"turn_id": str(data["turn_id"])})
        case "text":
            return Told("text", {"text": str(data["text"])})
        case "reset":
            return Told("reset", {})
        case "done":
            response = str(data["response"])
            return Told("done", {"turn_id": str(data["turn_id"]), "response": response})
        case "failed":
            return Told("failed", {"problem": ending(str(data.get("type", "")))})
        case _:
            return None


def ending(type_: str) -> dict[str, Any]:
    """The problem that a visitor is told, of the type of the one that it was."""
    name = _KINDS.get(type_.rpartition(":")[2], "answer-failed")
    status, title, detail = _ENDS[name]
    return {"type": _TYPE + name, "title": title, "detail": detail, "status": status}


def refusal(error: MessageRefused, turn_id: str | None = None) -> RollcallError:
    """What a visitor is told who asked for what the agent service refused.

    Args:
        error: What it said.
        turn_id: The turn that was asked for; None: a message was sent.
    """
    if error.status == 404 and turn_id is not None:
        return TurnNotFound(turn_id)
    if error.status in (404, 409):
        return WidgetPaused()
    if error.status == 429:
        return RateLimited(error.retry_after or 1.0)
    if error.kind == "key-reused":
        return InvalidInput("client_id", "was used for another message")
    if error.status == 422:
        return InvalidInput("message", "cannot be used")
    return AnswerUnavailable(error.retry_after or 5)


def configuration(widget: Widget, message_chars: int) -> dict[str, Any]:
    """What the browser is told of a widget: texts as data, never as HTML."""
    content: Content = widget.content
    settings, theme = content.settings, content.theme
    return {
        "name": content.name,
        "welcome_message": content.welcome_message,
        "placeholder": content.placeholder,
        "theme": theme,
        "position": content.position,
        "settings": {
            "auto_open": settings.auto_open,
            "auto_open_delay_ms": settings.auto_open_delay_ms,
            "show_avatar": settings.show_avatar,
            "avatar_url": content.avatar_url,
            "sound": settings.sound,
            "typing_indicator": settings.typing_indicator,
            "max_messages": settings.max_messages,
        },
        "language": content.language,
        "limits": {"message_chars": message_chars},
    }
