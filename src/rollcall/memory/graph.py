# SPDX-License-Identifier: Apache-2.0
"""The knowledge graph as others use it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from typing import Any, Final, Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from rollcall.events.envelope import Event
from rollcall.kernel.clock import Clock, utc
from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.ids import IdSource
from rollcall.memory import graph_merges, graph_reads, graph_walks, graph_writes
from rollcall.memory.entities import (
    Extraction,
    Known,
    entity_id,
    key_of,
)
from rollcall.memory.extract_model import ModelUsage
from rollcall.memory.graph_given import extraction_of
from rollcall.memory.graph_models import (
    MAX_DEPTH,
    MAX_NEIGHBOURS,
    MAX_PATH,
    Entity,
    EntityDetail,
    Neighbourhood,
    Path,
    Relationship,
    Scope,
    SourceNotFound,
    View,
)
from rollcall.memory.graph_reads import Page, Place
from rollcall.memory.graph_writes import Changed
from rollcall.policies import checks
from rollcall.registry.models import DEFAULT_NAMESPACE
from rollcall.sql import Sql, Work

SOURCE: Final = "/knowledge-graph"
UPDATED: Final = "knowledge_graph.updated"
EXTRACTED: Final = "memory.entity.extracted"
USAGE: Final = "usage.recorded"
NO_AGENT: Final = "memory"
"""Whose usage it is where a memory is of no agent."""
PAGE: Final = 500


class Memories(Protocol):
    """Where memories are. Never called inside a unit of work."""

    async def get(self, namespace: str, memory_id: str) -> Mapping[str, Any] | None:
        """A memory with at least `content` and `filters`; None: there is none."""
        ...


class KnowledgeGraph:
    """Entities and relationships that memories speak of.

    Args:
        database: Where it is kept; opened and closed by whoever made it.
        memories: Where what it rests on is.
        clock: Time.
        ids: Randomness.
    """

    def __init__(self, database: Sql, memories: Memories, clock: Clock, ids: IdSource) -> None:
        self._database = database
        self._memories = memories
        self._clock = clock
        self._ids = ids

    async def add_entities(
        self,
        memory_id: str,
        entities: Sequence[Mapping[str, Any]],
        relationships: Sequence[Mapping[str, Any]] = (),
        *,
        namespace: str = DEFAULT_NAMESPACE,
    ) -> list[dict[str, Any]]:
        """Add what somebody found in a memory (document 3); what is known of it already stays.

        Args:
            memory_id: The memory, whose filters say who may see what is added.
            entities: Each with `name` and `type`, perhaps `attributes` and `confidence`.
            relationships: Each with `source` and `target`, names of entities given here or their
                places in the list, and `type`; perhaps `attributes` and `confidence`.

        Returns:
            The entities, each with `id`, `name`, `type`, `attributes`, `source_memory_id` and
            `confidence`.

        Raises:
            SourceNotFound: There is no such memory.
            InvalidInput: An entity or a relationship cannot be used; names the field.
        """
        given = extraction_of(entities, relationships)
        memory = await self._memories.get(namespace, memory_id)
        if memory is None:
            raise SourceNotFound(memory_id)
        scope = Scope.of(memory["filters"])
        at = self._clock.now()
        async with self._database.begin() as work:
            await graph_writes.take_turn(work.connection, namespace)
            if await graph_writes.forgotten(work.connection, namespace, memory_id):
                raise SourceNotFound(memory_id)
            changed = await graph_writes.record(
                work.connection, namespace, memory_id, scope, given, at, instead=False
            )
            if any(changed):
                work.publish(self._updated(namespace, memory_id, changed, at))
        return told(namespace, scope, memory_id, given)

    async def take_in(
        self,
        cause: Event,
        memory_id: str,
        scope: Scope,
        extraction: Extraction,
        used: ModelUsage | None = None,
    ) -> bool:
        """Put what a memory says in the place of what it said before, and tell of both, once.

        Args:
            cause: The event that led to it; a second time nothing happens.
            extraction: Checked, and each entity once.
            used: What a model was used for it; it is told as usage of the memory's agent.

        Returns:
            False: it was taken in before, or the memory is forgotten.
        """
        at = self._clock.now()
        namespace = cause.namespace
        async with self._database.begin() as work:
            if not await graph_writes.admit(work.connection, namespace, memory_id, cause.id):
                return False
            changed = await graph_writes.record(
                work.connection, namespace, memory_id, scope, extraction, at, instead=True
            )
            follow = partial(cause.follow, source=SOURCE, subject=memory_id, time=utc(at))
            entities = [
                {name: one[name] for name in ("id", "name", "type", "confidence")}
                for one in told(namespace, scope, memory_id, extraction)
            ]
            if entities:
                data = {"memory_id": memory_id, "entities": entities}
                work.publish(follow(EXTRACTED, data=data))
            if any(changed):
                work.publish(follow(UPDATED, data=_data(memory_id, changed)))
            if used is not None:
                work.publish(follow(USAGE, data=usage_data(memory_id, scope, used)))
        return True

    async def settle(self, namespace: str, memory_id: str) -> None:
        """Say that nothing more comes from a memory that is gone."""
        async with self._database.begin() as work:
            await graph_writes.forget(work.connection, namespace, [memory_id])
            await graph_writes.settle(work.connection, namespace, memory_id)

    async def forget(self, work: Work, namespace: str, memory_ids: Sequence[str]) -> dict[str, int]:
        """Remove what memories say, and what nothing else speaks of, in the unit of work in which
        they are deleted. How many `graph_facts`, `graph_entities` and `graph_relationships`.

        What was on its way from one of them to here does not arrive any more.
        """
        return await graph_writes.forget(work.connection, namespace, memory_ids)

    async def count(
        self, connection: AsyncConnection, namespace: str, memory_ids: Sequence[str]
    ) -> dict[str, int]:
        """What `forget` would remove."""
        return await graph_writes.count(connection, namespace, memory_ids)

    async def entities(
        self,
        view: View,
        *,
        name: str | None = None,
        type: str | None = None,  # noqa: A002 - the field's name in document 3
        limit: int = 100,
        after: Place | None = None,
    ) -> Page:
        """Entities in the order of their names.

        Args:
            name: Words, each of which begins a word of one of the entity's names.
            type: Only of this type.
        """
        async with self._database.reading() as connection:
            return await graph_reads.page(
                connection, view, name=name, type_=type, limit=limit, after=after
            )

    async def entity(self, view: View, entity_id: str) -> EntityDetail:
        """An entity with the facts that it rests on; of one that was merged, the whole.

        Raises:
            EntityNotFound: There is none, or the view has no fact about it.
        """
        async with self._database.reading() as connection:
            return await graph_reads.detail(connection, view, entity_id)

    async def neighbours(
        self, view: View, entity_id: str, *, depth: int = 1, limit: int = 100
    ) -> Neighbourhood:
        """What is up to `depth` steps around an entity, at most `limit` others, nearest first.

        Raises:
            EntityNotFound: There is none, or the view has no fact about it.
            InvalidInput: Depth or limit is out of range.
        """
        _within("depth", depth, MAX_DEPTH)
        _within("limit", limit, MAX_NEIGHBOURS)
        async with self._database.reading() as connection:
            return await graph_walks.neighbourhood(connection, view, entity_id, depth, limit)

    async def path(self, view: View, source: str, target: str, *, depth: int = MAX_PATH) -> Path:
        """A shortest path of up to `depth` steps between two entities.

        Raises:
            EntityNotFound: There is no such entity, or the view has no fact about it.
            NoPath: There is none within the limits.
            InvalidInput: The depth is out of range.
        """
        _within("depth", depth, MAX_PATH)
        async with self._database.reading() as connection:
            return await graph_walks.path(connection, view, source, target, depth)

    async def everything(self, view: View) -> AsyncIterator[Entity | Relationship]:
        """All entities of a view, then all relationships between these, page by page."""
        names: set[str] = set()
        after: Place | None = None
        while True:
            page = await self.entities(view, limit=PAGE, after=after)
            for entity in page.entities:
                if entity.id not in names:
                    names.add(entity.id)
                    yield entity
            after = page.following
            if after is None:
                break
        last: str | None = ""
        while last is not None:
            async with self._database.reading() as connection:
                some, last = await graph_reads.relationships_after(connection, view, last, PAGE)
            for one in some:
                # What came in meanwhile may have no entity here.
                if one.source_entity_id in names and one.target_entity_id in names:
                    yield one

    async def known(self, namespace: str, owner: str, words: Sequence[str]) -> list[Known]:
        """The owner's entities whose names begin with one of the words."""
        async with self._database.reading() as connection:
            return await graph_reads.known(connection, namespace, owner, words)

    async def merge(self, namespace: str, into: str, entity_id: str) -> EntityDetail:
        """Make two entities of one owner one; `split` undoes it.

        Raises:
            EntityNotFound: There is no such entity.
            NotMergeable: They are one already, or not of one owner.
        """
        async with self._database.begin() as work:
            await graph_writes.take_turn(work.connection, namespace)
            ids = await graph_merges.merge(work.connection, namespace, into, entity_id)
            detail = await graph_reads.detail(work.connection, View(namespace), into)
            self._tell(work, namespace, ids)
        return detail

    async def split(self, namespace: str, entity_id: str) -> EntityDetail:
        """Undo that an entity was merged into another.

        Raises:
            EntityNotFound: There is no such entity.
            NotMergeable: It was merged into none.
        """
        async with self._database.begin() as work:
            await graph_writes.take_turn(work.connection, namespace)
            left = await graph_merges.split(work.connection, namespace, entity_id)
            detail = await graph_reads.detail(work.connection, View(namespace), entity_id)
            self._tell(work, namespace, [left, entity_id])
        return detail

    def _tell(self, work: Work, namespace: str, ids: list[str]) -> None:
        changed = Changed(ids, [])
        work.publish(self._updated(namespace, None, changed, self._clock.now()))

    def _updated(self, namespace: str, memory_id: str | None, changed: Changed, at: float) -> Event:
        return Event(
            id=f"evt_{self._ids.hex(32)}",
            type=UPDATED,
            source=SOURCE,
            subject=memory_id or changed.entities[0],
            time=utc(at),
            data=_data(memory_id, changed),
            namespace=namespace,
        )


def told(
    namespace: str, scope: Scope, memory_id: str, extraction: Extraction
) -> list[dict[str, Any]]:
    """Entities as document 3 has them."""
    return [
        {
            "id": entity_id(namespace, scope.owner or "", one.type, key_of(one.type, one.name)),
            "name": one.name,
            "type": one.type,
            "attributes": dict(one.attributes),
            "source_memory_id": memory_id,
            "confidence": one.confidence,
        }
        for one in extraction.entities
    ]


def usage_data(memory_id: str, scope: Scope, used: ModelUsage) -> dict[str, Any]:
    """What is told of a model that was used to read a memory."""
    return {
        "conversation_id": memory_id,
        "agent_id": scope.agent_id or NO_AGENT,
        "session_id": scope.session_id or "",
        "model_used": used.model,
        "provider": used.provider,
        "tokens_used": used.input_tokens + used.output_tokens,
        "input_tokens": used.input_tokens,
        "output_tokens": used.output_tokens,
        "cached_tokens": used.cached_tokens,
        "requests": used.requests,
        "estimated": False,
        "cost": None if used.cost is None else format(used.cost, "f"),
        "currency": "USD",
        "priced_by": used.priced_by,
    }


def _data(memory_id: str | None, changed: Changed) -> dict[str, Any]:
    return {
        "source_memory_id": memory_id,
        "entities": changed.entities,
        "relationships": changed.relationships,
    }


def _within(field: str, value: int, most: int) -> None:
    checks.whole(field, value, 1)
    if value > most:
        raise InvalidInput(field, f"must be at most {most}")
