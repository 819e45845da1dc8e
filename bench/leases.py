# SPDX-License-Identifier: Apache-2.0
"""Many leases under a steady stream of renewals: what a renewal and the watch for expiry cost."""

from __future__ import annotations

import asyncio
import gc
import random
from collections.abc import Iterable
from itertools import cycle, islice
from time import monotonic, perf_counter_ns, process_time
from typing import Any, Final

from bench.figures import percentile
from bench.fleet import SEED, Fleet
from bench.noticed import Noticed, lateness
from bench.operations import runtime_of
from bench.pauses import GcPauses
from bench.sides import Side

TICK: Final = 0.01
SILENT: Final = 1_000
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


async def measure(side: Side, fleet: Fleet, timeout: float, renewals: int) -> dict[str, Any]:
    """Renew leases of `timeout` seconds at `renewals` a second until the silent ones have ended.

    The agents that are silent from their registration on are among the first fifth of all. A
    sweep over all leases takes len(fleet.agents)/renewals seconds, which must be less than
    `timeout`; so must be the time of registering them.

    Raises:
        RuntimeError: Leases would end before they could be renewed.
    """
    agents = fleet.agents
    gc.collect()
    gc.freeze()
    idle_seconds = min(IDLE_SECONDS, timeout / 10)
    first_fifth = range(len(agents) // 5)
    silent = set(random.Random(SEED).sample(first_fifth, min(SILENT, len(first_fifth) // 2)))
    due: dict[str, float] = {}
    async with side.registry(
        events=True, heartbeat_timeout=timeout, auto_deregister_timeout=10 * timeout
    ) as registry:
        noticed = Noticed(side, registry)
        begun = monotonic()
        for number, agent in enumerate(agents):
            await registry.register_agent(agent, runtime_of(number))
            if number in silent:
                due[agent.agent_id] = monotonic() + timeout
            if number % 500 == 499:
                await asyncio.sleep(0)
        took = monotonic() - begun
        if max(took, len(agents) / renewals) + idle_seconds > 0.95 * timeout:
            raise RuntimeError(
                f"leases of {timeout:g} s are too short: registering {len(agents):,} agents took "
                f"{took:.1f} s, a sweep over them takes {len(agents) / renewals:.1f} s"
            )
        cpu, idle_from = process_time(), monotonic()
        await asyncio.sleep(idle_seconds)
        idle_share = (process_time() - cpu) / (monotonic() - idle_from)

        renewing = cycle([agent.agent_id for n, agent in enumerate(agents) if n not in silent])
        found = await renew(registry, renewing, round(renewals * TICK), max(due.values()) + 0.5)
    return found | {
        "leases": len(agents),
        "registered_s": took,
        "idle_cpu_share": idle_share,
        "lateness": lateness(due, noticed.unhealthy),
        "false_alarms": noticed.false_alarms(due),
    }
