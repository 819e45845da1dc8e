"""What happens when an agent fails: others see it, tasks go elsewhere, and it comes back.

    python examples/3_fault_tolerance.py

Agents send heartbeats. One that is silent for longer than `heartbeat_timeout` reads unhealthy all
by itself, and after `auto_deregister_timeout` it is removed. So that nobody has to wait here, the
failure is reported by hand. Where a model is set up (OPENAI_API_KEY, OLLAMA_BASE_URL), it answers
for the agents.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass

from rollcall.conversations import ModelAgent
from rollcall.conversations.providers import Models, ModelSettings
from rollcall.orchestration import (
    AgentRegistry,
    AgentRegistryConfig,
    AgentStatus,
    RegistryEvent,
    RegistryEventType,
)

CONFIG = AgentRegistryConfig(heartbeat_timeout=10.0, auto_deregister_timeout=20.0)
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


FLEET = {
    "prod_runtime_1": agent("PrimaryAgent", "task processing"),
    "prod_runtime_2": agent("BackupAgent", "task processing"),
    "prod_runtime_3": agent("MonitoringAgent", "system monitoring"),
}


def section(title: str) -> None:
    print("=" * 70)
    print(title)
    print("=" * 70)


def show_change(event: RegistryEvent) -> None:
    """Listens to status changes. A listener may be async, too; a slow one holds up nobody."""
    new = event.metadata["new_status"]
    print(f"[EVENT] {event.event_type.name}: {event.agent_id} → {new}")


def show_statuses(registry: AgentRegistry, when: str) -> None:
    print()
    print(f"Agent Status After {when}:")
    for known in registry.list_agents():
        print(f"  - {known.agent.name}: {known.status}")
    print()


async def register(registry: AgentRegistry) -> dict[str, str]:
    """Register the fleet; the ids by name."""
    section("Registering Production Agents...")
    ids = {
        agent.name: await registry.register_agent(agent, runtime_id=runtime_id)
        for runtime_id, agent in FLEET.items()
    }
    print(f"✓ Registered {len(ids)} agents across {len(registry.runtime_agents)} runtimes")
    print()
    return ids


async def send_heartbeats(registry: AgentRegistry) -> None:
    """A heartbeat says that an agent breathes; it is an event, too."""
    section("Heartbeat Monitoring:")
    print()
    heard: asyncio.Queue[RegistryEvent] = asyncio.Queue()
    registry.subscribe(RegistryEventType.AGENT_HEARTBEAT, heard.put_nowait)
    print("Sending heartbeats...")
    for agent_id in registry.agents:
        await registry.update_agent_heartbeat(agent_id)
        event = await heard.get()
        print(f"[EVENT] {event.event_type.name}: {event.agent_id}")
    print("✓ All agents sent heartbeats")
    print()

    print("Agent Health Status:")
    for known in registry.list_agents():
        at = f"{known.last_heartbeat:%Y-%m-%d %H:%M:%S}"
        print(f"  - {known.agent.name}: {known.status} (last heartbeat: {at})")
    print()


async def fail(registry: AgentRegistry, agent_id: str) -> None:
    section("Simulating Agent Failure:")
    print()
    print("✗ Simulating PrimaryAgent failure (marking as UNHEALTHY)")
    await registry.update_agent_status(agent_id, AgentStatus.UNHEALTHY)
    show_statuses(registry, "Failure")


async def filter_by_health(registry: AgentRegistry) -> None:
    """Whoever routes tasks looks among the active ones, and so never sees the failed one."""
    section("Health-Based Agent Filtering:")
    print()
    for status, word in ((AgentStatus.ACTIVE, "healthy"), (AgentStatus.UNHEALTHY, "unhealthy")):
        found = await registry.find_agents_by_capability("task processing", status_filter=status)
        print(f"Searching for 'task processing' with {status.name} filter:")
        print(f"  Found {len(found)} {word} agents:")
        for known in found:
            print(f"    - {known.agent.name} on {known.runtime_id}")
        print()


async def fail_over(registry: AgentRegistry) -> None:
    section("Failover Pattern:")
    print()
    print("Attempting to route task to healthy agent...")
    selected = (await registry.find_agents_by_capability("task processing"))[0]
    await selected.agent.run("the task that PrimaryAgent cannot take now")
    print(f"  ✓ Selected: {selected.agent.name}")
    print("  Note: PrimaryAgent bypassed due to UNHEALTHY status")
    print()


async def recover(registry: AgentRegistry, agent_id: str) -> None:
    section("Agent Recovery:")
    print()
    print("✓ Recovering PrimaryAgent (marking as ACTIVE)")
    await registry.update_agent_status(agent_id, AgentStatus.ACTIVE)
    show_statuses(registry, "Recovery")
    available = await registry.find_agents_by_capability("task processing")
    print(f"✓ {len(available)} healthy agents available")


async def main() -> None:
    async with AgentRegistry(CONFIG) as registry:
        registry.subscribe(RegistryEventType.AGENT_STATUS_CHANGED, show_change)
        ids = await register(registry)
        await send_heartbeats(registry)
        await fail(registry, ids["PrimaryAgent"])
        await filter_by_health(registry)
        await fail_over(registry)
        await recover(registry, ids["PrimaryAgent"])


if __name__ == "__main__":
    asyncio.run(main())
