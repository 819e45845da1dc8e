from __future__ import annotations

from typing import Any

import httpx
import pytest

from rollcall.client import AgentCapability, AgentRegistration, RegistryClient, RegistryUnavailable
from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.record_errors import RecordNotFound

CODING = AgentCapability(
    name="code_generation",
    description="Generates Python code",
    cost_estimate="~100 tokens",
    tags=["coding", "python"],
)


async def test_a_registration_carries_all_that_the_contract_asks_for(
    client: Any, wire: Any
) -> None:
    await client.register([CODING], metadata={"zone": "a"}, status="busy")

    assert wire.bodies("/register") == [
        {
            "agent_id": "my-agent",
            "agent_name": "My Custom Agent",
            "base_url": "http://my-agent:8000",
            "capabilities": [
                {
                    "name": "code_generation",
                    "description": "Generates Python code",
                    "cost_estimate": "~100 tokens",
                    "tags": ["coding", "python"],
                }
            ],
            "status": "busy",
            "metadata": {"zone": "a"},
        }
    ]


async def test_register_raises_what_the_registry_refuses(client: Any, wire: Any) -> None:
    errors = [{"field": "capabilities.0.name", "problem": "must not be empty"}]
    body = {"type": "urn:rollcall:problem:invalid-input", "errors": errors}
    wire.faults.append(httpx.Response(422, json=body))

    with pytest.raises(InvalidInput) as caught:
        await client.register([AgentCapability("", "")])

    assert caught.value.field == "capabilities.0.name"


async def test_metadata_that_is_not_given_again_stays(client: Any, wire: Any) -> None:
    await client.register([CODING], metadata={"zone": "a"})
    await client.register([])
    await client.register([], metadata={})

    assert [one["metadata"] for one in wire.bodies("/register")] == [
        {"zone": "a"},
        {"zone": "a"},
        {},
    ]


async def test_a_status_is_reported_and_survives_a_registry_that_forgot(
    client: Any, wire: Any
) -> None:
    await client.register([CODING])
    await client.update_status("degraded")
    assert wire.agents["my-agent"]["status"] == "degraded"

    wire.agents.clear()
    await client.send_heartbeat()

    assert wire.agents["my-agent"]["status"] == "degraded"
    assert wire.agents["my-agent"]["capabilities"][0]["name"] == "code_generation"
    assert (client.registered_again, client.heartbeats_sent) == (1, 1)


async def test_who_never_registered_is_not_registered_by_a_heartbeat(
    client: Any, wire: Any
) -> None:
    with pytest.raises(RecordNotFound):
        await client.send_heartbeat()

    assert wire.agents == {}
    assert client.heartbeats_failed == 1


async def test_who_has_left_is_not_registered_by_a_heartbeat(client: Any, wire: Any) -> None:
    await client.register([CODING])
    await client.deregister()
    await client.deregister()

    with pytest.raises(RecordNotFound):
        await client.send_heartbeat()
    assert wire.agents == {}


async def test_a_heartbeat_is_one_attempt_and_counted(client: Any, wire: Any) -> None:
    await client.register([CODING])
    wire.faults.append(httpx.ConnectError("refused"))

    with pytest.raises(RegistryUnavailable):
        await client.send_heartbeat()
    await client.send_heartbeat()

    assert wire.asked[1:] == ["POST /agents/my-agent/heartbeat"] * 2
    assert (client.heartbeats_sent, client.heartbeats_failed) == (1, 1)


async def test_a_search_gives_attributes_and_sends_what_was_asked(client: Any, wire: Any) -> None:
    wire.matches = [
        {
            "agent_id": "a",
            "agent_name": "A",
            "capability": "security_scanning",
            "description": "",
            "base_url": None,
            "tags": ["security"],
            "status": "active",
            "cost_estimate": "~9 tokens",
            "score": 0.5,
            "reason": "a field of a newer registry",
        }
    ]

    (match,) = await client.search_capabilities("security & more", status="active", limit=5)

    assert (match.agent_id, match.status, match.cost_estimate) == ("a", "active", "~9 tokens")
    assert match.tags == ["security"]
    query = dict(wire.requests[-1].url.params)
    assert query == {"q": "security & more", "status": "active", "limit": "5"}


async def test_agents_are_read_one_by_one_and_in_lists(client: Any, wire: Any) -> None:
    await client.register([CODING])

    agent = await client.get_agent("my-agent")
    assert isinstance(agent, AgentRegistration)
    assert agent.capabilities == [CODING]
    assert agent.last_heartbeat is not None
    assert agent.last_heartbeat.utcoffset() is not None
    assert await client.list_agents() == [agent]
    assert (await client.check_health("my-agent"))["status"] == "healthy"
    assert (await client.get_stats())["total_agents"] == 1


@pytest.mark.parametrize("method", ["get_agent", "check_health"])
async def test_an_agent_that_is_not_there_is_not_found(client: Any, method: str) -> None:
    with pytest.raises(RecordNotFound) as caught:
        await getattr(client, method)("nobody")
    assert caught.value.record_id == "nobody"


@pytest.mark.parametrize("agent_id", ["a/b", "a?b#c", "a%2Fb", "ü ", "../x", "\u202e"])
async def test_an_id_is_one_segment_whatever_is_in_it(wire: Any, clock: Any, agent_id: str) -> None:
    async with RegistryClient(
        "http://r", agent_id, "A", "http://a", clock=clock, transport=wire
    ) as client:
        await client.register([CODING])
        await client.send_heartbeat()
        await client.update_status("busy")
        assert (await client.get_agent(agent_id)).agent_id == agent_id
    assert client.registered_again == 0


@pytest.mark.parametrize("agent_id", ["", ".", ".."])
async def test_an_id_that_would_lead_elsewhere_is_refused(
    client: Any, wire: Any, agent_id: str
) -> None:
    with pytest.raises(InvalidInput, match="agent_id"):
        await client.get_agent(agent_id)
    with pytest.raises(InvalidInput, match="agent_id"):
        RegistryClient("http://r", agent_id, "A", "http://a")
    assert wire.requests == []
