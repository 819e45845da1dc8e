# SPDX-License-Identifier: Apache-2.0
"""The errors of the agent service."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from rollcall.kernel.errors import RollcallError, Unavailable


class SessionNotFound(RollcallError, LookupError):
    """There is no such session."""

    def __init__(self, session_id: str) -> None:
        super().__init__(f"there is no session {session_id!r}")
        self.session_id = session_id


class TurnNotFound(RollcallError, LookupError):
    """There is no such turn in the session."""

    def __init__(self, session_id: str, turn_id: str) -> None:
        super().__init__(f"session {session_id!r} has no turn {turn_id!r}")
        self.session_id = session_id
        self.turn_id = turn_id


class KeyReused(RollcallError):
    """The idempotency key came before, with another message."""

    def __init__(self, key: str) -> None:
        super().__init__(f"the idempotency key {key!r} was used for another message")
        self.key = key


class SessionBusy(RollcallError):
    """More messages wait in the session than it takes."""

    def __init__(self, session_id: str, waiting: int) -> None:
        super().__init__(f"{waiting} messages wait in session {session_id!r} already")
        self.session_id = session_id
        self.waiting = waiting


class AgentNotFound(RollcallError, LookupError):
    """There is no definition of this id, or it was deleted."""

    def __init__(self, agent_id: str) -> None:
        super().__init__(f"there is no agent {agent_id!r}")
        self.agent_id = agent_id


class AgentNotRunnable(RollcallError):
    """There is a definition of this id, but it cannot be run now.

    Args:
        agent_id: Its id.
        agent_status: Where it stands in its life.
        problem: Why it cannot be run, for people; None: since it is not active.
    """

    def __init__(self, agent_id: str, agent_status: str, problem: str | None = None) -> None:
        why = problem or f"it is {agent_status}, and only what is active is run"
        super().__init__(f"agent {agent_id!r} cannot be run: {why}")
        self.agent_id = agent_id
        self.agent_status = agent_status


class SessionOfAnother(RollcallError):
    """The session belongs to another agent than the one that was named."""

    def __init__(self, session_id: str, agent_id: str) -> None:
        super().__init__(
            f"session {session_id!r} belongs to agent {agent_id!r}: begin another one, or name"
            " no agent"
        )
        self.session_id = session_id
        self.agent_id = agent_id


class TurnFailed(RollcallError):
    """A model gave no answer. Its message is kept with the turn and shown to the user.

    Args:
        problem: Why, for people, with no secret in it.
    """

    type: ClassVar[str] = "turn-failed"
    """What `Turn.error_type` says."""

    cost_usd: Decimal | None = None
    """What was spent all the same, in US dollars, where somebody has said."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class ModelUnavailable(TurnFailed, Unavailable):
    """The model's provider does not answer, or is overloaded, after all attempts."""

    type = "model-unavailable"


class ModelRefused(TurnFailed):
    """The provider does not take the request: no such model, a bad key, a message too long."""

    type = "model-refused"


class ModelMisbehaved(TurnFailed):
    """The model said what makes no sense, again and again."""

    type = "model-misbehaved"


class BudgetExhausted(TurnFailed):
    """A budget has less left than the turn may cost."""

    type = "budget-exhausted"


class LimitReached(TurnFailed):
    """The turn would have used more than it may.

    Args:
        limit: The name of the limit, a field of `Limits`.
        problem: What was reached.
    """

    type = "limit-reached"

    def __init__(self, limit: str, problem: str) -> None:
        super().__init__(problem)
        self.limit = limit
