# SPDX-License-Identifier: Apache-2.0
"""The errors of definitions and capabilities."""

from __future__ import annotations

from collections.abc import Sequence

from rollcall.agents.models import Status
from rollcall.kernel.errors import RollcallError


class EntityNotFound(RollcallError, LookupError):
    """Something that was named is not there."""


class AgentNotFound(EntityNotFound):
    """There is no definition of this id, or it was deleted."""

    def __init__(self, agent_id: str) -> None:
        super().__init__(f"there is no agent {agent_id!r}")
        self.agent_id = agent_id


class VersionNotFound(EntityNotFound):
    """The definition has no version of this number."""

    def __init__(self, agent_id: str, version: int) -> None:
        super().__init__(f"agent {agent_id!r} has no version {version}")
        self.agent_id = agent_id
        self.version = version


class CapabilityNotFound(EntityNotFound):
    """There is no capability of this id."""

    def __init__(self, capability_id: str) -> None:
        super().__init__(f"there is no capability {capability_id!r}")
        self.capability_id = capability_id


class NotAttached(EntityNotFound):
    """The agent does not have the capability."""

    def __init__(self, agent_id: str, capability_id: str) -> None:
        super().__init__(f"agent {agent_id!r} does not have the capability {capability_id!r}")
        self.agent_id = agent_id
        self.capability_id = capability_id


class TemplateNotFound(EntityNotFound):
    """The definition has no prompt template of this name."""

    def __init__(self, agent_id: str, template: str) -> None:
        super().__init__(f"agent {agent_id!r} has no prompt template {template!r}")
        self.agent_id = agent_id
        self.template = template


class AgentExists(RollcallError):
    """There is a definition of this id already."""

    def __init__(self, agent_id: str) -> None:
        super().__init__(f"there is an agent {agent_id!r} already")
        self.agent_id = agent_id


class KeyReused(RollcallError):
    """An idempotency key came before, with something else, or what it made was deleted since."""

    def __init__(self, key: str, agent_id: str, *, deleted: bool = False) -> None:
        what = "a definition that was deleted" if deleted else "another definition"
        super().__init__(
            f"the idempotency key {key!r} stands for {what}, {agent_id!r}: send a new key"
        )
        self.key = key
        self.agent_id = agent_id


class CapabilityExists(RollcallError):
    """There is a capability of this id already."""

    def __init__(self, capability_id: str) -> None:
        super().__init__(f"there is a capability {capability_id!r} already")
        self.capability_id = capability_id


class CapabilityInUse(RollcallError):
    """Agents have the capability.

    Args:
        capability_id: Which.
        agents: The ids of some of them.
        count: How many there are.
    """

    def __init__(self, capability_id: str, agents: Sequence[str], count: int) -> None:
        super().__init__(
            f"capability {capability_id!r} is in use by {count}"
            f" agent{'' if count == 1 else 's'}: detach it first, or force it"
        )
        self.capability_id = capability_id
        self.agents = tuple(agents)
        self.count = count


class MoveRefused(RollcallError):
    """A definition may not go from one status to another."""

    def __init__(self, agent_id: str, old: Status, new: Status, allowed: Sequence[Status]) -> None:
        may = ", ".join(allowed) or "nothing: that is final"
        super().__init__(f"agent {agent_id!r} is {old}, which {new} cannot follow, but {may}")
        self.agent_id = agent_id
        self.old = old.value
        self.new = new.value
        self.allowed = tuple(one.value for one in allowed)
