from __future__ import annotations

import asyncio
import random

import pytest

from rollcall.registry.models import Grant, LeasePolicy
from rollcall.registry.renewals import BATCH
from rollcall.testing.clock import FrozenClock
from rollcall.testing.faulty_store import Call, Fault, FaultyStore, Odds, Refused
from rollcall.testing.store_contract.case import key_of, record
from support.registries import OpenRegistry

OWN = Grant(LeasePolicy(60))


async def renewed(store: FaultyStore) -> dict[str, float]:
    return {key_of(one.doc)[2]: one.renewed_at for one in (await store.open()).docs}


async def test_renewals_reach_the_store_within_the_interval(
    remote: FaultyStore, open_registry: OpenRegistry, clock: FrozenClock
) -> None:
    registry = await open_registry(remote, flush_interval=3.0)
    await registry.grant("default", "x", OWN.policy)
    for key, lease in (("own", OWN), ("member", "x"), ("silent", OWN)):
        await registry.register(record(key, lease))
    granted = clock.now()
    await clock.advance(10)
    await registry.renew("default", "own")
    await registry.renew_lease("default", "x")
    at = clock.now()
    await clock.advance(3)
    assert await renewed(remote) == {
        "own": pytest.approx(at),
        "x": pytest.approx(at),
        "member": pytest.approx(at),
        "silent": pytest.approx(granted),
    }


async def test_the_store_is_told_that_a_replica_is_up_even_if_nobody_renews(
    remote: FaultyStore, open_registry: OpenRegistry, clock: FrozenClock
) -> None:
    await open_registry(remote)
    await clock.advance(100)
    assert (await remote.open()).alive_at >= clock.now() - 2


async def test_stopping_writes_the_last_renewals(
    remote: FaultyStore, open_registry: OpenRegistry, clock: FrozenClock
) -> None:
    registry = await open_registry(remote)
    await registry.register(record("a", OWN))
    await clock.advance(11)
    await registry.renew("default", "a")
    at = clock.now()
    await registry.stop()
    assert await renewed(remote) == {"a": pytest.approx(at)}


async def test_renewals_that_the_store_refused_are_in_the_next_flush(
    remote: FaultyStore, open_registry: OpenRegistry, clock: FrozenClock
) -> None:
    registry = await open_registry(remote)
    await registry.register(record("a", OWN))
    await clock.advance(11)
    remote.faults.append(Refused("renew"))
    await registry.renew("default", "a")
    at = clock.now()
    await clock.advance(2)
    assert registry.commits.down_since is not None
    await clock.advance(2)
    assert registry.commits.down_since is None
    assert await renewed(remote) == {"a": pytest.approx(at)}


async def test_a_great_fleet_is_flushed_in_batches(
    remote: FaultyStore, open_registry: OpenRegistry, clock: FrozenClock
) -> None:
    registry = await open_registry(remote)
    fleet = [str(number) for number in range(BATCH + 1)]
    await asyncio.gather(*(registry.register(record(key, OWN)) for key in fleet))
    await clock.advance(5)
    calls = remote.calls["renew"]
    for key in fleet:
        await registry.renew("default", key)
    at = clock.now()
    await clock.advance(2)
    assert remote.calls["renew"] == calls + 2
    assert all(one == pytest.approx(at) for one in (await renewed(remote)).values())


async def test_time_in_which_nobody_was_up_does_not_count_at_the_next_restart_either(
    remote: FaultyStore, open_registry: OpenRegistry, clock: FrozenClock
) -> None:
    first = await open_registry(remote)
    await first.register(record("a", OWN))
    await clock.advance(7)
    await first.stop()
    clock.jump(100_000)
    second = await open_registry(remote)
    await clock.advance(3)
    await second.stop()
    third = await open_registry(remote)
    assert third.evidence("default", "a").lease.silent == pytest.approx(10)


class SecondRenewalRefused(Odds):
    calls = 0

    def draw(self, call: Call) -> Fault | None:
        self.calls += call == "renew"
        return Refused("renew") if (call, self.calls) == ("renew", 2) else None


async def test_the_store_hears_that_somebody_is_up_when_it_has_all_renewals(
    remote: FaultyStore, open_registry: OpenRegistry, clock: FrozenClock
) -> None:
    first = await open_registry(remote)
    await asyncio.gather(*(first.register(record(str(n), OWN)) for n in range(BATCH + 1)))
    await first.stop()
    alive_at = (await remote.open()).alive_at
    clock.jump(1000)
    await open_registry(FaultyStore(remote, clock, SecondRenewalRefused(random.Random(0))))
    await clock.advance(2)
    assert set((await renewed(remote)).values()) > {alive_at}
    assert (await remote.open()).alive_at == alive_at
    await clock.advance(2)
    assert (await remote.open()).alive_at > alive_at
    assert all(at == pytest.approx(alive_at + 1000) for at in (await renewed(remote)).values())
