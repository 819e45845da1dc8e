# SPDX-License-Identifier: Apache-2.0
"""Keeps the knowledge graph current, as memories come, change and go.

A model may take seconds, and where there is one writer the others would wait for it; so this is a
sink, outside of any unit of work, and what it found is written in one of its own: once for each
event, by the event's id, together with the events that tell of it. Events of one memory come in
their order. A memory that is deleted while it is read leaves a mark in the unit of work that
deletes it, which the one here finds; the event of the deletion takes the mark away again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from rollcall.events.envelope import Event
from rollcall.events.subscriptions import Sink
from rollcall.memory import extract_model
from rollcall.memory.entities import Extraction, Known
from rollcall.memory.extract import beginnings, extract
from rollcall.memory.extract_model import INSTRUCTIONS, EntityModel, ModelUsage, prompt_of
from rollcall.memory.graph import KnowledgeGraph, Memories
from rollcall.memory.graph_models import Scope

GROUP: Final = "entity-extraction"
CREATED: Final = "memory.created"
UPDATED: Final = "memory.updated"
DELETED: Final = "memory.deleted"


class EntityExtractor:
    """Finds what memories speak of.

    Args:
        memories: Where they are.
        graph: Where it is put.
        model: What finds it; None: rules do.
    """

    def __init__(
        self, memories: Memories, graph: KnowledgeGraph, model: EntityModel | None = None
    ) -> None:
        self._memories = memories
        self._graph = graph
        self._model = model

    @property
    def sink(self) -> Sink:
        """The subscription."""
        return Sink(GROUP, frozenset({CREATED, UPDATED, DELETED}), self.handle)

    async def handle(self, event: Event) -> None:
        """Take in what an event tells of a memory.

        Raises:
            Unavailable: The memory or the model is not there now; to be tried again.
        """
        memory_id: str = event.data["memory_id"]
        if event.type == DELETED:
            await self._graph.settle(event.namespace, memory_id)
            return
        memory = await self._memories.get(event.namespace, memory_id)
        if memory is None:
            # Gone by now; the event that says so comes later.
            return
        scope = Scope.of(memory["filters"])
        found, used = await self._read(event.namespace, memory["content"], scope)
        await self._graph.take_in(event, memory_id, scope, found, used)

    async def extract_entities(
        self, content: str, filters: Mapping[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        """What a text speaks of, by rule alone, as `KnowledgeGraph.add_entities` takes it.

        Args:
            filters: Whose text it is: "I" is the user.
        """
        scope = Scope.of(filters or {})
        found = await asyncio.to_thread(extract, content, (), scope.user_id)
        return [
            {
                "name": one.name,
                "type": one.type,
                "attributes": dict(one.attributes),
                "confidence": one.confidence,
            }
            for one in found.entities
        ]

    async def find(self, namespace: str, content: str, scope: Scope) -> Extraction:
        """What a text in a scope speaks of."""
        found, _ = await self._read(namespace, content, scope)
        return found

    async def _read(
        self, namespace: str, content: str, scope: Scope
    ) -> tuple[Extraction, ModelUsage | None]:
        known: list[Known] = []
        if scope.owner is not None:
            words = await asyncio.to_thread(beginnings, content)
            known = await self._graph.known(namespace, scope.owner, words)
        if self._model is None:
            return await asyncio.to_thread(extract, content, known, scope.user_id), None
        reading = await self._model.find(INSTRUCTIONS, prompt_of(content, known))
        return extract_model.extraction_of(reading.answer), reading.usage
