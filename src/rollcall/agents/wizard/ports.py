# SPDX-License-Identifier: Apache-2.0
"""What the wizard needs from others."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import Any, Final, Protocol

from rollcall.agents.wizard.models import Reach, TalkEvent
from rollcall.kernel.caller import Caller
from rollcall.kernel.errors import Unavailable

SILENT: Final = "ends without an answer"
"""What is wrong with an agent service that begins to answer, and does not."""


class AgentServiceAway(Unavailable):
    """The agent service gives no answer.

    Args:
        problem: Why, without addresses: callers may see it.
    """

    def __init__(self, problem: str) -> None:
        super().__init__(f"the agent service {problem}")
        self.problem = problem


class ReachableModels(Protocol):
    """Which models the settings reach."""

    def reach(self, model: str | None) -> Reach:
        """Whether they reach a model, by `provider:model`; None: any at all."""
        ...


class Talk(Protocol):
    """The agent service."""

    def events(
        self, caller: Caller, message: Mapping[str, Any], key: str | None
    ) -> AsyncGenerator[TalkEvent]:
        """The events of an answer as they come, the last of them `done` or `failed`.

        Args:
            caller: Who asks.
            message: A body of `POST /api/v1/process`.
            key: The same message again with the same key is answered with the same turn.

        Raises:
            TalkRefused: It does not take the message.
            AgentServiceAway: It gives no answer, or no more of it.
        """
        ...
