"""Runtimes on a clock that stands still, which are ended whatever still runs on them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from random import Random
from typing import Any

from rollcall.kernel.errors import MissingExtra
from rollcall.orchestration.agent_registry import AgentRegistry
from rollcall.orchestration.config import OrchestrationRuntimeConfig
from rollcall.orchestration.models import AgentRegistryConfig, AgentStatus
from rollcall.orchestration.runtime import OrchestrationRuntime
from rollcall.registry.meaning import Encoder
from rollcall.testing.clock import FrozenClock

Make = Callable[..., Awaitable[OrchestrationRuntime]]


@asynccontextmanager
async def runtimes(clock: FrozenClock, **defaults: Any) -> AsyncIterator[Make]:
    """Makes runtimes without health monitoring, with `defaults`, and with the settings given."""
    made: list[OrchestrationRuntime] = []

    async def make(**settings: Any) -> OrchestrationRuntime:
        settings = {"enable_health_monitoring": False, **defaults, **settings}
        config = OrchestrationRuntimeConfig(**settings)
        made.append(OrchestrationRuntime(config, clock=clock))
        return made[-1]

    yield make
    await _end(made, clock)


@asynccontextmanager
async def runtimes_on_registries(clock: FrozenClock) -> AsyncIterator[Make]:
    """Makes runtimes, each on a registry of its own, which has no encoder unless one is given."""
    made: list[OrchestrationRuntime] = []
    registries: list[AgentRegistry] = []

    async def make(
        encoder: Callable[[], Encoder] = _no_encoder, **settings: Any
    ) -> OrchestrationRuntime:
        unwatched = AgentRegistryConfig(enable_heartbeat_monitoring=False)
        registry = AgentRegistry(unwatched, clock=clock, encoder=encoder)
        await registry.start()
        registries.append(registry)
        config = OrchestrationRuntimeConfig(**settings)
        made.append(OrchestrationRuntime(config, registry=registry, clock=clock, rng=Random(1)))
        return made[-1]

    yield make
    await _end(made, clock)
    for registry in registries:
        await registry.shutdown()


async def status(runtime: OrchestrationRuntime, agent_id: str) -> AgentStatus:
    """The status of an agent that the runtime knows."""
    known = await runtime.get_agent_status(agent_id)
    assert known is not None
    return known.status


def _no_encoder() -> Encoder:
    raise MissingExtra("search by meaning", "semantic")


async def _end(runtimes: Iterable[OrchestrationRuntime], clock: FrozenClock) -> None:
    for runtime in runtimes:
        stopping = asyncio.create_task(runtime.shutdown(graceful=False))
        await clock.advance(10)
        await stopping
