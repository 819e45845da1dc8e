"""The process of a registry is killed at its work; what it acknowledged must be there afterwards.

The process is this file too, with `tests` on its path: `python test_crash.py FILE SEED
[--careless]` does one batch of acts after the other and prints the number of each that was
acknowledged.
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections import deque
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import pytest

from rollcall.kernel.clock import SystemClock
from rollcall.orchestration import (
    AgentExists,
    AgentRegistry,
    AgentStatus,
    RegistryEventType,
)
from rollcall.testing.clock import FrozenClock
from support.killing import acknowledged_until_killed

KEYS = [f"agent {number}" for number in range(12)]


class Act(NamedTuple):
    """One thing to do: register, deregister or report."""

    verb: str
    key: str
    runtime: str
    capability: str
    max_concurrency: int
    status: AgentStatus


class Entry(NamedTuple):
    """What must be known about an agent."""

    runtime: str
    capability: str
    max_concurrency: int
    status: AgentStatus


Model = dict[str, Entry]


def batches(seed: int) -> Iterator[list[Act]]:
    """What the process does; of the same seed always the same. A batch is done at once."""
    rng = random.Random(seed)
    while True:
        yield [
            Act(
                rng.choices(["register", "deregister", "report"], [5, 2, 3])[0],
                key,
                f"runtime {rng.randrange(3)}",
                rng.choice(["code", "data", "x" * 500]),
                rng.randint(1, 20),
                rng.choice(list(AgentStatus)),
            )
            for key in rng.sample(KEYS, rng.randint(1, 6))
        ]


def expected(model: Model, act: Act) -> Entry | None:
    """What must be known about the act's agent after it; None: nothing."""
    entry = model.get(act.key)
    match act.verb:
        case "register":
            fresh = Entry(act.runtime, act.capability, act.max_concurrency, AgentStatus.ACTIVE)
            return entry or fresh
        case "deregister":
            return None if entry is None or entry.runtime == act.runtime else entry
        case _:
            return entry and entry._replace(status=act.status)


async def do(registry: AgentRegistry, act: Act) -> None:
    match act.verb:
        case "register":
            mine = SimpleNamespace(capabilities=[act.capability])
            try:
                await registry.register_agent(
                    mine, act.runtime, act.key, max_concurrency=act.max_concurrency
                )
            except AgentExists:
                return
        case "deregister":
            await registry.deregister_agent(act.key, act.runtime)
        case _:
            await registry.update_agent_status(act.key, act.status)


async def work_until_killed(path: Path, seed: int, careless: bool) -> None:
    """A careless process says that it is done eight batches before it is."""
    behind: deque[list[Act]] = deque()
    async with AgentRegistry(store=f"sqlite:///{path}") as registry:
        # An end, in case that nobody is there any more to kill it.
        for number, batch in enumerate(islice(batches(seed), 20_000), 1):
            behind.append(batch)
            if not careless or len(behind) > 8:
                await asyncio.gather(*(do(registry, act) for act in behind.popleft()))
            sys.stdout.write(f"{number}\n")
            sys.stdout.flush()


def known(registry: AgentRegistry) -> Model:
    return {
        key: Entry(
            one.runtime_id,
            registry.service.get("default", key).record.capabilities[0].name,
            one.max_concurrency,
            one.status,
        )
        for key, one in registry.agents.items()
    }


def faults(seed: int, told: int, found: Model) -> list[str]:
    """What is wrong with a registry whose process acknowledged the first `told` batches of `seed`.

    Each act of the batch after them, which was under way, may have been done or not.
    """
    model: Model = {}
    coming = batches(seed)
    for act in (act for batch in islice(coming, told) for act in batch):
        entry = expected(model, act)
        model.pop(act.key, None)
        if entry is not None:
            model[act.key] = entry
    allowed = {key: [model.get(key)] for key in KEYS}
    for act in next(coming):
        allowed[act.key].append(expected(model, act))
    return [
        f"{key}: {found.get(key)} is none of {allowed[key]}"
        for key in KEYS
        if found.get(key) not in allowed[key]
    ]


async def reopened(path: Path) -> tuple[AgentRegistry, FrozenClock]:
    """A registry on the file of one that was killed, an hour later."""
    clock = FrozenClock(SystemClock().now() + 3600)
    registry = AgentRegistry(store=f"sqlite:///{path}", clock=clock)
    await registry.start()
    return registry, clock


async def advance(registry: AgentRegistry, clock: FrozenClock, seconds: float) -> None:
    """Move time on, and let what that leads to pass through the thread of the store."""
    await clock.advance(seconds)
    await registry.service.commits.catch_up()


async def faults_after_a_kill(path: Path, seed: int, *options: str) -> list[str]:
    told = await acknowledged_until_killed(
        *(__file__, str(path), str(seed), *options), moment=random.Random(seed).randint(1, 80)
    )
    registry, clock = await reopened(path)
    before = known(registry)
    found = faults(seed, told, before)
    # The time in which nobody could send a heartbeat counts against nobody.
    await advance(registry, clock, 14)
    if known(registry) != before:
        found.append("agents were expired for the time in which the registry was down")
    found += await faults_of_adoption(registry)
    await registry.shutdown()
    return found


async def faults_of_adoption(registry: AgentRegistry) -> list[str]:
    """Every agent comes back; each is taken once, and a second one of its id is refused."""
    found: list[str] = []
    returned = dict(known(registry))
    for key, entry in returned.items():
        mine = SimpleNamespace(capabilities=[entry.capability])
        if registry.agents[key].agent is not None:
            found.append(f"{key} has an object that cannot have survived")
        await registry.register_agent(
            mine, entry.runtime, key, max_concurrency=entry.max_concurrency
        )
        if registry.agents[key].agent is not mine:
            found.append(f"{key} was not adopted")
        try:
            await registry.register_agent(SimpleNamespace(), entry.runtime, key)
            found.append(f"{key} was taken twice")
        except AgentExists:
            pass
    active = {k: entry._replace(status=AgentStatus.ACTIVE) for k, entry in returned.items()}
    if known(registry) != active:
        found.append("agents that came back are not as they were registered")
    told = [await registry.get_event() for _ in range(registry.event_queue.qsize())]
    if {one.event_type for one in told} & {
        RegistryEventType.RUNTIME_JOINED,
        RegistryEventType.RUNTIME_LEFT,
    }:
        found.append("a runtime that was there all the time joined or left")
    return found


@pytest.mark.parametrize("seed", range(3))
async def test_a_registry_survives_that_its_process_is_killed(tmp_path: Path, seed: int) -> None:
    assert await faults_after_a_kill(tmp_path / "agents.db", seed) == []


@pytest.mark.kill
@pytest.mark.parametrize("seed", range(3, 53))
async def test_a_registry_survives_again_and_again(tmp_path: Path, seed: int) -> None:
    assert await faults_after_a_kill(tmp_path / "agents.db", seed) == []


async def test_a_process_that_acknowledges_before_it_is_done_is_found_out(tmp_path: Path) -> None:
    found = await faults_after_a_kill(tmp_path / "agents.db", 1, "--careless")
    assert any("is none of" in fault for fault in found)


async def test_batches_do_all_sorts_of_acts() -> None:
    acts = [act for seed in range(3) for batch in islice(batches(seed), 40) for act in batch]
    assert {act.verb for act in acts} == {"register", "deregister", "report"}
    assert all(len({a.key for a in b}) == len(b) for b in islice(batches(0), 40))


async def test_an_orderly_restart_keeps_agents_and_whom_nobody_heard_again_expires(
    tmp_path: Path,
) -> None:
    clock = FrozenClock()
    url = f"sqlite:///{tmp_path}/agents.db"
    async with AgentRegistry(store=url, clock=clock) as first:
        for key in ("back", "lost"):
            await first.register_agent(SimpleNamespace(capabilities=["code"]), "r", agent_id=key)
    clock.jump(86_400)
    async with AgentRegistry(store=url, clock=clock) as second:
        assert {one.status for one in second.list_agents()} == {AgentStatus.ACTIVE}
        back = SimpleNamespace(capabilities=["code"])
        await second.register_agent(back, "r", agent_id="back")
        await advance(second, clock, 29)
        await second.update_agent_heartbeat("back")
        await advance(second, clock, 2)
        assert second.agents["lost"].status is AgentStatus.UNHEALTHY
        assert second.agents["back"].status is AgentStatus.ACTIVE
        await advance(second, clock, 27)
        await second.update_agent_heartbeat("back")
        await advance(second, clock, 4)
        assert list(second.agents) == ["back"]


async def test_an_agent_may_come_back_while_its_old_record_is_removed(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/agents.db"
    async with AgentRegistry(store=url) as first:
        await first.register_agent(SimpleNamespace(), "r", agent_id="a")
    async with AgentRegistry(store=url) as second:
        back = SimpleNamespace()
        assert await asyncio.gather(
            second.deregister_agent("a", "r"), second.register_agent(back, "r", agent_id="a")
        ) == [True, "a"]
        assert second.agents["a"].agent is back
        assert second.runtime_agents["r"] == {"a"}


async def test_an_agent_whose_process_is_gone_can_be_removed_or_kept_alive(tmp_path: Path) -> None:
    clock = FrozenClock()
    url = f"sqlite:///{tmp_path}/agents.db"
    async with AgentRegistry(store=url, clock=clock) as first:
        await first.register_agent(SimpleNamespace(), "r", agent_id="a", budget_limit_usd=2.5)
    async with AgentRegistry(store=url, clock=clock) as second:
        assert second.agents["a"].agent is None
        assert second.agents["a"].budget_limit_usd == 2.5
        assert await second.update_agent_heartbeat("a")
        assert await second.update_agent_status("a", AgentStatus.BUSY)
        assert await second.deregister_agent("a", "r")
        assert len(second.agents) == 0
    async with AgentRegistry(store=url, clock=clock) as third:
        assert len(third.agents) == 0


if __name__ == "__main__":
    asyncio.run(work_until_killed(Path(sys.argv[1]), int(sys.argv[2]), "--careless" in sys.argv))
