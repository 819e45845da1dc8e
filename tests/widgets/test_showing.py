"""Of the agent's work a visitor hears the answer alone."""

from __future__ import annotations

from typing import Any

import pytest

from rollcall.kernel.caller import RateLimited
from rollcall.kernel.errors import InvalidInput
from rollcall.widgets.errors import (
    AnswerUnavailable,
    MessageRefused,
    TurnNotFound,
    WidgetPaused,
)
from rollcall.widgets.models import Told
from rollcall.widgets.showing import refusal, shown

INSIDE: dict[str, Any] = {
    "turn_id": "turn_1",
    "session_id": "s",
    "agent_id": "clerk",
    "tools_used": [{"name": "search", "url": "http://10.0.0.1"}],
    "usage": {"model": "gpt", "cost": "0.1"},
    "user_id": "visitor:x",
}


@pytest.mark.parametrize(
    ("told", "heard"),
    [
        (Told("accepted", INSIDE), Told("accepted", {"turn_id": "turn_1"})),
        (Told("text", {"text": "a", "odd": 1}), Told("text", {"text": "a"})),
        (Told("reset", {"odd": 1}), Told("reset", {})),
        (
            Told("done", {**INSIDE, "response": "yes"}),
            Told("done", {"turn_id": "turn_1", "response": "yes"}),
        ),
        (Told("started", INSIDE), None),
        (Told("tool_started", {"name": "search", "arguments": {"q": "x"}}), None),
        (Told("tool_finished", INSIDE), None),
        (Told("something_new", INSIDE), None),
    ],
)
def test_only_the_answer_itself_is_heard(told: Told, heard: Told | None) -> None:
    assert shown(told) == heard


@pytest.mark.parametrize(
    ("type_", "kind"),
    [
        ("model-unavailable", "answer-unavailable"),
        ("interrupted", "answer-unavailable"),
        ("budget-exhausted", "answer-unavailable"),
        ("limit-reached", "answer-refused"),
        ("model-refused", "answer-refused"),
        ("turn-cancelled", "answer-stopped"),
        ("model-misbehaved", "answer-failed"),
        ("turn-failed", "answer-failed"),
        ("something-new", "answer-failed"),
        ("", "answer-failed"),
    ],
)
def test_why_an_answer_failed_is_one_of_four_kinds_in_words_of_our_own(
    type_: str, kind: str
) -> None:
    said = {"type": f"urn:rollcall:problem:{type_}", "detail": "10.0.0.1 says no", **INSIDE}
    heard = shown(Told("failed", said))
    assert heard is not None
    problem = heard.data["problem"]
    assert problem["type"] == f"urn:rollcall:problem:{kind}"
    assert set(problem) == {"type", "title", "detail", "status"}
    assert "10.0.0.1" not in str(heard)


@pytest.mark.parametrize(
    ("status", "kind", "turn", "error"),
    [
        (404, "agent-not-found", None, WidgetPaused),
        (409, "agent-not-runnable", None, WidgetPaused),
        (404, "session-not-found", "turn_1", TurnNotFound),
        (404, "turn-not-found", "turn_1", TurnNotFound),
        (422, "key-reused", None, InvalidInput),
        (422, "invalid-input", None, InvalidInput),
        (429, "session-busy", None, RateLimited),
        (401, "not-authenticated", None, AnswerUnavailable),
        (403, "not-permitted", None, AnswerUnavailable),
        (400, "", None, AnswerUnavailable),
    ],
)
def test_what_the_agent_service_refuses_is_told_in_words_for_visitors(
    status: int, kind: str, turn: str | None, error: type[Exception]
) -> None:
    found = refusal(MessageRefused(status, kind, 3.0), turn)
    assert isinstance(found, error)
    if isinstance(found, RateLimited):
        assert found.retry_after == 3.0
