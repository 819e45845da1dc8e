# SPDX-License-Identifier: Apache-2.0
"""How the errors of widgets look over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rollcall.web.problems import Kind
from rollcall.widgets.errors import (
    AnswerUnavailable,
    DayUsedUp,
    OriginNotAllowed,
    TurnNotFound,
    VisitorTokenRefused,
    WidgetKeyReused,
    WidgetNotFound,
    WidgetPaused,
)

PROBLEMS: Final[Mapping[type[Exception], Kind]] = {
    WidgetNotFound: Kind(404, "widget-not-found", "There is no such widget", ("widget",)),
    TurnNotFound: Kind(404, "turn-not-found", "There is no such message", ("turn_id",)),
    WidgetKeyReused: Kind(
        409, "key-reused", "The idempotency key was used for another request", ("widget_id",)
    ),
    WidgetPaused: Kind(409, "widget-paused", "The widget does not answer now"),
    OriginNotAllowed: Kind(
        403, "origin-not-allowed", "The widget may not be used on this page", ("origin",)
    ),
    VisitorTokenRefused: Kind(401, "visitor-token", "A new visitor's token is needed"),
    DayUsedUp: Kind(
        429, "daily-limit", "The widget takes no more messages today", ("retry_after",)
    ),
    AnswerUnavailable: Kind(
        503, "answer-unavailable", "There is no answer now", ("retry_after",), retry_after=5
    ),
}
"""For a module."""
