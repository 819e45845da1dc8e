# SPDX-License-Identifier: Apache-2.0
"""The knowledge graph: entities, relationships, and the facts that both rest on.

An entity or a relationship has no properties of its own but its type: all that is said of it is
said by *facts*, each of which comes from one memory. So whoever may see some memories sees of the
graph what those say, and what a memory alone has said is gone with it.

Entities are told apart within an *owner*: the user of a memory, else its session, else its agent.
What two users call by the same name stays two entities, and no relationship leads from one owner's
entities to another's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import msgspec

from rollcall.kernel.errors import InvalidInput, RollcallError

MAX_DEPTH: Final = 5
"""Steps from an entity that its neighbourhood may reach."""
MAX_PATH: Final = 6
"""Steps that a path may have."""
MAX_NEIGHBOURS: Final = 1000
"""Entities in one neighbourhood."""

FILTERS: Final = ("user_id", "agent_id", "session_id")


class EntityNotFound(RollcallError, LookupError):
    """There is no such entity, or the filters hide it."""

    def __init__(self, entity_id: str) -> None:
        super().__init__(f"there is no entity {entity_id!r}")
        self.entity_id = entity_id


class NoPath(RollcallError, LookupError):
    """No way leads from one entity to the other within the limits."""

    def __init__(self, source: str, target: str, depth: int) -> None:
        super().__init__(f"no path of up to {depth} steps leads from {source!r} to {target!r}")
        self.source = source
        self.target = target
        self.depth = depth


class SourceNotFound(RollcallError, LookupError):
    """Facts were to be added from a memory that is not there."""

    def __init__(self, memory_id: str) -> None:
        super().__init__(f"there is no memory {memory_id!r}")
        self.memory_id = memory_id


class NotMergeable(RollcallError):
    """Two entities cannot become one, or one that was merged into nothing be split off.

    Args:
        entity_id: Which.
        problem: Why not.
    """

    def __init__(self, entity_id: str, problem: str) -> None:
        super().__init__(f"{entity_id!r} {problem}")
        self.entity_id = entity_id
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose memories: those that have all of what is given here. All None: those of everybody."""

    user_id: str | None = None
    agent_id: str | None = None
    session_id: str | None = None

    @classmethod
    def of(cls, filters: Mapping[str, Any]) -> Scope:
        """The scope that a memory's `filters` name.

        Raises:
            InvalidInput: There is another key, or a value that is no text.
        """
        for name, value in filters.items():
            if name not in FILTERS:
                raise InvalidInput(f"filters.{name}", f"is none of {', '.join(FILTERS)}")
            if value is not None and not isinstance(value, str):
                raise InvalidInput(f"filters.{name}", "must be text")
        return cls(**filters)

    @property
    def owner(self) -> str | None:
        """Within what entities are told apart; None: the scope does not say."""
        if self.user_id is not None:
            return f"user:{self.user_id}"
        if self.session_id is not None:
            return f"session:{self.session_id}"
        return None if self.agent_id is None else f"agent:{self.agent_id}"

    @property
    def items(self) -> dict[str, str]:
        """What is given of it."""
        return {name: value for name in FILTERS if (value := getattr(self, name)) is not None}


@dataclass(frozen=True, slots=True)
class View:
    """Which facts are looked at.

    Args:
        namespace: Of the caller.
        scope: Facts from these memories alone.
        as_of: What was believed then, in seconds since the epoch; None: what is believed now.
        valid_at: Only what was true then, in seconds since the epoch, as far as the facts say;
            None: whenever it was true.
    """

    namespace: str
    scope: Scope = field(default_factory=Scope)
    as_of: float | None = None
    valid_at: float | None = None


class Fact(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What one memory says of an entity or a relationship.

    Args:
        name: How the memory calls the entity; None for relationships.
        attributes: What else it says of it.
        confidence: From 0 to 1.
        source_memory_id: The memory.
        valid_from: From when on it is true; None: nobody has said.
        valid_to: Until when; None: nobody has said.
        recorded_at: From when on it was believed.
        retracted_at: Until when; None: it still is.
    """

    source_memory_id: str
    confidence: float
    recorded_at: datetime
    name: str | None = None
    attributes: dict[str, Any] = {}
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    retracted_at: datetime | None = None


class Entity(msgspec.Struct, frozen=True, kw_only=True):
    """Something that memories speak of (document 3).

    Args:
        id: `ent_...`.
        name: As the surest fact has it, the oldest of these.
        type: A word such as `person`.
        attributes: Of all facts; where two differ, the later one's.
        source_memory_id: The memory of that fact.
        confidence: Of that fact.
        aliases: Other names in the facts.
        facts: How many there are; of more than 50 the last 50 are looked at.
    """

    id: str
    name: str
    type: str
    attributes: dict[str, Any]
    source_memory_id: str
    confidence: float
    aliases: list[str]
    facts: int


class Relationship(msgspec.Struct, frozen=True, kw_only=True):
    """That one entity stands in a relation to another (document 3).

    Args:
        id: `rel_...`.
        valid_from, valid_to: Of the surest fact; None: it does not say.
        facts: How many say so.
    """

    id: str
    source_entity_id: str
    target_entity_id: str
    type: str
    attributes: dict[str, Any]
    source_memory_id: str
    confidence: float
    valid_from: datetime | None
    valid_to: datetime | None
    facts: int


class EntityDetail(msgspec.Struct, frozen=True, kw_only=True):
    """An entity with the facts that it rests on, and the entities that were merged into it."""

    entity: Entity
    facts: list[Fact]
    merged: list[str]


class Neighbour(msgspec.Struct, frozen=True, kw_only=True):
    """An entity and how many steps away it is."""

    depth: int
    entity: Entity


class Neighbourhood(msgspec.Struct, frozen=True, kw_only=True):
    """What is around an entity, the nearest first, and every relationship among all of these.

    Args:
        truncated: Whether there is more than the limits let through.
    """

    entity: Entity
    neighbours: list[Neighbour]
    relationships: list[Relationship]
    truncated: bool


class Path(msgspec.Struct, frozen=True, kw_only=True):
    """A shortest way between two entities, whatever the direction of its relationships.

    Args:
        entities: From the first to the last.
        relationships: One fewer, each between two entities that follow one another.
    """

    entities: list[Entity]
    relationships: list[Relationship]
    length: int
