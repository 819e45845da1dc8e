"""The snippets of document 5, quoted, run as they stand; only the package has our name."""

from __future__ import annotations

import ast
import inspect
from typing import Any

import pytest

from rollcall import orchestration
from rollcall.orchestration import (
    AgentRegistry,
    AgentRegistryConfig,
    AgentStatus,
    RegistryEventType,
)

IMPORT = """\
from kaizen.orchestration import (
    AgentRegistry,
    AgentRegistryConfig,
    RegistryEventType,
    AgentStatus,
)
"""

CONFIGURE = """\
# Configure registry
config = AgentRegistryConfig(
    enable_heartbeat_monitoring=True,
    heartbeat_timeout=30.0,              # Heartbeat timeout (seconds)
    auto_deregister_timeout=60.0,        # Auto-deregister timeout (seconds)
    enable_event_broadcasting=True,      # Enable event broadcasting
    event_queue_size=100,                # Event queue capacity
)
"""

CREATE = """\
# Create registry
registry = AgentRegistry(config=config)
await registry.start()
"""

REGISTER = """\
# Register agents from different runtimes
agent_id = await registry.register_agent(my_agent, runtime_id="runtime_1")
"""

DISCOVER = """\
# Discover agents by capability
agents = await registry.find_agents_by_capability(
    "code generation",
    status_filter=AgentStatus.ACTIVE
)
"""

SUBSCRIBE = """\
# Subscribe to events
async def event_handler():
    event = await registry.get_event()
    print(f"Event: {event.event_type}")
"""

UPDATE_STATUS = """\
# Update agent status
await registry.update_agent_status(agent_id, AgentStatus.UNHEALTHY)
"""

HEARTBEAT = """\
# Send heartbeat
await registry.update_agent_heartbeat(agent_id)
"""

DEREGISTER = """\
# Deregister agent
await registry.deregister_agent(agent_id, runtime_id="runtime_1")
"""

SHUTDOWN = """\
# Shutdown
await registry.shutdown()
"""

RUNTIME_TRACKING = """\
# Each agent associated with a runtime
agent_id = await registry.register_agent(agent, runtime_id="runtime_1")

# Query agents by runtime
runtime_agents = registry.runtime_agents["runtime_1"]

# Track runtime joins/leaves
# RUNTIME_JOINED event when first agent registers
# RUNTIME_LEFT event when last agent deregisters
"""

INTEGRATION = """\
# Use both together for distributed orchestration
runtime = OrchestrationRuntime(config=runtime_config)
registry = AgentRegistry(config=registry_config)

# Register agents in both
agent_id = await runtime.register_agent(agent)  # Runtime tracking
await registry.register_agent(agent, runtime_id="runtime_1")  # Global discovery

# Route tasks locally via runtime
selected_agent = await runtime.route_task(task, strategy=RoutingStrategy.SEMANTIC)

# Discover agents globally via registry
all_agents = await registry.find_agents_by_capability("code generation")
"""


class CodeAgent:
    name = "CodeAgent"
    capabilities = ("code generation",)

    def run(self, task: str) -> str:
        return f"did {task}"


async def run(snippet: str, names: dict[str, Any]) -> None:
    """Run a snippet in `names`, which it may use and adds to."""
    source = snippet.replace("kaizen.orchestration", "rollcall.orchestration")
    code = compile(source, "document 5", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    result = eval(code, names)  # noqa: S307
    if inspect.iscoroutine(result):
        await result


async def test_the_registry_snippet_does_what_its_comments_say(
    capsys: pytest.CaptureFixture[str],
) -> None:
    agent = CodeAgent()
    names: dict[str, Any] = {"my_agent": agent}

    for part in (IMPORT, CONFIGURE, CREATE, REGISTER):
        await run(part, names)
    registry, agent_id = names["registry"], names["agent_id"]
    assert registry.agents[agent_id].agent is agent

    await run(DISCOVER, names)
    assert [one.agent for one in names["agents"]] == [agent]

    await run(SUBSCRIBE, names)
    await names["event_handler"]()
    await names["event_handler"]()
    assert capsys.readouterr().out == "Event: runtime_joined\nEvent: agent_registered\n"

    await run(UPDATE_STATUS, names)
    assert registry.agents[agent_id].status is AgentStatus.UNHEALTHY

    await run(HEARTBEAT, names)
    await run(DEREGISTER, names)
    assert dict(registry.agents) == {}

    await run(SHUTDOWN, names)
    rest = [(await registry.get_event()).event_type for _ in range(registry.event_queue.qsize())]
    assert rest == [
        RegistryEventType.AGENT_STATUS_CHANGED,
        RegistryEventType.AGENT_HEARTBEAT,
        RegistryEventType.AGENT_DEREGISTERED,
        RegistryEventType.RUNTIME_LEFT,
    ]


async def test_the_registry_snippet_runs_in_one_piece() -> None:
    parts = (
        IMPORT,
        CONFIGURE,
        CREATE,
        REGISTER,
        DISCOVER,
        SUBSCRIBE,
        UPDATE_STATUS,
        HEARTBEAT,
        DEREGISTER,
        SHUTDOWN,
    )
    await run("\n".join(parts), {"my_agent": CodeAgent()})


async def test_runtimes_are_tracked_as_the_snippet_says() -> None:
    async with AgentRegistry() as registry:
        names: dict[str, Any] = {"registry": registry, "agent": CodeAgent()}
        await run(RUNTIME_TRACKING, names)
        assert names["runtime_agents"] == {names["agent_id"]}
        assert (await registry.get_event()).event_type is RegistryEventType.RUNTIME_JOINED

        await registry.deregister_agent(names["agent_id"], "runtime_1")
        types = [(await registry.get_event()).event_type for _ in range(3)]
        assert types[-1] is RegistryEventType.RUNTIME_LEFT


async def test_runtime_and_registry_work_together_as_the_snippet_says() -> None:
    agent = CodeAgent()
    names = {
        **vars(orchestration),
        "runtime_config": orchestration.OrchestrationRuntimeConfig(),
        "registry_config": AgentRegistryConfig(),
        "agent": agent,
        "task": "code generation for a parser",
    }
    await run(INTEGRATION, names)
    try:
        assert names["selected_agent"] is not None
        assert [one.agent for one in names["all_agents"]] == [agent]
    finally:
        await names["runtime"].shutdown()
        await names["registry"].shutdown()


@pytest.mark.parametrize(
    ("query", "found"),
    [("python", True), ("PYTHON", True), ("code gen", True), ("ruby", False)],
)
async def test_a_search_is_for_a_part_of_a_capability_in_any_case(query: str, found: bool) -> None:
    class Agent:
        capabilities = ("Python code generation",)

    async with AgentRegistry() as registry:
        agent_id = await registry.register_agent(Agent(), "runtime_1")
        answer = await registry.find_agents_by_capability(query)
        assert [one.agent_id for one in answer] == ([agent_id] if found else [])


@pytest.mark.parametrize("status", ["ACTIVE", "UNHEALTHY", "DEGRADED", "OFFLINE"])
async def test_each_status_of_the_document_filters(status: str) -> None:
    wanted = AgentStatus[status]
    async with AgentRegistry() as registry:
        ids = {}
        for name in AgentStatus:
            ids[name] = await registry.register_agent(CodeAgent(), "runtime_1")
            await registry.update_agent_status(ids[name], name)
        found = await registry.find_agents_by_capability("code", status_filter=wanted)
        everyone = await registry.find_agents_by_capability("code", status_filter=None)
    assert [one.agent_id for one in found] == [ids[wanted]]
    assert {one.agent_id for one in everyone} == set(ids.values())


def test_the_document_knows_these_types_of_events() -> None:
    assert {kind.name for kind in RegistryEventType} == {
        "AGENT_REGISTERED",
        "AGENT_DEREGISTERED",
        "AGENT_STATUS_CHANGED",
        "AGENT_HEARTBEAT",
        "RUNTIME_JOINED",
        "RUNTIME_LEFT",
    }
