"""Registries on a clock that stands still."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from rollcall.orchestration import AgentRegistry, AgentRegistryConfig
from rollcall.testing.clock import FrozenClock

Open = Callable[..., Awaitable[AgentRegistry]]


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
async def open_registry(clock: FrozenClock) -> AsyncIterator[Open]:
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
async def registry(open_registry: Open) -> AgentRegistry:
    return await open_registry()
