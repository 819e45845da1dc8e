# SPDX-License-Identifier: Apache-2.0
"""What several services of a process share: definitions, memories, the graph (document 3)."""

from __future__ import annotations

import importlib.util
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from rollcall.agents.capability_service import CapabilityService
from rollcall.agents.documents import AgentRepository
from rollcall.agents.repository import SqlAgentStore
from rollcall.agents.service import AgentService
from rollcall.agents.wizard.shelf import Shelf
from rollcall.agents.wizard.vocabulary import LibraryVocabulary
from rollcall.analytics.repository import SqlTexts
from rollcall.app.features import reached
from rollcall.app.settings import Settings
from rollcall.backends.entity_model import ModelEntities
from rollcall.backends.erasure import ConversationErasure
from rollcall.backends.memories import memory_store
from rollcall.backends.sql.database import Database
from rollcall.backends.sql.redaction import EventRedaction
from rollcall.backends.text_erasure import TextErasure
from rollcall.backends.widget_erasure import WidgetErasure
from rollcall.conversations.providers import OFFLINE, Models
from rollcall.kernel.clock import Clock
from rollcall.kernel.ids import IdSource
from rollcall.kernel.services import ServiceRegistry
from rollcall.memory.errors import MemoryNotFound
from rollcall.memory.extract_feed import EntityExtractor
from rollcall.memory.graph import KnowledgeGraph
from rollcall.memory.meaning import Meaning
from rollcall.memory.module import BLANKS
from rollcall.memory.service import MemoryService
from rollcall.registry.catalogue import open_encoder


@dataclass(frozen=True)
class Shared:
    """Services over the database of a process.

    Args:
        agents: Definitions.
        capabilities: What they can be given.
        memories: Memories.
        graph: The knowledge that comes from them.
        extractor: Finds it.
        models: What finds it where a model is configured; None: rules do.
        shelf: The wizard's library.
    """

    agents: AgentService
    capabilities: CapabilityService
    memories: MemoryService[Any]
    graph: KnowledgeGraph
    extractor: EntityExtractor
    models: Models | None
    shelf: Shelf

    def registry(self) -> ServiceRegistry:
        """Them by the names of document 3."""
        found = ServiceRegistry()
        found.register("agent_repository", AgentRepository(self.agents))
        found.register("agent_service", self.agents)
        found.register("capability_service", self.capabilities)
        found.register("memory_service", self.memories)
        found.register("knowledge_graph", self.graph)
        found.register("entity_extractor", self.extractor)
        return found

    @asynccontextmanager
    async def lifespan(self) -> AsyncGenerator[None]:
        """Close at the end what was opened by use."""
        try:
            yield
        finally:
            if self.models is not None:
                await self.models.aclose()


def shared(settings: Settings, database: Database, url: str, clock: Clock, ids: IdSource) -> Shared:
    """The services over a database.

    Args:
        settings: Of the process.
        database: Open.
        url: The URL that it was made of.
        clock: Time.
        ids: Randomness.

    Raises:
        InvalidInput: A model in the settings has no name that makes sense, or the library cannot
            be read.
    """
    shelf = Shelf(clock, settings.library_dir)
    shelf.load()
    store = SqlAgentStore(database)
    # Memories know who derives something from them, and that one asks for memories.
    texts = _Texts()
    graph = KnowledgeGraph(database, texts, clock, ids)
    encoder = open_encoder() if importlib.util.find_spec("wordllama") else None
    memories: MemoryService[Any] = MemoryService(
        memory_store(database, url),
        clock,
        ids,
        Meaning(encoder),
        [EventRedaction(BLANKS), graph],
        [
            ConversationErasure(database, clock, ids),
            TextErasure(SqlTexts(database)),
            WidgetErasure(),
        ],
    )
    texts.memories = memories
    models = reached(settings)
    # Whoever wants answers from the offline planner wants no model asked.
    named = models.names()[:1] not in ((), (OFFLINE,))
    return Shared(
        AgentService(store, clock, ids, LibraryVocabulary(shelf)),
        CapabilityService(store, clock, ids),
        memories,
        graph,
        EntityExtractor(texts, graph, ModelEntities(models, clock) if named else None),
        models if named else None,
        shelf,
    )


class _Texts:
    """Memories, as the graph wants to see them."""

    memories: MemoryService[Any]

    async def get(self, namespace: str, memory_id: str) -> dict[str, Any] | None:
        """See `Memories`."""
        try:
            memory = await self.memories.get_memory(memory_id, namespace=namespace)
        except MemoryNotFound:
            return None
        return {"content": memory.content, "filters": memory.filters.as_dict()}
