# SPDX-License-Identifier: Apache-2.0
"""Many leases under a steady stream of renewals: what a renewal and the watch for expiry cost."""

from __future__ import annotations

import asyncio
import gc
import random
from collections.abc import Iterable, Sequence
from itertools import cycle, islice
from time import monotonic, perf_counter_ns, process_time
from typing import Any, Final

from bench.figures import percentile
from bench.fleet import SEED, Agent, Fleet
from bench.noticed import Noticed, lateness
from bench.operations import runtime_of
from bench.pauses import GcPauses
from bench.sides import Side

TICK: Final = 0.01
SILENT: Final = 1_000
CHUNK: Final = 500
IDLE_SECONDS: Final = 3.0


async def renew(registry: Any, ids: Iterable[str], per_tick: int, end: float) -> dict[str, Any]:
    """Renew `per_tick` leases every 10 ms until `end` (monotonic); says what that took."""
    figures: list[float] = []
    left = iter(ids)
    with GcPauses() as pauses:
        cpu, began = process_time(), monotonic()
        tick = began
        while monotonic() < end:
            some = list(islice(left, per_tick))
            started = perf_counter_ns()
            for agent_id in some:
                await registry.update_agent_heartbeat(agent_id)
            figures.append((perf_counter_ns() - started) / per_tick)
            tick += TICK
            await asyncio.sleep(max(0.0, tick - monotonic()))
        cpu, wall = process_time() - cpu, monotonic() - began
    renewing = sum(figures) * per_tick / 1e9
    return {
        "renewals_per_s": len(figures) * per_tick / wall,
        "renewal_ns": {"median": percentile(figures, 0.5), "p99": percentile(figures, 0.99)},
        "renewal_cpu_share": renewing / wall,
        "rest_cpu_share": max(0.0, cpu - renewing) / wall,
        "gc": pauses.report(),
    }


async def beat(registry: Any, ids: Iterable[str]) -> dict[str, float]:
    """One heartbeat of each of `ids`, letting the loop run in between: the time of each."""
    at: dict[str, float] = {}
    for number, agent_id in enumerate(ids):
        at[agent_id] = monotonic()
        await registry.update_agent_heartbeat(agent_id)
        if number % CHUNK == CHUNK - 1:
            await asyncio.sleep(0)
    return at


async def register_all(registry: Any, agents: Sequence[Agent], timeout: float) -> dict[str, float]:
    """Register all of `agents` and keep them alive meanwhile: the last heartbeat of each."""
    begun = monotonic()
    for number, agent in enumerate(agents):
        await registry.register_agent(agent, runtime_of(number))
        if number % CHUNK == CHUNK - 1:
            await asyncio.sleep(0)
            if monotonic() - begun > timeout / 3:
                await beat(registry, (one.agent_id for one in agents[: number + 1]))
                begun = monotonic()
    return await beat(registry, (one.agent_id for one in agents))


async def measure(side: Side, fleet: Fleet, timeout: float, renewals: int) -> dict[str, Any]:
    """Renew leases of `timeout` seconds at `renewals` a second until the silent ones have ended.

    Raises:
        ValueError: Leases would end before it is their turn to be renewed.
    """
    agents = fleet.agents
    idle_seconds = min(IDLE_SECONDS, timeout / 10)
    if len(agents) / renewals + 2 * idle_seconds > timeout:
        raise ValueError(f"a sweep over {len(agents):,} leases takes longer than {timeout:g} s")
    gc.collect()
    gc.freeze()
    chosen = set(random.Random(SEED).sample(range(len(agents)), min(SILENT, len(agents) // 10)))
    async with side.registry(
        events=True, heartbeat_timeout=timeout, auto_deregister_timeout=10 * timeout
    ) as registry:
        noticed = Noticed(side, registry)
        begun = monotonic()
        last_beat = await register_all(registry, agents, timeout)
        registered_in = monotonic() - begun
        due = {agents[n].agent_id: last_beat[agents[n].agent_id] + timeout for n in chosen}

        cpu, idle_from = process_time(), monotonic()
        await asyncio.sleep(idle_seconds)
        idle_share = (process_time() - cpu) / (monotonic() - idle_from)

        renewing = cycle([agent.agent_id for n, agent in enumerate(agents) if n not in chosen])
        found = await renew(registry, renewing, round(renewals * TICK), max(due.values()) + 0.5)
    return found | {
        "leases": len(agents),
        "registered_s": registered_in,
        "idle_cpu_share": idle_share,
        "lateness": lateness(due, noticed.unhealthy),
        "false_alarms": noticed.false_alarms(due),
    }
