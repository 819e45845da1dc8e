# SPDX-License-Identifier: Apache-2.0
"""How late a missed deadline is noticed in a fleet whose other agents go on breathing."""

from __future__ import annotations

import asyncio
import gc
import random
from collections.abc import Container, Sequence
from contextlib import suppress
from time import monotonic
from typing import Any, Final

from bench.fleet import SEED, Agent, Fleet
from bench.noticed import Noticed, lateness
from bench.operations import Delivered, runtime_of
from bench.sides import Side

HEARTBEAT_TIMEOUT: Final = 1.0
DEREGISTER_TIMEOUT: Final = 2.0
BEAT_EVERY: Final = 0.4
CHUNK: Final = 500
SILENT: Final = 200


async def keep_beating(registry: Any, ids: Sequence[str], fallen_silent: Container[str]) -> None:
    """A heartbeat of each of `ids` every 0.4 s, for ever; both arguments may change meanwhile."""
    while True:
        next_round = monotonic() + BEAT_EVERY
        for number, agent_id in enumerate(ids):
            if agent_id not in fallen_silent:
                await registry.update_agent_heartbeat(agent_id)
            if number % CHUNK == CHUNK - 1:
                await asyncio.sleep(0)
        await asyncio.sleep(max(0.0, next_round - monotonic()))


async def register_all(
    side: Side, registry: Any, agents: Sequence[Agent], registered: list[str]
) -> None:
    """Register all of `agents`, each noted in `registered`, and wait for the events."""
    heard = Delivered()
    heard.listen(side, registry)
    joined = len({runtime_of(number) for number in range(len(agents))})
    for number, agent in enumerate(agents):
        registered.append(await registry.register_agent(agent, runtime_of(number)))
        if number % CHUNK == CHUNK - 1:
            await asyncio.sleep(0)
    await heard.reach(len(agents) + joined)
    heard.ignore(side, registry)


async def fall_silent(registry: Any, ids: Sequence[str]) -> dict[str, float]:
    """The last heartbeat of each of `ids` and its monotonic time, spread evenly over a second."""
    last_beat: dict[str, float] = {}
    begun = monotonic()
    for number, agent_id in enumerate(ids):
        await asyncio.sleep(max(0.0, begun + number / len(ids) - monotonic()))
        last_beat[agent_id] = monotonic()
        await registry.update_agent_heartbeat(agent_id)
    return last_beat


async def measure(side: Side, fleet: Fleet) -> dict[str, Any]:
    """Lateness of the events, in ms: {"unhealthy": ..., "deregistered": ..., "false_alarms": n}.

    Some agents fall silent within one second, all others beat on. An agent is due to be unhealthy
    1 s and to be deregistered 2 s after its last heartbeat.
    """
    gc.collect()
    gc.freeze()
    agents = fleet.agents
    chosen = random.Random(SEED).sample(range(len(agents)), SILENT)
    silent = [agents[n].agent_id for n in chosen]
    async with side.registry(
        events=True,
        heartbeat_timeout=HEARTBEAT_TIMEOUT,
        auto_deregister_timeout=DEREGISTER_TIMEOUT,
    ) as registry:
        noticed = Noticed(side, registry, silent)
        fallen_silent: set[str] = set()
        registered: list[str] = []
        beating = asyncio.create_task(keep_beating(registry, registered, fallen_silent))
        await register_all(side, registry, agents, registered)
        fallen_silent |= set(silent)
        last_beat = await fall_silent(registry, silent)
        with suppress(TimeoutError):
            async with asyncio.timeout(DEREGISTER_TIMEOUT + 2 * HEARTBEAT_TIMEOUT + 5):
                await noticed.all_deregistered.wait()
        beating.cancel()
    unhealthy_due = {who: at + HEARTBEAT_TIMEOUT for who, at in last_beat.items()}
    deregister_due = {who: at + DEREGISTER_TIMEOUT for who, at in last_beat.items()}
    return {
        "unhealthy": lateness(unhealthy_due, noticed.unhealthy),
        "deregistered": lateness(deregister_due, noticed.deregistered),
        "false_alarms": noticed.false_alarms(silent),
    }
