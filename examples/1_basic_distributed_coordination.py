"""One registry for the agents of several runtimes: who lives where, and who can do what.

    python examples/1_basic_distributed_coordination.py

An agent is any Python object. What it can do is read from the object itself: here from its
attribute `capabilities`. Where a model is set up (OPENAI_API_KEY, OLLAMA_BASE_URL), it answers for
the agents; otherwise they are as plain as can be.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass

from rollcall.conversations import ModelAgent
from rollcall.conversations.providers import Models, ModelSettings
from rollcall.orchestration import AgentRegistry

MODELS = Models(ModelSettings.from_environment(os.environ))


@dataclass(frozen=True)
class PlainAgent:
    """An agent without a model."""

    name: str
    capabilities: list[str]

    async def run(self, task: str) -> str:
        return f"{self.name} did: {task}"


def agent(name: str, *capabilities: str) -> PlainAgent | ModelAgent:
    if MODELS.names():
        return ModelAgent(name=name, capabilities=capabilities, models=MODELS)
    return PlainAgent(name, list(capabilities))


# Runtime id -> the agents that live there. A runtime is a process, a host or a pod: whatever joins
# and leaves as a whole.
FLEET = {
    "runtime_1": [
        agent("CodeAgent", "code generation"),
        agent("DataAgent", "data analysis"),
    ],
    "runtime_2": [
        agent("WritingAgent", "content writing"),
    ],
}


def section(title: str) -> None:
    print("=" * 70)
    print(title)
    print("=" * 70)


async def register(registry: AgentRegistry) -> None:
    """Registration gives each agent an id, and tells the registry which runtime it lives in."""
    section("Registering agents from different runtimes...")
    for runtime_id, agents in FLEET.items():
        for agent in agents:
            await registry.register_agent(agent, runtime_id=runtime_id)

    total, runtimes = len(registry.agents), len(registry.runtime_agents)
    print()
    print(f"✓ Registered {total} agents across {runtimes} runtimes:")
    for number, members in enumerate(FLEET.values(), 1):
        print(f"  Runtime {number}: {', '.join(agent.name for agent in members)}")
    print()


async def show_runtimes(registry: AgentRegistry) -> None:
    """`runtime_agents` maps a runtime to ids; `list_agents` gives all that is known of each."""
    section("Runtime Distribution:")
    print()
    for runtime_id, agent_ids in registry.runtime_agents.items():
        print(f"{runtime_id}: {len(agent_ids)} agents")
        for known in registry.list_agents(runtime_id=runtime_id):
            print(f"  - {known.agent.name} ({known.agent_id})")
        print()


async def discover(registry: AgentRegistry) -> None:
    """A search asks the whole fleet, wherever an agent lives."""
    section("Cross-Runtime Capability Discovery:")
    for wanted in ("code generation", "data analysis", "content writing"):
        found = await registry.find_agents_by_capability(wanted)
        print()
        print(f"Searching for '{wanted}':")
        print(f"  Found {len(found)} agents")
        for known in found:
            print(f"  - {known.agent.name} on {known.runtime_id}")


async def main() -> None:
    # `async with` starts the registry, and shuts it down whatever happens.
    async with AgentRegistry() as registry:
        await register(registry)
        await show_runtimes(registry)
        await discover(registry)


if __name__ == "__main__":
    asyncio.run(main())
