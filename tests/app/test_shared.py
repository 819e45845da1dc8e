# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

from rollcall.agents import AgentRepository, AgentService, CapabilityService
from rollcall.app.compose import compose
from rollcall.app.settings import Settings
from rollcall.memory import EntityExtractor, KnowledgeGraph, MemoryService
from rollcall.memory.graph_models import Scope

SERVICES = {
    "agent_repository": AgentRepository,
    "agent_service": AgentService,
    "capability_service": CapabilityService,
    "entity_extractor": EntityExtractor,
    "knowledge_graph": KnowledgeGraph,
    "memory_service": MemoryService,
}


async def test_the_composition_root_fills_the_registry_that_every_application_reads(
    tmp_path: Path,
) -> None:
    told = {"ROLLCALL_STORE": "memory", "ROLLCALL_DATA_DIR": str(tmp_path)}
    async with compose(Settings.load(told)) as platform:
        registries = {id(app.state.service_registry) for app in platform.apps.values()}
        assert registries == {id(platform.parts)}
        for name, kind in SERVICES.items():
            assert type(platform.parts.get(name)) is kind

        # They are services over one database, so that one sees what another does.
        agent_id = await platform.parts.get("agent_service").create_agent({"name": "Writer"})
        repository: AgentRepository = platform.parts.get("agent_repository")
        assert (await repository.get_agent(agent_id))["name"] == "Writer"
        memory = await platform.parts.get("memory_service").add_memory("tea", {"user_id": "ada"})
        added = await platform.parts.get("knowledge_graph").add_entities(
            memory.id, [{"name": "Ada", "type": "person"}]
        )
        assert added[0]["source_memory_id"] == memory.id


async def test_who_wants_the_offline_planner_has_no_model_look_for_entities(
    tmp_path: Path,
) -> None:
    told = {
        "ROLLCALL_STORE": "memory",
        "ROLLCALL_DATA_DIR": str(tmp_path),
        "ROLLCALL_MODEL": "offline-planner",
        "OPENAI_API_KEY": "sk-nobody",
    }
    async with compose(Settings.load(told), ["gateway"]) as platform:
        assert platform.shared.models is None
        scope = Scope.of({"user_id": "ada"})
        found = await platform.shared.extractor.find("default", "My name is Ada Lovelace.", scope)
        assert "Ada Lovelace" in [one.name for one in found.entities]
