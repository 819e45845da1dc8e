from __future__ import annotations

import asyncio
import gc
from itertools import pairwise

import msgspec
import pytest

from rollcall.backends.records.inmemory import InMemoryStore
from rollcall.kernel.errors import Closed, StoreUnavailable
from rollcall.kernel.ids import RandomIds
from rollcall.registry.models import Capability, Grant, LeasePolicy
from rollcall.registry.query import Query
from rollcall.registry.service import RegistryService
from rollcall.registry.status import Status
from rollcall.testing.clock import FrozenClock
from rollcall.testing.faulty_store import FaultyStore, LostAnswer, Refused
from rollcall.testing.store_contract.case import record
from support.registries import OpenRegistry

OWN = Grant(LeasePolicy(30, 60, 90, interval=10))


async def test_what_was_registered_is_there_after_a_restart(
    memory: InMemoryStore, open_registry: OpenRegistry
) -> None:
    first = await open_registry(memory)
    await first.grant("default", "x", OWN.policy)
    for key, lease in (("own", OWN), ("member", "x"), ("permanent", None)):
        await first.register(record(key, lease))
    await first.stop()
    again = await open_registry(memory)
    assert again.state.revision == 4
    for key in ("own", "member", "permanent"):
        assert again.get("default", key) == msgspec.structs.replace(
            first.get("default", key), renewed_at=again.get("default", key).renewed_at
        )


async def test_starting_and_stopping_twice_is_allowed(
    memory: InMemoryStore, open_registry: OpenRegistry
) -> None:
    registry = await open_registry(memory)
    await registry.start()
    await registry.register(record())
    await registry.stop()
    await registry.stop()
    with pytest.raises(Closed):
        await registry.start()


async def test_a_registry_that_was_never_started_can_be_stopped(
    remote: FaultyStore, clock: FrozenClock
) -> None:
    await RegistryService(remote, clock=clock).stop()


async def test_a_store_that_does_not_open_says_so_and_may_be_tried_again(
    remote: FaultyStore, clock: FrozenClock
) -> None:
    registry = RegistryService(remote, clock=clock)
    remote.faults.append(Refused("open"))
    with pytest.raises(StoreUnavailable):
        await registry.start()
    await registry.start()
    await registry.register(record())
    await registry.stop()


async def test_stopping_leaves_no_task_behind(
    remote: FaultyStore, open_registry: OpenRegistry
) -> None:
    before = asyncio.all_tasks()
    registry = await open_registry(remote)
    assert asyncio.all_tasks() > before
    await registry.stop()
    assert asyncio.all_tasks() == before


async def test_stopping_works_while_the_store_is_down(
    remote: FaultyStore, open_registry: OpenRegistry, clock: FrozenClock
) -> None:
    registry = await open_registry(remote)
    await registry.register(record("a", OWN))
    remote.faults.extend([Refused(call) for call in ("commit", "renew") for _ in range(100)])
    await clock.advance(5)
    await asyncio.wait_for(registry.stop(), 1)


async def test_starting_leaves_the_garbage_collector_as_it_was(
    memory: InMemoryStore, open_registry: OpenRegistry
) -> None:
    assert gc.isenabled()
    await open_registry(memory)
    assert gc.isenabled()
    gc.disable()
    try:
        await open_registry(memory)
        assert not gc.isenabled()
    finally:
        gc.enable()


async def test_an_outcome_settled_at_once_is_no_outage(
    remote: FaultyStore, open_registry: OpenRegistry, clock: FrozenClock
) -> None:
    registry = await open_registry(remote)
    await registry.register(record("dying", OWN))
    for number in range(20):
        await clock.advance(2)
        remote.faults.append(LostAnswer())
        await registry.register(record(f"other-{number}"))
    assert registry.keeper.stats.stalls == 0
    assert registry.get("default", "dying").status is Status.UNHEALTHY


async def cost(records: int) -> tuple[int, int, int]:
    """Steps of a search with few answers, of a heartbeat, and of a registration, in a fleet."""
    clock = FrozenClock()
    registry = RegistryService(InMemoryStore(clock, RandomIds()), clock=clock)
    await registry.start()
    for number in range(records):
        doc = record(str(number), OWN)
        skill = Capability("rare skill") if number < 5 else Capability(f"skill {number % 50}")
        await registry.register(msgspec.structs.replace(doc, capabilities=(skill,)))
    index, table = registry.state.index, registry.timers.table
    marks = [index.steps]
    assert len(await registry.search("default", Query(text="rare skill"))) == 5
    marks.append(index.steps)
    scanned = table.scanned
    await registry.renew("default", "7")
    marks.append(index.steps + table.scanned - scanned)
    await registry.register(msgspec.structs.replace(record("new", OWN), name="new"))
    marks.append(index.steps + table.scanned - scanned)
    await registry.stop()
    find, beat, register = (after - before for before, after in pairwise(marks))
    return find, beat, register


async def test_what_is_asked_costs_what_its_answer_costs_not_what_the_fleet_costs() -> None:
    small, great = await cost(1_000), await cost(50_000)
    assert small == great
    assert great[1] == 0
    assert great[0] < 100
    assert great[2] < 20
