# SPDX-License-Identifier: Apache-2.0
"""The agent service as an agent: found by what it can do, and asked by other agents."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from rollcall.client import RegistryClient
from rollcall.client.delegation import AgentRequestType, AgentResponseStatus
from support.serving import Serving, eventually, serving


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("delegation"), "up") as one:
        eventually('"calculate"', f"{one.talk}/api/v1/tools")
        eventually("agent-service", f"{one.agents}/capabilities/search?q=question+answering")
        yield one


@pytest_asyncio.fixture
async def planner(up: Serving) -> AsyncIterator[RegistryClient]:
    """An agent that has others work for it."""
    async with RegistryClient(up.agents, "planner", "Planner", "http://127.0.0.1:9") as one:
        yield one


async def test_it_is_found_where_it_answers(up: Serving, planner: RegistryClient) -> None:
    (found, *_) = await planner.search_capabilities("question answering")

    assert (found.agent_name, found.base_url) == ("agent-service", up.talk)


async def test_a_task_is_delegated_to_it_and_done_with_a_tool(planner: RegistryClient) -> None:
    answer = await planner.delegate("question answering", "Calculate 10 + 5", correlation_id="c-1")

    assert answer.status is AgentResponseStatus.SUCCESS, answer.error
    assert "15" in answer.result["response"]
    assert [run["tool"] for run in answer.result["tools_used"]] == ["calculate"]
    assert (answer.target_agent, answer.correlation_id) == ("planner", "c-1")


async def test_how_it_is_may_be_asked(planner: RegistryClient) -> None:
    answer = await planner.delegate(
        "question answering", {}, request_type=AgentRequestType.GET_STATUS
    )

    assert answer.status is AgentResponseStatus.SUCCESS
    assert answer.result["models"] == ["offline-planner"]
