# SPDX-License-Identifier: Apache-2.0
"""The errors of the wizard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rollcall.agents.errors import EntityNotFound
from rollcall.agents.models import Status
from rollcall.kernel.errors import RollcallError

_WAYS: Final = {
    Status.DRAFT: "make it active first",
    Status.PAUSED: "make it active again first",
    Status.DISABLED: "make it active again first",
    Status.ARCHIVED: "that is final: make another one",
}


class IndustryNotFound(EntityNotFound):
    """The library has no industry of this key."""

    def __init__(self, industry: str, known: Sequence[str]) -> None:
        super().__init__(f"there is no industry {industry!r}; there are {', '.join(known)}")
        self.industry = industry
        self.known = tuple(known)


class AgentIncomplete(RollcallError):
    """A definition does not say enough for a prompt.

    Args:
        agent_id: Which.
        missing: The fields that it would need.
    """

    def __init__(self, agent_id: str, missing: Sequence[str]) -> None:
        super().__init__(
            f"agent {agent_id!r} has no {', no '.join(missing)} that the library knows:"
            " say it with PATCH first"
        )
        self.agent_id = agent_id
        self.missing = tuple(missing)


class AgentNotActive(RollcallError):
    """Only an agent that is active can be talked to."""

    def __init__(self, agent_id: str, status: Status) -> None:
        path = f"PATCH /api/agents/{agent_id}/status"
        how = _WAYS.get(status, "")
        told = how if status is Status.ARCHIVED else f'{how}, with {path} {{"status": "active"}}'
        super().__init__(f"agent {agent_id!r} is {status.value}: {told}")
        self.agent_id = agent_id
        self.agent_status = status.value


class TalkRefused(Exception):
    """The agent service does not answer a message.

    Args:
        status: Its HTTP status.
        problem: What it says: as a rule a problem (RFC 9457).
        retry_after: Seconds after which it may be asked again; None: it does not say.
    """

    def __init__(
        self, status: int, problem: Mapping[str, Any], retry_after: int | None = None
    ) -> None:
        super().__init__(f"refused with {status}")
        self.status = status
        self.problem = dict(problem)
        self.retry_after = retry_after
