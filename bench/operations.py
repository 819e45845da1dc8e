# SPDX-License-Identifier: Apache-2.0
"""What one operation costs on one side, in a fleet of one size. All figures in nanoseconds."""

from __future__ import annotations

import asyncio
import gc
import math
import random
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from itertools import cycle, islice
from time import perf_counter_ns
from typing import Any, Final

from bench.figures import summary
from bench.fleet import KINDS, SEED, Agent, Fleet
from bench.pauses import GcPauses
from bench.sides import Side

BATCH: Final = 50
CHANGES: Final = 20_000
HEARTBEATS: Final = 100_000
RUNTIMES: Final = 10
# Below the default queue of 1,000 on both sides, so that no side waits for room or drops events.
EVENTS_IN_FLIGHT: Final = 500
SLOW_NS: Final = 100_000


def runtime_of(number: int) -> str:
    """The runtime that agent `number` belongs to."""
    return f"runtime_{number % RUNTIMES}"


class Delivered:
    """A listener that counts what it hears, for a harness that waits for it."""

    def __init__(self) -> None:
        self.count = 0
        self._awaited = math.inf
        self._reached = asyncio.Event()

    async def hear(self, event: object) -> None:
        self.count += 1
        if self.count >= self._awaited:
            self._reached.set()

    def listen(self, side: Side, registry: Any) -> None:
        """Subscribe to every type of event."""
        for event_type in side.module.RegistryEventType:
            registry.subscribe(event_type, self.hear)

    def ignore(self, side: Side, registry: Any) -> None:
        """The opposite of `listen`."""
        for event_type in side.module.RegistryEventType:
            registry.unsubscribe(event_type, self.hear)

    async def reach(self, count: int) -> None:
        """Return when `count` events were heard; `TimeoutError` after 60 s without the last."""
        if self.count < count:
            self._awaited = count
            self._reached.clear()
            async with asyncio.timeout(60):
                await self._reached.wait()


async def timed(
    call: Callable[..., Awaitable[Any]],
    arguments: Iterable[tuple[Any, ...]],
    batch: int = BATCH,
    settled: Callable[[int], Awaitable[None]] | None = None,
) -> list[float]:
    """Nanoseconds per call of `call(*each)`, one figure per `batch` calls.

    With `settled`, a batch's time runs on until `settled(calls so far)` has returned.
    """
    figures: list[float] = []
    done = 0
    left = iter(arguments)
    while some := list(islice(left, batch)):
        begun = perf_counter_ns()
        for each in some:
            await call(*each)
        if settled:
            done += len(some)
            await settled(done)
        figures.append((perf_counter_ns() - begun) / len(some))
    return figures


async def find(registry: Any, questions: Sequence[str], hits: int, seconds: float) -> list[float]:
    """Nanoseconds per find, asking each of `questions` in turn for about `seconds`.

    A find of 0.1 ms or more is timed by itself, a quicker one in batches; there are five figures
    at least.

    Raises:
        RuntimeError: A find has not as many hits as it must, so that its time would mean nothing.
    """
    for question in questions[:20]:
        found = await registry.find_agents_by_capability(question)
        if len(found) != hits:
            raise RuntimeError(f"{question!r} finds {len(found)} agents, not {hits}")
    asked = ((question,) for question in cycle(questions))
    figures: list[float] = []
    batch = 1
    end = perf_counter_ns() + int(seconds * 1e9)
    while len(figures) < 5 or perf_counter_ns() < end:
        figures += await timed(registry.find_agents_by_capability, islice(asked, batch), batch)
        batch = 1 if figures[-1] > SLOW_NS else BATCH
    return figures


def heartbeats(agents: Sequence[Agent], chosen: Sequence[int]) -> Iterator[tuple[str]]:
    """Ids of the chosen agents, again from the start where they are few."""
    return islice(((agents[n].agent_id,) for n in cycle(chosen)), HEARTBEATS)


def changes(
    agents: Sequence[Agent], chosen: Sequence[int], statuses: Any
) -> Iterator[tuple[str, Any]]:
    """Chosen agents become degraded and then active again, as often as makes enough calls."""
    ids = [agents[n].agent_id for n in chosen[:CHANGES]]
    for _ in range(CHANGES // len(ids)):
        for status in (statuses.DEGRADED, statuses.ACTIVE):
            for agent_id in ids:
                yield agent_id, status


async def without_events(
    side: Side, fleet: Fleet, chosen: Sequence[int], seconds: float
) -> dict[str, list[float]]:
    """Every operation on a registry that broadcasts no events."""
    agents, statuses = fleet.agents, side.module.AgentStatus
    async with side.registry(events=False) as registry:
        figures = {
            "register": await timed(
                registry.register_agent, ((agent, runtime_of(n)) for n, agent in enumerate(agents))
            )
        }
        for kind in KINDS:
            figures[f"find, {kind}"] = await find(
                registry, fleet.questions[kind], fleet.hits[kind], seconds
            )
        figures["heartbeat"] = await timed(
            registry.update_agent_heartbeat, heartbeats(agents, chosen)
        )
        figures["status change"] = await timed(
            registry.update_agent_status, changes(agents, chosen, statuses)
        )
        figures["deregister"] = await timed(
            registry.deregister_agent,
            ((agents[n].agent_id, runtime_of(n)) for n in chosen[: min(CHANGES, len(chosen) // 2)]),
        )
    return figures


async def with_events(
    side: Side, agents: Sequence[Agent], chosen: Sequence[int]
) -> dict[str, list[float]]:
    """Operations on a registry whose every event goes to one listener.

    A batch's time ends when the listener has heard all of it, except for heartbeats: kaizen
    makes no event of them, so that only the call itself can be compared.
    """
    statuses = side.module.AgentStatus
    async with side.registry(events=True) as registry:
        heard = Delivered()
        heard.listen(side, registry)

        # The runtimes join first, so that from there on each call is one event.
        for n in range(RUNTIMES):
            await registry.register_agent(agents[n], runtime_of(n))
        before = 2 * RUNTIMES
        await heard.reach(before)
        figures = {
            "register, events": await timed(
                registry.register_agent,
                ((agents[n], runtime_of(n)) for n in range(RUNTIMES, len(agents))),
                EVENTS_IN_FLIGHT,
                lambda done: heard.reach(before + done),
            )
        }
        before = heard.count
        figures["status change, events"] = await timed(
            registry.update_agent_status,
            changes(agents, chosen, statuses),
            EVENTS_IN_FLIGHT,
            lambda done: heard.reach(before + done),
        )
        heard.ignore(side, registry)
        figures["heartbeat, events"] = await timed(
            registry.update_agent_heartbeat, heartbeats(agents, chosen)
        )
    return figures


async def measure(side: Side, fleet: Fleet, seconds: float) -> dict[str, Any]:
    """Every operation on `side`: {"figures": {operation: summary}, "gc": pauses}.

    Each kind of find is asked for about `seconds`.
    """
    chosen = random.Random(SEED).sample(
        range(len(fleet.agents)), min(HEARTBEATS, len(fleet.agents))
    )
    # The harness's own objects shall not weigh on anybody's garbage collection.
    gc.collect()
    gc.freeze()
    with GcPauses() as pauses:
        figures = await without_events(side, fleet, chosen, seconds)
    gc.collect()
    figures |= await with_events(side, fleet.agents, chosen)
    return {
        "figures": {name: summary(values) for name, values in figures.items()},
        "gc": pauses.report(),
    }
