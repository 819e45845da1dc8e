# SPDX-License-Identifier: Apache-2.0
"""Where definitions and capabilities are kept, as the services see it.

Corner cases, stated once:

- What a unit of work is given is locked until it ends: `definition` against every other writer of
  it, `capabilities` against being changed or deleted, `capability` against both and against being
  given to an agent. Whoever wants several asks for capabilities first, and for definitions in the
  order of their ids; so nobody waits in a circle.
- `definition` also gives what was deleted, since its id and its history go on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from rollcall.agents.models import (
    Capability,
    Content,
    Definition,
    StatusMove,
    Version,
    Wanted,
)
from rollcall.events.log import UnitOfWork
from rollcall.kernel.cursors import Place


class Vocabulary(Protocol):
    """Which industries, models and interfaces a definition may name."""

    def check(self, content: Content, before: Content | None) -> None:
        """Refuse what nobody knows. What stood there before is not looked at again.

        Args:
            content: What a definition is to say.
            before: What it said; None: it is new.

        Raises:
            InvalidInput: Names the field, and what there is.
        """
        ...


class AgentWork(UnitOfWork, Protocol):
    """One transaction."""

    async def definition(self, namespace: str, agent_id: str) -> Definition | None:
        """A definition, locked, also a deleted one; None: there never was one of this id."""
        ...

    async def version(self, namespace: str, agent_id: str, number: int) -> Version | None:
        """One version; None: there is none of this number."""
        ...

    async def add(self, definition: Definition) -> None:
        """Write a definition that is new.

        Raises:
            AgentExists: Somebody else was quicker with the id.
        """
        ...

    async def put(self, definition: Definition) -> None:
        """Write a definition in the place of the one that was locked."""
        ...

    async def note_version(self, version: Version) -> None:
        """Add a version to the history."""
        ...

    async def note_move(self, move: StatusMove) -> None:
        """Add a change of status to the history."""
        ...

    async def capabilities(self, namespace: str, ids: Sequence[str]) -> Mapping[str, Capability]:
        """Those of the capabilities that are there, by id; locked against change."""
        ...

    async def capability(self, namespace: str, capability_id: str) -> Capability | None:
        """One capability, locked for change; None: there is none."""
        ...

    async def add_capability(self, capability: Capability) -> None:
        """Write a capability that is new.

        Raises:
            CapabilityExists: There is one of this id.
        """
        ...

    async def put_capability(self, capability: Capability) -> None:
        """Write a capability in the place of the one that was locked."""
        ...

    async def drop_capability(self, namespace: str, capability_id: str) -> None:
        """Delete a capability that was locked."""
        ...

    async def users(self, namespace: str, capability_id: str) -> Sequence[str]:
        """The ids of the definitions that have a capability, sorted."""
        ...


class AgentStore(Protocol):
    """The tables. Every read is of one moment."""

    def begin(self) -> AbstractAsyncContextManager[AgentWork]:
        """A unit of work: committed when the block ends, rolled back when it raises."""
        ...

    async def get(self, namespace: str, agent_id: str) -> Definition | None:
        """A definition; None: there is none, or it was deleted."""
        ...

    async def find(
        self, namespace: str, wanted: Wanted, *, limit: int, after: Place | None
    ) -> Sequence[Definition]:
        """Definitions that were not deleted, the newest first, behind `after`."""
        ...

    async def active(self, *, limit: int, after: tuple[str, str] | None) -> Sequence[Definition]:
        """Definitions of all namespaces that are active, by namespace and id, behind `after`."""
        ...

    async def versions(
        self, namespace: str, agent_id: str, *, limit: int, before: int | None
    ) -> Sequence[Version]:
        """Versions with a number below `before`, the newest first."""
        ...

    async def version(self, namespace: str, agent_id: str, number: int) -> Version | None:
        """One version; None: there is none of this number."""
        ...

    async def moves(
        self, namespace: str, agent_id: str, *, limit: int, before: int | None
    ) -> Sequence[StatusMove]:
        """Changes of status that made a revision below `before`, the newest first."""
        ...

    async def capability(self, namespace: str, capability_id: str) -> Capability | None:
        """One capability; None: there is none."""
        ...

    async def known_capabilities(self, namespace: str, ids: Sequence[str]) -> frozenset[str]:
        """The ids of those of the capabilities that are there."""
        ...

    async def find_capabilities(
        self, namespace: str, *, tag: str | None, q: str | None, limit: int, after: str | None
    ) -> Sequence[Capability]:
        """Capabilities by id, behind the id `after`: with this tag, and with this somewhere in
        name or description, ignoring case.
        """
        ...
