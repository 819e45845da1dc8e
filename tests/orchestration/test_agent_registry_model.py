"""Whatever is done to a registry, it is what a dictionary would be."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

from hypothesis import given, settings
from hypothesis import strategies as st

from rollcall.orchestration import (
    AgentExists,
    AgentRegistry,
    AgentRegistryConfig,
    AgentStatus,
    RegistryEventType,
)
from rollcall.testing.clock import FrozenClock

UNHEALTHY_AFTER, GONE_AFTER = 30.0, 60.0
ALIVE = {AgentStatus.ACTIVE, AgentStatus.BUSY, AgentStatus.DEGRADED}
WORDS = ("code", "code review", "data")

IDS = st.sampled_from("abcde")
RUNTIMES = st.sampled_from(["r1", "r2"])
ACTS = st.one_of(
    st.tuples(st.just("register"), IDS, RUNTIMES, st.lists(st.sampled_from(WORDS), max_size=2)),
    st.tuples(st.just("deregister"), IDS, RUNTIMES),
    st.tuples(st.just("report"), IDS, st.sampled_from(AgentStatus)),
    st.tuples(st.just("heartbeat"), IDS),
    # Quarters of a timeout, so that deadlines are met exactly, too.
    st.tuples(st.just("advance"), st.sampled_from([0.5, 7.5, 15.0, 30.0, 45.0])),
)


@dataclass
class Agent:
    runtime: str
    capabilities: list[str]
    renewed: float
    reported: AgentStatus = AgentStatus.ACTIVE


class Model:
    """What is expected, in the plainest way."""

    def __init__(self) -> None:
        self.now = 0.0
        self.agents: dict[str, Agent] = {}

    def register(self, key: str, runtime: str, capabilities: list[str]) -> bool:
        if key in self.agents:
            return False
        self.agents[key] = Agent(runtime, capabilities, self.now)
        return True

    def deregister(self, key: str, runtime: str) -> bool:
        if key not in self.agents or self.agents[key].runtime != runtime:
            return False
        del self.agents[key]
        return True

    def report(self, key: str, status: AgentStatus) -> bool:
        if key not in self.agents:
            return False
        self.agents[key].reported = status
        if status in ALIVE:
            self.agents[key].renewed = self.now
        return True

    def heartbeat(self, key: str) -> bool:
        if key not in self.agents:
            return False
        self.agents[key].renewed = self.now
        return True

    def advance(self, seconds: float) -> None:
        self.now += seconds
        for key, agent in list(self.agents.items()):
            if self.now - agent.renewed >= GONE_AFTER:
                del self.agents[key]

    def status(self, key: str) -> AgentStatus:
        agent = self.agents[key]
        if agent.reported is AgentStatus.OFFLINE:
            return AgentStatus.OFFLINE
        if self.now - agent.renewed >= UNHEALTHY_AFTER:
            return AgentStatus.UNHEALTHY
        return agent.reported

    def grouped(self, by: dict[str, list[str]]) -> dict[str, set[str]]:
        """Key -> agents, of agents -> keys."""
        return {
            key: {one for one, keys in by.items() if key in keys}
            for key in {key for keys in by.values() for key in keys}
        }


async def act(registry: AgentRegistry, model: Model, clock: FrozenClock, step: tuple) -> None:  # type: ignore[type-arg]
    """Do the same to both; they must answer the same."""
    match step:
        case "register", key, runtime, capabilities:
            mine = SimpleNamespace(capabilities=capabilities)
            try:
                answer = await registry.register_agent(mine, runtime, agent_id=key) == key
            except AgentExists:
                answer = False
            assert answer == model.register(key, runtime, capabilities)
        case "deregister", key, runtime:
            answer = await registry.deregister_agent(key, runtime)
            assert answer == model.deregister(key, runtime)
        case "report", key, status:
            answer = await registry.update_agent_status(key, status)
            assert answer == model.report(key, status)
        case "heartbeat", key:
            assert await registry.update_agent_heartbeat(key) == model.heartbeat(key)
        case _, seconds:
            await clock.advance(seconds)
            model.advance(seconds)


async def compare(registry: AgentRegistry, model: Model) -> None:
    statuses = {key: model.status(key) for key in model.agents}
    known = {key: one.status for key, one in registry.agents.items()}
    assert known == statuses
    assert registry.runtime_agents == model.grouped(
        {key: [one.runtime] for key, one in model.agents.items()}
    )
    assert registry.capability_index == model.grouped(
        {key: one.capabilities for key, one in model.agents.items()}
    )
    assert registry.status_index == model.grouped({key: [s] for key, s in statuses.items()})
    for status in (*AgentStatus, None):
        found = await registry.find_agents_by_capability("code", status)
        assert {one.agent_id for one in found} == {
            key
            for key, one in model.agents.items()
            if status in (None, statuses[key]) and any("code" in c for c in one.capabilities)
        }
    metrics = await registry.get_metrics()
    assert metrics["total_agents"] == len(model.agents)
    assert sum(metrics["status_distribution"].values()) == len(model.agents)


async def folded(registry: AgentRegistry) -> tuple[dict[str, str], set[str]]:
    """What the events alone say: the status of each agent, and the runtimes."""
    agents: dict[str, str] = {}
    runtimes: set[str] = set()
    while not registry.event_queue.empty():
        event = await registry.get_event()
        key, runtime = str(event.agent_id), str(event.runtime_id)
        match event.event_type:
            case RegistryEventType.AGENT_REGISTERED:
                assert key not in agents
                assert runtime in runtimes
                agents[key] = "active"
            case RegistryEventType.AGENT_DEREGISTERED:
                del agents[key]
            case RegistryEventType.AGENT_STATUS_CHANGED:
                assert event.metadata["old_status"] == agents[key] != event.metadata["new_status"]
                agents[key] = event.metadata["new_status"]
            case RegistryEventType.AGENT_HEARTBEAT:
                assert key in agents
            case RegistryEventType.RUNTIME_JOINED:
                assert runtime not in runtimes
                runtimes.add(runtime)
            case RegistryEventType.RUNTIME_LEFT:
                runtimes.remove(runtime)
    return agents, runtimes


@settings(max_examples=100)
@given(st.lists(ACTS, max_size=30))
async def test_a_registry_is_what_a_dictionary_would_be(steps: list[tuple]) -> None:  # type: ignore[type-arg]
    clock, model = FrozenClock(), Model()
    config = AgentRegistryConfig(
        heartbeat_timeout=UNHEALTHY_AFTER, auto_deregister_timeout=GONE_AFTER
    )
    async with AgentRegistry(config, clock=clock) as registry:
        for step in steps:
            await act(registry, model, clock, step)
            await compare(registry, model)
        agents, runtimes = await folded(registry)
        assert agents == {key: model.status(key) for key in model.agents}
        assert runtimes == {one.runtime for one in model.agents.values()}

        for key, one in model.agents.items():
            assert await registry.deregister_agent(key, one.runtime)
        state = registry.service.state
        left = [registry.agents, registry.runtime_agents, registry.capability_index]
        assert not any(map(len, [*left, state.spaces, state.slots, state.index.namespaces()]))
