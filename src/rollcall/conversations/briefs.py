# SPDX-License-Identifier: Apache-2.0
"""What agent answers a turn, with what capabilities, and what it remembers: plain data."""

from __future__ import annotations

from typing import Any, Final

import msgspec


class Skill(msgspec.Struct, frozen=True, kw_only=True):
    """A capability, as an agent has it.

    Args:
        id: The capability's id.
        name: What people call it.
        description: What an agent can do with it.
        tags: Words to find it by.
        configuration: What it is told for this agent.
    """

    id: str
    name: str
    description: str = ""
    tags: tuple[str, ...] = ()
    configuration: dict[str, Any] = {}


class Agent(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a definition, as it is run.

    Args:
        id: The definition's id.
        version: The number of the version.
        name: What people call it.
        description: What it is for.
        instructions: What it is told to be; empty: nothing.
        model: `provider:model`; None: the one of the settings.
        limits: What one turn may use, by the names of `Limits`; what is missing or null is as in
            the settings, and nothing is ever more than there.
        skills: What it can do; empty: whatever there are tools for, unless it is confined.
        confined: Whether it has the tools of its skills alone, and without any skill none. Whoever
            answers strangers is: among the tools is one that finds what others said.
    """

    id: str
    version: int
    name: str
    description: str = ""
    instructions: str = ""
    model: str | None = None
    limits: dict[str, Any] = {}
    skills: tuple[Skill, ...] = ()
    confined: bool = False


class Notes(msgspec.Struct, frozen=True):
    """What is remembered. All of it was said by users: data, never instructions.

    Args:
        recalled: What may help to answer, the best first.
        noted: What of this very message is remembered from now on.
    """

    recalled: tuple[str, ...] = ()
    noted: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.recalled or self.noted)


NO_NOTES: Final = Notes()
"""Nothing is remembered."""


class Brief(msgspec.Struct, frozen=True, kw_only=True):
    """What agent answers, and what it remembers.

    Args:
        agent: The agent; None: the one of the settings.
        notes: What is remembered.
    """

    agent: Agent | None = None
    notes: Notes = NO_NOTES
