# SPDX-License-Identifier: Apache-2.0
"""What can go wrong with agents and with giving them tasks."""

from __future__ import annotations

from rollcall.client.errors import NoAgentFound
from rollcall.kernel.errors import RollcallError, Unavailable

__all__ = ["AgentExists", "AgentNotFound", "CircuitOpen", "NoAgentFound", "QueueFull"]


class AgentNotFound(RollcallError, KeyError):
    """The runtime has no such agent: it never had, or the agent was deregistered."""

    def __init__(self, agent_id: str) -> None:
        super().__init__(f"no agent {agent_id!r} in this runtime: register it first")
        self.agent_id = agent_id

    # KeyError shows its argument's repr, which would put the sentence into quotes.
    __str__ = RollcallError.__str__


class AgentExists(RollcallError, ValueError):
    """An agent with this id is registered already."""

    def __init__(self, agent_id: str) -> None:
        super().__init__(f"Agent with ID '{agent_id}' is already registered")
        self.agent_id = agent_id


class QueueFull(Unavailable):
    """As many tasks wait for a slot as may; try again later.

    Args:
        size: Tasks that may wait.
    """

    def __init__(self, size: int) -> None:
        super().__init__(f"{size} tasks wait for a slot already: try again later")
        self.size = size


class CircuitOpen(Unavailable):
    """Too many calls failed; nothing is sent until the circuit lets a trial through.

    Args:
        name: Whose circuit it is.
        retry_after: Seconds until a trial call may be made; None: there will be none.
    """

    def __init__(self, name: str, retry_after: float | None) -> None:
        later = "" if retry_after is None else f"; a trial is let through in {retry_after:g} s"
        super().__init__(f"the circuit of {name} is open after too many failures{later}")
        self.name = name
        self.retry_after = retry_after
