# SPDX-License-Identifier: Apache-2.0
"""Definitions of agents for the agent service: what of them is run, and how."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast

from rollcall.agents.instructions import SYSTEM, instructions_of
from rollcall.agents.models import Capability, Content, Status, Wanted
from rollcall.agents.ports import AgentStore
from rollcall.conversations.briefs import Agent, Skill
from rollcall.conversations.errors import AgentNotFound, AgentNotRunnable
from rollcall.kernel.errors import InvalidInput

MOST: Final = 1_000
"""Agents that are listed as models."""

Known = dict[tuple[str, str], Capability | None]
"""Capabilities that were looked up, by namespace and id."""


class StoredDefinitions:
    """`Definitions` over the store of definitions in this process.

    Args:
        store: Where they are.
        reachable: Whether the settings reach a model. One that document 4 names (`llm_model`) and
            that they do not reach gives way to the default; one of the configuration does not.
        prompts: What an agent is told to be that has neither instructions nor a prompt of its own;
            None: nothing. Without it, nobody knows.
    """

    def __init__(
        self,
        store: AgentStore,
        reachable: Callable[[str], bool],
        prompts: Callable[[Content], str | None] | None = None,
    ) -> None:
        self._store = store
        self._reachable = reachable
        self._prompts = prompts

    async def current(self, namespace: str, agent_id: str) -> int:
        found = await self._store.get(namespace, agent_id)
        if found is None:
            raise AgentNotFound(agent_id)
        if found.status is not Status.ACTIVE:
            raise AgentNotRunnable(agent_id, found.status.value)
        _instructions(agent_id, found.content)
        return found.version

    async def version(self, namespace: str, agent_id: str, number: int) -> Agent:
        found = await self._store.version(namespace, agent_id, number)
        if found is None:
            raise AgentNotFound(agent_id)
        content = found.content
        return Agent(
            id=agent_id,
            version=number,
            name=content.name,
            description=content.description,
            instructions=_instructions(agent_id, content) or self._made(content),
            model=self._model(content),
            limits=dict(_object(content.configuration.get("limits"))),
            skills=await skills_of(self._store, namespace, content, {}),
            # An agent of a business is made for strangers, whoever tries it before.
            confined=content.business_name is not None,
        )

    async def active(self, namespace: str) -> Sequence[str]:
        wanted = Wanted(status=Status.ACTIVE)
        found = await self._store.find(namespace, wanted, limit=MOST, after=None)
        return [one.id for one in found]

    def _made(self, content: Content) -> str:
        return (self._prompts(content) if self._prompts else None) or ""

    def _model(self, content: Content) -> str | None:
        said: str | None = content.configuration.get("model")
        if said or not content.llm_model:
            return said or None
        return content.llm_model if self._reachable(content.llm_model) else None


def _instructions(agent_id: str, content: Content) -> str:
    try:
        return instructions_of(content)
    except InvalidInput as error:
        problem = f"its prompt {SYSTEM!r} cannot be told: {error.field} {error.problem}"
        raise AgentNotRunnable(agent_id, Status.ACTIVE.value, problem) from None


async def skills_of(
    store: AgentStore, namespace: str, content: Content, known: Known
) -> tuple[Skill, ...]:
    """The capabilities of a definition; of one that is gone there is the id.

    Args:
        store: Where capabilities are.
        namespace: Whose.
        content: What the definition says.
        known: What was looked up before; added to.
    """
    skills: list[Skill] = []
    for key, told in content.capabilities.items():
        place = (namespace, key)
        if place not in known:
            known[place] = await store.capability(namespace, key)
        one = known[place]
        skills.append(
            Skill(id=key, name=key, configuration=told)
            if one is None
            else Skill(
                id=key,
                name=one.name,
                description=one.description,
                tags=one.tags,
                configuration=told,
            )
        )
    return tuple(skills)


def _object(value: object) -> Mapping[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
