"""Registries and runtimes on a clock that stands still."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from rollcall.orchestration import AgentRegistry, AgentRegistryConfig
from rollcall.testing.clock import FrozenClock
from support.registries import OpenAgentRegistry
from support.runtimes import Make, runtimes


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
async def open_registry(clock: FrozenClock) -> AsyncIterator[OpenAgentRegistry]:
    """Starts registries with the settings given; they are shut down in the end."""
    opened: list[AgentRegistry] = []

    async def start(config: AgentRegistryConfig | None = None, **others: object) -> AgentRegistry:
        registry = AgentRegistry(config, **{"clock": clock, **others})  # type: ignore[arg-type]
        opened.append(registry)
        await registry.start()
        return registry

    yield start
    for registry in opened:
        await registry.shutdown()


@pytest.fixture
async def registry(open_registry: OpenAgentRegistry) -> AgentRegistry:
    return await open_registry()


@pytest.fixture
async def make(clock: FrozenClock) -> AsyncIterator[Make]:
    """Makes runtimes without health monitoring; they are ended afterwards."""
    async with runtimes(clock) as make:
        yield make
