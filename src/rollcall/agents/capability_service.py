# SPDX-License-Identifier: Apache-2.0
"""Capabilities: what agents can be given, and who has it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from rollcall.agents.checks import check_by, check_capability, check_json
from rollcall.agents.errors import CapabilityInUse, CapabilityNotFound, NotAttached
from rollcall.agents.models import LOCAL, By, Capability, Content, Definition
from rollcall.agents.ports import AgentStore
from rollcall.agents.writing import Accepted, check_revision, locked, rewritten
from rollcall.kernel.clock import Clock, utc
from rollcall.kernel.ids import IdSource
from rollcall.registry.models import DEFAULT_NAMESPACE

_SHOWN: Final = 20


class CapabilityChange(msgspec.Struct, frozen=True, kw_only=True):
    """Fields of a capability, those that are to change; each replaces what stood there."""

    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    tags: tuple[str, ...] | UnsetType = UNSET
    configuration_schema: dict[str, Any] | UnsetType = UNSET


class CapabilityService:
    """Keeps capabilities, and gives them to agents.

    Args:
        store: The tables.
        clock: Time.
        ids: Draws the ids of those who bring none.
    """

    def __init__(self, store: AgentStore, clock: Clock, ids: IdSource) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids

    async def create(
        self,
        name: str,
        by: By = LOCAL,
        *,
        capability_id: str | None = None,
        description: str = "",
        tags: Sequence[str] = (),
        configuration_schema: Mapping[str, Any] | None = None,
    ) -> Capability:
        """Make a capability.

        Raises:
            InvalidInput: Names the field.
            CapabilityExists: There is one of this id.
        """
        at = self._now()
        made = Capability(
            namespace=by.namespace,
            id=f"cap_{self._ids.hex(16)}" if capability_id is None else capability_id,
            name=name,
            description=description,
            tags=tuple(tags),
            configuration_schema=dict(configuration_schema or {}),
            revision=1,
            created_at=at,
            updated_at=at,
        )
        # A schema may be large, and loading what checks it takes a while.
        await asyncio.to_thread(check_capability, made)
        async with self._store.begin() as work:
            await work.add_capability(made)
        return made

    async def get(self, capability_id: str, *, namespace: str = DEFAULT_NAMESPACE) -> Capability:
        """One capability.

        Raises:
            CapabilityNotFound: There is none.
        """
        found = await self._store.capability(namespace, capability_id)
        if found is None:
            raise CapabilityNotFound(capability_id)
        return found

    async def known(
        self, ids: Sequence[str], *, namespace: str = DEFAULT_NAMESPACE
    ) -> frozenset[str]:
        """Those of the ids of which there is a capability."""
        return await self._store.known_capabilities(namespace, ids)

    async def find(
        self,
        *,
        namespace: str = DEFAULT_NAMESPACE,
        tag: str | None = None,
        q: str | None = None,
        limit: int,
        after: str | None = None,
    ) -> tuple[Sequence[Capability], str | None]:
        """Capabilities by id, behind the id `after`, and the id behind which the next page begins.

        Args:
            tag: Only those with this tag.
            q: Only those with this somewhere in name or description, ignoring case.
        """
        page = await self._store.find_capabilities(
            namespace, tag=tag, q=q, limit=limit + 1, after=after
        )
        return (page, None) if len(page) <= limit else (page[:limit], page[limit - 1].id)

    async def update(
        self,
        capability_id: str,
        change: CapabilityChange,
        by: By = LOCAL,
        accepted: Accepted = None,
    ) -> Capability:
        """Change a capability. A new schema counts for what agents are told from now on.

        Raises:
            InvalidInput: Names the field.
            CapabilityNotFound: There is none.
            RevisionMismatch: It is at none of the revisions that are accepted.
        """
        given = {
            name: value
            for name, value in msgspec.structs.asdict(change).items()
            if value is not UNSET
        }
        async with self._store.begin() as work:
            old = await work.capability(by.namespace, capability_id)
            if old is None:
                raise CapabilityNotFound(capability_id)
            check_revision(by.namespace, capability_id, old.revision, accepted)
            new = replace(old, **given)
            # As JSON, where true is not 1.
            if msgspec.json.encode(new) == msgspec.json.encode(old):
                return old
            new = replace(new, revision=old.revision + 1, updated_at=self._now())
            await asyncio.to_thread(check_capability, new)
            await work.put_capability(new)
            return new

    async def delete(
        self,
        capability_id: str,
        by: By = LOCAL,
        accepted: Accepted = None,
        *,
        force: bool = False,
    ) -> None:
        """Delete a capability.

        Args:
            force: Take it from the agents that have it, each of which comes to a new version.

        Raises:
            CapabilityNotFound: There is none.
            RevisionMismatch: It is at none of the revisions that are accepted.
            CapabilityInUse: Agents have it, and nobody forces anything.
        """
        at = self._now()
        why = replace(by, reason=by.reason or f"capability {capability_id} was deleted")
        async with self._store.begin() as work:
            old = await work.capability(by.namespace, capability_id)
            if old is None:
                raise CapabilityNotFound(capability_id)
            check_revision(by.namespace, capability_id, old.revision, accepted)
            users = await work.users(by.namespace, capability_id)
            if users and not force:
                raise CapabilityInUse(capability_id, users[:_SHOWN], len(users))
            for agent_id in users:
                agent = await work.definition(by.namespace, agent_id)
                # Somebody may have deleted it since it was looked for.
                if agent is not None and agent.deleted_at is None:
                    content = _without(agent.content, capability_id)
                    await rewritten(work, agent, content, why, at, {})
            await work.drop_capability(by.namespace, capability_id)

    async def add_capability_to_agent(
        self,
        agent_id: str,
        capability_id: str,
        configuration: Mapping[str, Any],
        by: By = LOCAL,
        accepted: Accepted = None,
    ) -> Definition:
        """Give an agent a capability, or tell one that it has something else.

        Nothing that others do to the agent meanwhile is lost.

        Raises:
            AgentNotFound, CapabilityNotFound: There is none.
            InvalidInput: The capability does not take this configuration.
            RevisionMismatch: The agent is at none of the revisions that are accepted.
        """
        check_by(by)
        told = dict(configuration)
        check_json(f"capabilities.{capability_id}", told)
        async with self._store.begin() as work:
            known = await work.capabilities(by.namespace, (capability_id,))
            old = await locked(work, by.namespace, agent_id, accepted)
            if capability_id not in known:
                raise CapabilityNotFound(capability_id)
            has = {**old.content.capabilities, capability_id: told}
            content = replace(old.content, capabilities=has)
            return await rewritten(work, old, content, by, self._now(), known)

    async def remove_capability_from_agent(
        self, agent_id: str, capability_id: str, by: By = LOCAL, accepted: Accepted = None
    ) -> Definition:
        """Take a capability from an agent.

        Raises:
            AgentNotFound, NotAttached: There is none, or it does not have it.
            RevisionMismatch: The agent is at none of the revisions that are accepted.
        """
        check_by(by)
        async with self._store.begin() as work:
            old = await locked(work, by.namespace, agent_id, accepted)
            if capability_id not in old.content.capabilities:
                raise NotAttached(agent_id, capability_id)
            content = _without(old.content, capability_id)
            return await rewritten(work, old, content, by, self._now(), {})

    def _now(self) -> datetime:
        return utc(self._clock.now())


def _without(content: Content, capability_id: str) -> Content:
    kept = {one: told for one, told in content.capabilities.items() if one != capability_id}
    return replace(content, capabilities=kept)
