"""The public attributes: always right, never to be written to."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from rollcall.orchestration import AgentMetadata, AgentRegistry, AgentStatus, RegistryEventType
from rollcall.orchestration.views import Roster, statuses
from rollcall.registry.status import EFFECTIVE, Status

VIEWS = ["agents", "runtime_agents", "capability_index", "status_index", "event_listeners"]


async def register(registry: AgentRegistry, key: str, runtime: str, *capabilities: Any) -> None:
    await registry.register_agent(
        SimpleNamespace(capabilities=list(capabilities)), runtime, agent_id=key
    )


@pytest.mark.parametrize("name", VIEWS)
async def test_a_view_cannot_be_written_to(registry: AgentRegistry, name: str) -> None:
    await register(registry, "a", "r", "code")
    view = getattr(registry, name)
    key = next(iter(view))
    with pytest.raises(TypeError):
        view["new"] = set()
    with pytest.raises(TypeError):
        del view[key]
    with pytest.raises(AttributeError):
        setattr(registry, name, {})
    for method in ("pop", "clear", "update", "setdefault"):
        assert not hasattr(view, method)


async def test_what_a_view_gave_is_nobodys_state(registry: AgentRegistry) -> None:
    await register(registry, "a", "r", "code")
    registry.subscribe(RegistryEventType.AGENT_REGISTERED, print)
    for view in (registry.runtime_agents, registry.capability_index, registry.status_index):
        assert isinstance(next(iter(view.values())), frozenset)
    registry.event_listeners[RegistryEventType.AGENT_REGISTERED].clear()
    assert registry.event_listeners[RegistryEventType.AGENT_REGISTERED] == [print]
    registry.agents["a"].status = AgentStatus.OFFLINE
    assert registry.agents["a"].status is AgentStatus.ACTIVE


async def test_a_view_goes_with_what_happens(registry: AgentRegistry) -> None:
    views: list[Mapping[Any, Any]] = [
        registry.agents,
        registry.runtime_agents,
        registry.capability_index,
        registry.status_index,
    ]
    assert [len(view) for view in views] == [0, 0, 0, 0]
    await register(registry, "a", "r1", "Code", "tests")
    await register(registry, "b", "r2", "code")
    await registry.update_agent_status("b", AgentStatus.BUSY)
    assert [len(view) for view in views] == [2, 2, 2, 2]
    assert dict(registry.runtime_agents) == {"r1": {"a"}, "r2": {"b"}}
    assert dict(registry.capability_index) == {"code": {"a", "b"}, "tests": {"a"}}
    assert dict(registry.status_index) == {AgentStatus.ACTIVE: {"a"}, AgentStatus.BUSY: {"b"}}


@pytest.mark.parametrize("key", ["missing", "", " ", None, 7, ("a", "tuple")])
@pytest.mark.parametrize("name", ["runtime_agents", "capability_index", "status_index"])
async def test_what_is_not_there_reads_as_an_empty_set(
    registry: AgentRegistry, name: str, key: object
) -> None:
    await register(registry, "a", "r", "code")
    view = getattr(registry, name)
    assert view[key] == view.get(key) == frozenset()
    assert key not in view


async def test_an_agent_that_is_not_there_is_a_key_error(registry: AgentRegistry) -> None:
    with pytest.raises(KeyError, match="nobody"):
        registry.agents["nobody"]
    assert registry.agents.get("nobody") is None
    assert "nobody" not in registry.agents


async def test_capabilities_are_looked_up_by_their_whole_name_in_any_case(
    registry: AgentRegistry,
) -> None:
    await register(registry, "a", "r", {"name": "Code Review", "description": "one"})
    await register(registry, "b", "r", {"name": "code review", "description": "another"})
    await register(registry, "c", "r", {"name": "docs", "tags": ["code review"]})
    assert registry.capability_index["CODE review"] == {"a", "b"}
    assert registry.capability_index["code"] == frozenset()
    assert set(registry.capability_index) == {"code review", "docs"}
    assert len(registry.capability_index) == 2


async def test_statuses_may_be_asked_for_by_word(registry: AgentRegistry) -> None:
    await register(registry, "a", "r")
    assert registry.status_index["active"] == {"a"}


async def test_runtime_ids_that_look_like_something_else_are_not_it(
    registry: AgentRegistry,
) -> None:
    await register(registry, "a", "7")
    assert registry.runtime_agents["7"] == {"a"}


async def test_agents_may_come_and_go_while_one_looks_through_them(
    registry: AgentRegistry,
) -> None:
    for key in "abc":
        await register(registry, key, "r")
    for key in registry.agents:
        await registry.deregister_agent(key, "r")
    assert len(registry.agents) == 0


async def test_agents_are_in_the_order_of_their_registration(registry: AgentRegistry) -> None:
    for key in "cab":
        await register(registry, key, "r")
    assert list(registry.agents) == ["c", "a", "b"]
    assert all(isinstance(one, AgentMetadata) for one in registry.agents.values())


async def test_the_queue_tells_how_full_it_is(registry: AgentRegistry) -> None:
    queue = registry.event_queue
    assert (queue.qsize(), queue.empty(), queue.full(), queue.maxsize) == (0, True, False, 1000)
    await register(registry, "a", "r")
    assert (queue.qsize(), len(queue), queue.empty()) == (2, 2, False)


async def test_there_are_listeners_of_every_type(registry: AgentRegistry) -> None:
    assert dict(registry.event_listeners) == {kind: [] for kind in RegistryEventType}


async def test_a_view_shows_its_content(registry: AgentRegistry) -> None:
    await register(registry, "a", "r")
    assert repr(registry.runtime_agents) == "{'r': {'a'}}"


async def test_a_roster_may_be_awaited_again_and_again() -> None:
    roster = Roster(["a"])
    assert await roster is roster
    assert await roster == ["a"]


def test_each_effective_status_is_found_under_one_word() -> None:
    found = [one for word in AgentStatus for one in statuses(word)]
    assert sorted(found) == sorted(EFFECTIVE)
    assert statuses(AgentStatus.UNHEALTHY) == {Status.UNHEALTHY, Status.STARTING, Status.SUSPECT}
