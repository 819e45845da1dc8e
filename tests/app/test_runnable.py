"""Definitions as the agent service runs them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from rollcall.agents import AgentService, CapabilityService
from rollcall.agents.changes import change_of
from rollcall.agents.models import Status
from rollcall.agents.repository import SqlAgentStore
from rollcall.app.runnable import StoredDefinitions
from rollcall.backends.sql.database import Database, dialect_of
from rollcall.conversations.briefs import Skill
from rollcall.conversations.errors import AgentNotFound, AgentNotRunnable
from rollcall.kernel.ids import RandomIds
from rollcall.testing.clock import FrozenClock
from support.databases import sqlite_at

REACHED = ("openai:gpt-5-mini", "gpt-5-mini")


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqlAgentStore]:
    database = Database(dialect_of(sqlite_at(tmp_path / "x.db")))
    await database.open()
    yield SqlAgentStore(database)
    await database.close()


@pytest.fixture
def agents(store: SqlAgentStore) -> AgentService:
    return AgentService(store, FrozenClock(), RandomIds())


@pytest.fixture
def capabilities(store: SqlAgentStore) -> CapabilityService:
    return CapabilityService(store, FrozenClock(), RandomIds())


@pytest.fixture
def definitions(store: SqlAgentStore) -> StoredDefinitions:
    return StoredDefinitions(store, lambda name: name in REACHED)


async def made(agents: AgentService, **content: Any) -> str:
    return (await agents.create(change_of({"name": "Writer", **content}))).id


async def test_a_version_is_run_with_what_it_says(
    agents: AgentService, capabilities: CapabilityService, definitions: StoredDefinitions
) -> None:
    await capabilities.create("Search", capability_id="search", description="Finds", tags=["web"])
    key = await made(
        agents,
        description="Writes",
        configuration={
            "model": "openai:gpt-5-mini",
            "instructions": "Write.",
            "limits": {"steps": 3, "cost": "0.25"},
        },
        capabilities={"search": {"top": 3}},
    )

    agent = await definitions.version("default", key, 1)

    assert (agent.id, agent.version, agent.name, agent.description) == (key, 1, "Writer", "Writes")
    assert (agent.instructions, agent.model) == ("Write.", "openai:gpt-5-mini")
    assert agent.limits == {"steps": 3, "cost": "0.25"}
    assert agent.skills == (
        Skill(
            id="search", name="Search", description="Finds", tags=("web",), configuration={"top": 3}
        ),
    )


async def test_an_old_version_stays_as_it_was_also_once_the_definition_is_gone(
    agents: AgentService, definitions: StoredDefinitions
) -> None:
    key = await made(agents, configuration={"instructions": "First."})
    await agents.update(key, change_of({"configuration": {"instructions": "Second."}}))
    assert await definitions.current("default", key) == 2
    await agents.delete(key)

    assert (await definitions.version("default", key, 1)).instructions == "First."
    with pytest.raises(AgentNotFound):
        await definitions.current("default", key)
    with pytest.raises(AgentNotFound):
        await definitions.version("default", key, 3)
    with pytest.raises(AgentNotFound):
        await definitions.current("acme", key)


async def test_a_capability_that_is_gone_is_known_by_its_id(
    agents: AgentService, capabilities: CapabilityService, definitions: StoredDefinitions
) -> None:
    await capabilities.create("Search", capability_id="search")
    key = await made(agents, capabilities={"search": {}})
    await capabilities.delete("search", force=True)

    assert (await definitions.version("default", key, 1)).skills == (
        Skill(id="search", name="search"),
    )


async def test_only_what_is_active_is_run_and_listed(
    agents: AgentService, definitions: StoredDefinitions
) -> None:
    key, other = await made(agents), await made(agents)
    await agents.move(key, Status.PAUSED)

    with pytest.raises(AgentNotRunnable, match="it is paused") as refused:
        await definitions.current("default", key)
    assert refused.value.agent_status == "paused"
    assert await definitions.active("default") == [other]
    assert await definitions.active("acme") == []


async def test_the_template_system_is_the_prompt_where_there_are_no_instructions(
    agents: AgentService, definitions: StoredDefinitions
) -> None:
    template = {"system": "You are {{name}} of {{business_name}}, and {{mood}}. {{other}}"}
    business = {"business_name": "Green Leaf"}
    told = {"mood": "calm", "other": 3, "unused": "x"}
    key = await made(
        agents, **business, prompt_templates=template, configuration={"variables": told}
    )

    agent = await definitions.version("default", key, 1)
    assert agent.instructions == "You are Writer of Green Leaf, and calm. 3"

    await agents.update(key, change_of({"configuration": {"instructions": "Else."}}))
    assert (await definitions.version("default", key, 2)).instructions == "Else."


async def test_a_prompt_that_lacks_a_value_is_not_run_and_says_which(
    agents: AgentService, definitions: StoredDefinitions
) -> None:
    key = await made(agents, prompt_templates={"system": "You are {{mood}}."})

    with pytest.raises(AgentNotRunnable, match=r"configuration\.variables .*mood"):
        await definitions.current("default", key)
    with pytest.raises(AgentNotRunnable):
        await definitions.version("default", key, 1)


@pytest.mark.parametrize(
    ("configuration", "named", "model"),
    [
        ({"model": "openai:gpt-5-mini"}, "other", "openai:gpt-5-mini"),
        ({"model": "nobody:knows"}, "gpt-5-mini", "nobody:knows"),
        ({}, "gpt-5-mini", "gpt-5-mini"),
        ({}, "claude-of-yesterday", None),
        ({}, None, None),
    ],
)
async def test_the_model_is_the_configurations_else_document_4s_where_it_can_be_reached(
    configuration: dict[str, Any],
    named: str | None,
    model: str | None,
    agents: AgentService,
    definitions: StoredDefinitions,
) -> None:
    more = {} if named is None else {"llm_model": named}
    key = await made(agents, configuration=configuration, **more)

    assert (await definitions.version("default", key, 1)).model == model


@pytest.mark.parametrize(
    ("business", "confined"), [({"business_name": "Crumb"}, True), ({}, False)]
)
async def test_an_agent_of_a_business_has_the_tools_of_its_capabilities_alone(
    agents: AgentService,
    definitions: StoredDefinitions,
    business: dict[str, str],
    confined: bool,
) -> None:
    key = await made(agents, **business)

    assert (await definitions.version("default", key, 1)).confined is confined
