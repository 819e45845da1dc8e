"""Definitions to be run, and memories, for as long as the object lives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rollcall.conversations.briefs import Agent
from rollcall.conversations.errors import AgentNotFound, AgentNotRunnable


class InMemoryDefinitions:
    """`Definitions` of one namespace: all versions of each agent, and who of them is paused."""

    def __init__(self) -> None:
        self.versions: dict[str, list[Agent]] = {}
        self.paused: set[str] = set()

    def add(self, agent: Agent) -> None:
        """The next version of an agent."""
        self.versions.setdefault(agent.id, []).append(agent)

    async def current(self, namespace: str, agent_id: str) -> int:
        if agent_id not in self.versions:
            raise AgentNotFound(agent_id)
        if agent_id in self.paused:
            raise AgentNotRunnable(agent_id, "paused")
        return self.versions[agent_id][-1].version

    async def version(self, namespace: str, agent_id: str, number: int) -> Agent:
        for one in self.versions.get(agent_id, ()):
            if one.version == number:
                return one
        raise AgentNotFound(agent_id)

    async def active(self, namespace: str) -> Sequence[str]:
        return [one for one in self.versions if one not in self.paused]


class Said(NamedTuple):
    content: str


class EverythingRemembered:
    """`Memories` that keep every message; `broken` raises instead."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], list[str]] = {}
        self.broken: Exception | None = None
        self.recalls = 0

    async def recall(
        self, namespace: str, user_id: str | None, session_id: str, text: str, limit: int
    ) -> Sequence[str]:
        self.recalls += 1
        if self.broken is not None:
            raise self.broken
        return list(reversed(self.kept.get((namespace, user_id or session_id), [])))[:limit]

    async def remember(
        self, namespace: str, user_id: str | None, session_id: str, text: str
    ) -> Sequence[Said]:
        if self.broken is not None:
            raise self.broken
        kept = self.kept.setdefault((namespace, user_id or session_id), [])
        if text not in kept:
            kept.append(text)
        return [Said(text)]
