"""Finding the right agent by what it can do and how it is, and following what happens.

    python examples/2_capability_discovery.py

A search compares its words with the capabilities of agents, ignoring case; it costs what its answer
costs, not what the fleet costs. Only active agents are found, unless another status is asked for.
"""

from __future__ import annotations

import asyncio
import os

from rollcall.conversations import ModelAgent
from rollcall.conversations.providers import Models, ModelSettings
from rollcall.orchestration import AgentMetadata, AgentRegistry, AgentStatus

MODELS = Models(ModelSettings.from_environment(os.environ))


class Expert:
    """An agent that says what it can do with a card, as the Agent2Agent protocol has it.

    Where a model is set up (OPENAI_API_KEY, OLLAMA_BASE_URL), it does the work.
    """

    def __init__(self, name: str, capability: str) -> None:
        self.name = name
        self.a2a_card = {"name": name, "capability": capability}
        self.model = ModelAgent(name, models=MODELS)

    async def run(self, task: str) -> str:
        if MODELS.names():
            return str(await self.model.run(task))
        return f"{self.name} did: {task}"


TEAM = [
    (Expert("PythonExpert", "Python code generation and debugging"), "dev_runtime_1"),
    (Expert("JavaScriptExpert", "JavaScript and frontend development"), "dev_runtime_1"),
    (Expert("DataScientist", "Statistical data analysis"), "analytics_runtime_2"),
    (Expert("TechnicalWriter", "Documentation and tutorials"), "content_runtime_3"),
]

# What is to be done, and the word to search by.
TASKS = {
    "Python code generation": "python",
    "JavaScript development": "javascript",
}


def section(title: str) -> None:
    print("=" * 70)
    print(title)
    print("=" * 70)


async def show_events(registry: AgentRegistry) -> None:
    """Take what waits in the queue of events. `get_event` would wait for more."""
    while not registry.event_queue.empty():
        event = await registry.get_event()
        print(f"[EVENT] {event.event_type.name}: {event.agent_id or event.runtime_id}")


async def register(registry: AgentRegistry) -> dict[str, str]:
    """Register the team; the ids by name."""
    section("Registering Specialized Agents...")
    ids = {
        agent.name: await registry.register_agent(agent, runtime_id=runtime_id)
        for agent, runtime_id in TEAM
    }
    await show_events(registry)
    print()

    metrics = await registry.get_metrics()
    agents, runtimes = metrics["total_agents"], metrics["total_runtimes"]
    print(f"✓ Registered {agents} specialized agents across {runtimes} runtimes")
    print()
    return ids


async def discover(registry: AgentRegistry) -> None:
    """Searches may run side by side; each has its best match first."""
    section("Capability-Based Agent Discovery (O(1) Lookup):")
    print()
    answers: list[list[AgentMetadata]] = await asyncio.gather(
        *(registry.find_agents_by_capability(query) for query in TASKS.values())
    )
    for (task, query), found in zip(TASKS.items(), answers, strict=True):
        best = found[0]
        print(f"Task: '{task}'")
        print(f"  Query: '{query}'")
        print(f"  ✓ Found: {best.agent.name}")
        print(f"    - Capability: {best.a2a_card['capability']}")
        print(f"    - Runtime: {best.runtime_id}")
        print()


async def filter_by_status(registry: AgentRegistry, agent_id: str) -> None:
    """A degraded agent is left out by default, and found where one asks for it."""
    section("Status-Based Filtering:")
    print()
    await registry.update_agent_status(agent_id, AgentStatus.DEGRADED)
    print("✓ Marked PythonExpert as DEGRADED")
    await show_events(registry)
    print()

    for status in (AgentStatus.ACTIVE, AgentStatus.DEGRADED):
        found = await registry.find_agents_by_capability("python", status_filter=status)
        print(f"Searching for 'python' with {status.name} filter:")
        print(f"  Found {len(found)} {status.name} agents")
        print()
    found = await registry.find_agents_by_capability("python", status_filter=None)
    print("Searching for 'python' with no status filter:")
    print(f"  Found {len(found)} total agents")


async def main() -> None:
    async with AgentRegistry() as registry:
        ids = await register(registry)
        await discover(registry)
        await filter_by_status(registry, ids["PythonExpert"])


if __name__ == "__main__":
    asyncio.run(main())
