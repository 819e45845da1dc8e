# SPDX-License-Identifier: Apache-2.0
"""The port to the definitions of agents, for who runs them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from rollcall.conversations.briefs import Agent
from rollcall.conversations.errors import AgentNotFound


class Definitions(Protocol):
    """Definitions that can be run. In this process, or over HTTP."""

    async def current(self, namespace: str, agent_id: str) -> int:
        """The number of the version with which a new session begins.

        Raises:
            AgentNotFound: There is no such definition, or it was deleted.
            AgentNotRunnable: It is not active, or its prompt lacks a value.
            Unavailable: Nobody knows now.
        """
        ...

    async def version(self, namespace: str, agent_id: str, number: int) -> Agent:
        """A version as it is run, whatever has become of the definition since.

        Raises:
            AgentNotFound: There never was such a version.
            AgentNotRunnable: Its prompt lacks a value.
            Unavailable: Nobody knows now.
        """
        ...

    async def active(self, namespace: str) -> Sequence[str]:
        """The ids of those that may be run now, the newest first; of very many, the newest."""
        ...


class NoDefinitions:
    """`Definitions` where there are none."""

    async def current(self, namespace: str, agent_id: str) -> int:
        raise AgentNotFound(agent_id)

    async def version(self, namespace: str, agent_id: str, number: int) -> Agent:
        raise AgentNotFound(agent_id)

    async def active(self, namespace: str) -> Sequence[str]:
        return ()
