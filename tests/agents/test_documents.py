"""Document 3's repository and services, called as its samples call them."""

from __future__ import annotations

from typing import Any, Protocol

import pytest

from rollcall.agents import AgentRepository, AgentService, CapabilityService
from rollcall.agents.documents import number_of
from rollcall.agents.errors import EntityNotFound
from rollcall.agents.models import By
from rollcall.kernel.errors import InvalidInput


class AgentRepositoryLike(Protocol):
    """What document 3 asks of a repository."""

    async def get_agent(self, agent_id: str) -> dict[str, Any]: ...
    async def create_agent(self, agent_data: dict[str, Any]) -> str: ...
    async def update_agent(self, agent_id: str, updates: dict[str, Any]) -> bool: ...
    async def delete_agent(self, agent_id: str) -> bool: ...
    async def list_agents(self, filters: dict[str, Any] | None = None) -> list[dict[str, Any]]: ...
    async def get_agent_version_history(self, agent_id: str) -> list[dict[str, Any]]: ...
    async def revert_to_version(self, agent_id: str, version: str) -> bool: ...


@pytest.fixture
def repository(agents: AgentService) -> AgentRepositoryLike:
    return AgentRepository(agents)


async def test_a_repository_does_what_document_3_asks_of_it(
    repository: AgentRepositoryLike,
) -> None:
    agent_id = await repository.create_agent({"name": "writer", "description": "one"})
    assert await repository.update_agent(agent_id, {"description": "two"}) is True
    found = await repository.get_agent(agent_id)
    assert (found["id"], found["version"], found["description"]) == (agent_id, "2", "two")
    for field in "name created_at updated_at configuration capabilities prompt_templates".split():
        assert field in found

    history = await repository.get_agent_version_history(agent_id)
    assert [one["version"] for one in history] == ["2", "1"]
    assert history[1]["content"]["description"] == "one"
    assert await repository.revert_to_version(agent_id, "1") is True
    assert (await repository.get_agent(agent_id))["description"] == "one"
    assert await repository.revert_to_version(agent_id, "9") is False

    assert [one["id"] for one in await repository.list_agents()] == [agent_id]
    assert await repository.list_agents({"status": "paused"}) == []
    assert len(await repository.list_agents({"name": "writer", "q": "ONE"})) == 1

    assert await repository.delete_agent(agent_id) is True
    assert await repository.delete_agent(agent_id) is False
    assert await repository.update_agent(agent_id, {"name": "x"}) is False
    assert await repository.list_agents() == []
    with pytest.raises(EntityNotFound):
        await repository.get_agent(agent_id)
    with pytest.raises(EntityNotFound):
        await repository.get_agent_version_history(agent_id)


async def test_it_lists_more_than_a_page(repository: AgentRepositoryLike) -> None:
    agent_id = await repository.create_agent({"name": "n"})
    for number in range(3):
        await repository.create_agent({"name": f"n{number}"})
        await repository.update_agent(agent_id, {"description": f"{number}"})
    assert len(await repository.list_agents({})) == 4
    assert len(await repository.get_agent_version_history(agent_id)) == 4


@pytest.mark.parametrize("filters", [{"colour": "red"}, {"status": "gone"}, {"name": 5}])
async def test_a_filter_that_there_is_not_is_refused(
    filters: dict[str, Any], repository: AgentRepositoryLike
) -> None:
    with pytest.raises(InvalidInput) as caught:
        await repository.list_agents(filters)
    assert caught.value.field == "filters"


async def test_repositories_of_two_namespaces_see_nothing_of_each_other(
    agents: AgentService,
) -> None:
    mine, theirs = AgentRepository(agents), AgentRepository(agents, By(namespace="other"))
    agent_id = await mine.create_agent({"name": "n"})
    assert await theirs.list_agents() == []
    assert await theirs.delete_agent(agent_id) is False


async def test_the_services_of_document_3_work_together(
    agents: AgentService, capabilities: CapabilityService
) -> None:
    agent_id = await agents.create_agent(
        {"name": "Test Agent", "description": "Agent for a test", "capabilities": {}}
    )
    search = await capabilities.create("search")
    await capabilities.add_capability_to_agent(
        agent_id=agent_id, capability_id=search.id, configuration={"top": 3}
    )
    assert (await agents.get_agent(agent_id))["capabilities"] == {search.id: {"top": 3}}


@pytest.mark.parametrize("version", ["", "0", "x", "-1", "1.0", " 1", "9" * 20, "\u0661", True])
def test_a_version_is_a_number(version: Any) -> None:
    with pytest.raises(InvalidInput):
        number_of(version)
    assert number_of("2") == number_of(2) == 2
