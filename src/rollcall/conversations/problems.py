# SPDX-License-Identifier: Apache-2.0
"""How the errors of conversations, and turns without an answer, look over HTTP.

What a turn may end with is told apart by whether it is worth asking again: what may go better
later is a 5xx, what would go the same way again is a 4xx. That a tool could not be reached is none
of these: the model is told so, and its answer is an answer.

    model-unavailable   503 with Retry-After: the provider does not answer, or is overloaded
    unavailable         503 with Retry-After: something else that was needed does not answer
    interrupted         503 with Retry-After: the service was stopped in the middle of it
    model-misbehaved    502: what the provider's model said made no sense, again and again
    model-refused       422: the provider does not take this request
    invalid-input       422: there is no such model
    limit-reached       422: answering would have used more than a turn may
    budget-exhausted    402: a budget has too little left; nobody was asked
    turn-cancelled      409: somebody called it off
    turn-failed         500: anything else
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.responses import Response

from rollcall.conversations.errors import (
    AgentNotFound,
    AgentNotRunnable,
    BudgetExhausted,
    KeyReused,
    LimitReached,
    ModelMisbehaved,
    ModelRefused,
    ModelUnavailable,
    SessionBusy,
    SessionNotFound,
    SessionOfAnother,
    TurnFailed,
    TurnNotFound,
)
from rollcall.conversations.models import Turn, TurnStatus
from rollcall.conversations.translate import answer_to
from rollcall.web.problems import Kind, problem

RETRY_AFTER: Final = 5
"""Seconds after which a model that did not answer may be asked again."""

PROBLEMS: Final[Mapping[type[Exception], Kind]] = {
    SessionNotFound: Kind(404, "session-not-found", "There is no such session", ("session_id",)),
    TurnNotFound: Kind(404, "turn-not-found", "There is no such turn", ("session_id", "turn_id")),
    AgentNotFound: Kind(404, "agent-not-found", "There is no such agent", ("agent_id",)),
    AgentNotRunnable: Kind(
        409, "agent-not-runnable", "The agent cannot be run now", ("agent_id", "agent_status")
    ),
    SessionOfAnother: Kind(
        409,
        "session-of-another",
        "The session belongs to another agent",
        ("session_id", "agent_id"),
    ),
    # 422, as the draft of the header has it: a 409 would be sent again.
    KeyReused: Kind(422, "key-reused", "The idempotency key was used for another message"),
    SessionBusy: Kind(
        429,
        "session-busy",
        "Too many messages wait in the session",
        ("session_id", "waiting"),
        retry_after=1,
    ),
}
"""For a module: the errors of `Conversations`."""

_FAILED: Final = Kind(500, TurnFailed.type, "There is no answer")
_CANCELLED: Final = Kind(409, "turn-cancelled", "The turn was called off")
_ENDINGS: Final = {
    kind.name: kind
    for kind in (
        Kind(
            503,
            ModelUnavailable.type,
            "The model does not answer now",
            retry_after=RETRY_AFTER,
        ),
        Kind(503, "unavailable", "Something needed does not answer now", retry_after=RETRY_AFTER),
        Kind(503, "interrupted", "The service was stopped meanwhile", retry_after=1),
        Kind(422, "invalid-input", "Something in the request cannot be used"),
        Kind(502, ModelMisbehaved.type, "The model said what makes no sense"),
        Kind(422, ModelRefused.type, "The model's provider does not take the request"),
        Kind(402, BudgetExhausted.type, "The budget has too little left"),
        Kind(422, LimitReached.type, "The turn would have used more than it may"),
    )
}


def unanswered(turn: Turn) -> Response:
    """The answer to a message whose turn ended without one: a problem with what was used."""
    if turn.status is TurnStatus.CANCELLED:
        kind, detail = _CANCELLED, turn.error or "the turn was called off"
    else:
        kind, detail = _ENDINGS.get(turn.error_type or "", _FAILED), turn.error
    members = answer_to(turn).model_dump(mode="json", exclude={"response", "status"})
    headers = {} if kind.retry_after is None else {"Retry-After": str(kind.retry_after)}
    # The text was kept for users, so that it is shown whatever the environment.
    return problem(kind, detail, members, headers)
