"""Agents come, go, report and breathe."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rollcall.kernel.clock import utc
from rollcall.kernel.errors import Closed, InvalidInput, RollcallError
from rollcall.orchestration import (
    AgentExists,
    AgentRegistry,
    AgentStatus,
    RegistryEventType,
)
from rollcall.testing.clock import FrozenClock
from support.registries import OpenAgentRegistry


def agent(*capabilities: str, **attributes: Any) -> SimpleNamespace:
    return SimpleNamespace(capabilities=list(capabilities), **attributes)


def is_empty(registry: AgentRegistry) -> bool:
    """Whether nothing at all is left, on the outside or the inside."""
    state = registry.service.state
    outside = [registry.agents, registry.runtime_agents, registry.capability_index]
    inside = [state.spaces, state.slots, state.index.namespaces()]
    return not any(len(one) for one in [*outside, registry.status_index, *inside])


async def events(registry: AgentRegistry) -> list[tuple[str, str | None, str | None]]:
    """What waits in the queue: type, agent and runtime of each event."""
    taken = [await registry.get_event() for _ in range(registry.event_queue.qsize())]
    return [(one.event_type.value, one.agent_id, one.runtime_id) for one in taken]


class ScriptedIds:
    """Draws agents' ids from a list; all others count up."""

    def __init__(self, *agents: str) -> None:
        self._agents = list(agents)
        self._others = 0

    def hex(self, digits: int) -> str:
        if digits == 8:
            return self._agents.pop(0)
        self._others += 1
        return f"{self._others:0{digits}x}"


async def test_the_id_is_the_argument_before_the_agents_own(registry: AgentRegistry) -> None:
    mine = agent(agent_id="mine")
    assert await registry.register_agent(mine, "r", agent_id="given") == "given"
    assert await registry.register_agent(mine, "r") == "mine"


@pytest.mark.parametrize("own", [None, "", 7, object()])
async def test_an_agent_without_an_id_gets_eight_drawn_digits(
    registry: AgentRegistry, own: object
) -> None:
    drawn = await registry.register_agent(agent(agent_id=own), "r")
    assert re.fullmatch(r"agent_[0-9a-f]{8}", drawn)


async def test_drawn_ids_come_from_the_source_of_ids(open_registry: OpenAgentRegistry) -> None:
    registry = await open_registry(ids=ScriptedIds("0123abcd"))
    assert await registry.register_agent(agent(), "r") == "agent_0123abcd"


async def test_a_drawn_id_that_is_taken_is_drawn_again(open_registry: OpenAgentRegistry) -> None:
    registry = await open_registry(ids=ScriptedIds("00000001", "00000001", "00000002"))
    assert await registry.register_agent(agent(), "r") == "agent_00000001"
    assert await registry.register_agent(agent(), "r") == "agent_00000002"


async def test_a_second_agent_of_the_same_id_is_refused(registry: AgentRegistry) -> None:
    first = agent("first")
    await registry.register_agent(first, "r1", agent_id="a")
    with pytest.raises(ValueError, match="registered") as caught:
        await registry.register_agent(agent("second"), "r2", agent_id="a")
    assert str(caught.value) == "Agent with ID 'a' is already registered"
    assert isinstance(caught.value, RollcallError)
    assert isinstance(caught.value, AgentExists)
    assert caught.value.agent_id == "a"
    assert registry.agents["a"].agent is first
    assert dict(registry.runtime_agents) == {"r1": {"a"}}
    assert set(registry.capability_index) == {"first"}


async def test_an_id_is_free_again_after_deregistration(registry: AgentRegistry) -> None:
    await registry.register_agent(agent(), "r", agent_id="a")
    await registry.deregister_agent("a", "r")
    second = agent()
    await registry.register_agent(second, "r", agent_id="a")
    assert registry.agents["a"].agent is second


async def test_a_registered_agent_is_known_with_all_that_was_said(
    registry: AgentRegistry, clock: FrozenClock
) -> None:
    card = {"capability": "code"}
    mine = SimpleNamespace(a2a_card=card)
    await registry.register_agent(
        mine, "r", agent_id="a", max_concurrency=3, memory_limit_mb=64, budget_limit_usd=0.5
    )
    known = await registry.get_agent("a")
    assert known is not None
    assert known.agent is mine
    assert known.a2a_card is card
    assert (known.agent_id, known.runtime_id) == ("a", "r")
    assert (known.max_concurrency, known.memory_limit_mb, known.budget_limit_usd) == (3, 64, 0.5)
    assert known.status is AgentStatus.ACTIVE
    assert known.last_heartbeat == utc(clock.now())
    assert registry.agents["a"] == known


async def test_limits_are_the_default_ones_where_none_are_given(registry: AgentRegistry) -> None:
    known = registry.agents[await registry.register_agent(agent(), "r")]
    assert (known.max_concurrency, known.memory_limit_mb, known.budget_limit_usd) == (10, 512, 1.0)


async def test_an_unknown_agent_is_none(registry: AgentRegistry) -> None:
    assert await registry.get_agent("nobody") is None


async def test_what_is_no_card_is_not_shown_as_one(registry: AgentRegistry) -> None:
    key = await registry.register_agent(SimpleNamespace(_a2a_card=object()), "r")
    assert registry.agents[key].a2a_card is None


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"agent": agent("ok", "")}, "capabilities.1"),
        ({"agent": SimpleNamespace(_a2a_card={"capabilities": 7})}, "capabilities"),
        ({"agent_id": "two\nlines"}, "id"),
        ({"agent_id": "x" * 257}, "id"),
        ({"agent_id": 5}, "agent_id"),
        ({"runtime_id": "two\nlines"}, "runtime"),
        ({"runtime_id": 7}, "runtime_id"),
        ({"runtime_id": None}, "runtime_id"),
        ({"max_concurrency": 0}, "max_concurrency"),
        ({"memory_limit_mb": -1}, "memory_limit_mb"),
        ({"budget_limit_usd": float("nan")}, "budget_limit_usd"),
    ],
)
async def test_a_registration_that_is_refused_leaves_nothing(
    registry: AgentRegistry, arguments: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        await registry.register_agent(**{"agent": agent("x"), "runtime_id": "r"} | arguments)
    assert field in caught.value.field
    assert is_empty(registry)
    assert registry.event_queue.empty()


async def test_a_refused_id_can_be_registered_properly_afterwards(registry: AgentRegistry) -> None:
    with pytest.raises(InvalidInput):
        await registry.register_agent(agent(""), "r", agent_id="a")
    assert await registry.register_agent(agent("code"), "r", agent_id="a") == "a"


async def test_a_runtime_joins_before_its_first_agent_and_leaves_after_its_last(
    registry: AgentRegistry,
) -> None:
    for key in "ab":
        await registry.register_agent(agent(), "r", agent_id=key)
    for key in "ab":
        await registry.deregister_agent(key, "r")
    assert await events(registry) == [
        ("runtime_joined", None, "r"),
        ("agent_registered", "a", "r"),
        ("agent_registered", "b", "r"),
        ("agent_deregistered", "a", "r"),
        ("agent_deregistered", "b", "r"),
        ("runtime_left", None, "r"),
    ]


async def test_the_event_of_a_registration_names_the_capabilities(
    registry: AgentRegistry, clock: FrozenClock
) -> None:
    await registry.register_agent(agent("code", "tests"), "r")
    joined, registered = [await registry.get_event() for _ in range(2)]
    assert joined.metadata == {}
    assert registered.metadata == {"capabilities": ["code", "tests"]}
    assert registered.timestamp == utc(clock.now())


async def test_deregistration_wants_the_right_runtime(registry: AgentRegistry) -> None:
    await registry.register_agent(agent(), "r", agent_id="a")
    assert not await registry.deregister_agent("a", "other")
    assert not await registry.deregister_agent("nobody", "r")
    assert "a" in registry.agents
    assert await registry.deregister_agent("a", "r")
    assert not await registry.deregister_agent("a", "r")
    assert await registry.get_agent("a") is None


async def test_nothing_is_left_of_agents_that_are_gone(registry: AgentRegistry) -> None:
    for number in range(50):
        card = {"capability": f"task {number}", "capabilities": [{"name": "n", "tags": ["t"]}]}
        mine = SimpleNamespace(a2a_card=card)
        key, runtime = f"a{number}", f"r{number % 7}"
        await registry.register_agent(mine, runtime, agent_id=key, max_concurrency=number + 1)
    for number in range(50):
        await registry.deregister_agent(f"a{number}", f"r{number % 7}")
    assert is_empty(registry)
    assert await registry.register_agent(agent(), "r", agent_id="a7") == "a7"
    assert registry.agents["a7"].max_concurrency == 10
    assert registry.agents["a7"].a2a_card is None


async def test_a_status_is_reported_with_old_and_new(registry: AgentRegistry) -> None:
    await registry.register_agent(agent(), "r", agent_id="a")
    await events(registry)
    assert await registry.update_agent_status("a", AgentStatus.DEGRADED)
    assert registry.agents["a"].status is AgentStatus.DEGRADED
    event = await registry.get_event()
    assert event.event_type is RegistryEventType.AGENT_STATUS_CHANGED
    assert (event.agent_id, event.runtime_id) == ("a", "r")
    assert event.metadata["old_status"] is AgentStatus.ACTIVE
    assert event.metadata["new_status"] is AgentStatus.DEGRADED


@pytest.mark.parametrize("status", list(AgentStatus))
async def test_every_status_can_be_reported_also_as_a_word(
    registry: AgentRegistry, status: AgentStatus
) -> None:
    await registry.register_agent(agent(), "r", agent_id="a")
    assert await registry.update_agent_status("a", status.value)
    assert registry.agents["a"].status is status


async def test_the_same_status_again_is_no_event(registry: AgentRegistry) -> None:
    await registry.register_agent(agent(), "r", agent_id="a")
    await events(registry)
    assert await registry.update_agent_status("a", AgentStatus.ACTIVE)
    assert registry.event_queue.empty()


async def test_a_status_is_refused_of_an_unknown_agent_runtime_or_word(
    registry: AgentRegistry,
) -> None:
    await registry.register_agent(agent(), "r", agent_id="a")
    assert not await registry.update_agent_status("nobody", AgentStatus.BUSY)
    assert not await registry.update_agent_status("a", AgentStatus.BUSY, runtime_id="other")
    with pytest.raises(ValueError, match="sleepy"):
        await registry.update_agent_status("a", "sleepy")
    assert registry.agents["a"].status is AgentStatus.ACTIVE
    assert await registry.update_agent_status("a", AgentStatus.BUSY, runtime_id="r")


async def test_a_heartbeat_is_noted_and_changes_nothing_that_was_reported(
    registry: AgentRegistry, clock: FrozenClock
) -> None:
    await registry.register_agent(agent(), "r", agent_id="a")
    await registry.update_agent_status("a", AgentStatus.DEGRADED)
    before = registry.agents["a"].last_heartbeat
    await clock.advance(7)
    assert await registry.update_agent_heartbeat("a")
    assert registry.agents["a"].last_heartbeat == before + timedelta(seconds=7)
    assert registry.agents["a"].status is AgentStatus.DEGRADED


async def test_a_heartbeat_of_an_unknown_agent_is_refused(registry: AgentRegistry) -> None:
    assert not await registry.update_agent_heartbeat("nobody")
    await registry.register_agent(agent(), "r", agent_id="a")
    await registry.deregister_agent("a", "r")
    assert not await registry.update_agent_heartbeat("a")


async def test_of_registrations_at_once_exactly_one_wins(
    open_registry: OpenAgentRegistry, tmp_path: Path
) -> None:
    for store in ("memory://", f"sqlite:///{tmp_path}/agents.db"):
        registry = await open_registry(store=store)
        agents = [agent(f"number {number}") for number in range(8)]
        answers = await asyncio.gather(
            *(registry.register_agent(one, "r", agent_id="a") for one in agents),
            return_exceptions=True,
        )
        assert sorted(type(one).__name__ for one in answers) == ["AgentExists"] * 7 + ["str"]
        winner = agents[[isinstance(one, str) for one in answers].index(True)]
        assert registry.agents["a"].agent is winner
        assert set(registry.capability_index) == set(winner.capabilities)
        assert [kind for kind, *_ in await events(registry)] == [
            "runtime_joined",
            "agent_registered",
        ]


async def test_after_shutdown_nothing_is_taken_any_more(registry: AgentRegistry) -> None:
    await registry.register_agent(agent("x"), "r", agent_id="a")
    await registry.shutdown()
    for call in (
        registry.register_agent(agent("x"), "r"),
        registry.deregister_agent("a", "r"),
        registry.update_agent_status("a", AgentStatus.BUSY),
        registry.update_agent_heartbeat("a"),
        registry.start(),
    ):
        with pytest.raises(Closed):
            await call
    assert list(registry.agents) == ["a"]
    await registry.shutdown()


async def test_an_unused_registry_can_be_shut_down() -> None:
    await AgentRegistry().shutdown()


async def test_namespaces_know_nothing_of_each_other(open_registry: OpenAgentRegistry) -> None:
    registry = await open_registry(namespace="tenant")
    await registry.register_agent(agent("code"), "r", agent_id="a")
    assert registry.service.get("tenant", "a").record.name == "a"
    assert "default" not in registry.service.state.spaces


async def test_metrics_count_all_that_happened(
    open_registry: OpenAgentRegistry, clock: FrozenClock
) -> None:
    registry = await open_registry()
    for key, runtime in (("a", "r1"), ("b", "r1"), ("c", "r2")):
        await registry.register_agent(agent("code", f"only {key}"), runtime, agent_id=key)
    await registry.update_agent_status("a", AgentStatus.BUSY)
    await registry.deregister_agent("c", "r2")
    await registry.find_agents_by_capability("code")
    await registry.find_agents_by_capability("nothing")
    await registry.update_agent_heartbeat("b")
    await registry.update_agent_heartbeat("nobody")
    await registry.get_event()
    await clock.advance(30)
    metrics = await registry.get_metrics()
    assert metrics == {
        "total_agents": 2,
        "total_runtimes": 1,
        "status_distribution": {AgentStatus.UNHEALTHY: 2},
        "runtime_distribution": {"r1": 2},
        "total_queries": 2,
        "total_registrations": 3,
        "total_deregistrations": 1,
        "capability_index_size": 3,
        "index_repairs": 0,
        "heartbeats": 1,
        "missed_heartbeats": 2,
        "runtime_joins": 2,
        "runtime_leaves": 1,
        # Two runtimes and three agents came, one of each left, three statuses, one heartbeat.
        "event_queue_depth": 5 + 2 + 3 + 1 - 1,
        "events_dropped": 0,
        "listener_errors": 0,
        "listener_events_missed": 0,
    }
