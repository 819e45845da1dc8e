"""Silence, to the millisecond, on a clock that stands still."""

from __future__ import annotations

import asyncio

import pytest

from rollcall.backends.records.inmemory import InMemoryStore
from rollcall.kernel.record_errors import RecordNotFound
from rollcall.registry.events import Cause
from rollcall.registry.models import Grant, LeasePolicy, Table
from rollcall.registry.service import RegistryService
from rollcall.registry.status import LeasePhase, Status
from rollcall.registry.store import Renewal
from rollcall.testing.clock import FrozenClock
from rollcall.testing.faulty_store import Delayed, FaultyStore, Refused, foreign
from rollcall.testing.store_contract.case import put, record
from support.registries import OpenRegistry, heard, register_sharers

POLICY = LeasePolicy(30, 60, 90, interval=10)
OWN = Grant(POLICY)
MOMENT = 0.05


def status(registry: RegistryService, key: str = "a") -> Status | None:
    slot = registry.state.slot("default", key)
    return None if slot is None else registry.state.status(slot)


@pytest.mark.parametrize("kind", ["memory", "remote"])
async def test_silence_is_unhealthy_offline_and_gone_in_its_time(
    kind: str,
    request: pytest.FixtureRequest,
    open_registry: OpenRegistry,
    clock: FrozenClock,
) -> None:
    registry = await open_registry(request.getfixturevalue(kind))
    events = heard(registry)
    await registry.register(record("a", OWN))
    registered = clock.now()
    for before, after in (
        (Status.ACTIVE, Status.UNHEALTHY),
        (Status.UNHEALTHY, Status.OFFLINE),
        (Status.OFFLINE, None),
    ):
        await clock.advance(30 - MOMENT)
        assert status(registry) is before
        await clock.advance(MOMENT)
        assert status(registry) is after
    assert [(event.new, event.cause) for event in events[1:]] == [
        (Status.UNHEALTHY, Cause.MISSED),
        (Status.OFFLINE, Cause.MISSED),
        (None, Cause.MISSED),
    ]
    assert [round(event.at - registered, 6) for event in events] == [0, 30, 60, 90]
    assert (registry.keeper.stats.missed, registry.keeper.stats.deregistered) == (1, 1)
    assert registry.state.spaces == {}


async def test_a_missed_deadline_is_committed_at_the_deadline_itself(
    registry: RegistryService, clock: FrozenClock
) -> None:
    events = heard(registry)
    await clock.advance(0.123)
    await registry.register(record("a", Grant(LeasePolicy(7.7))))
    registered = clock.now()
    await clock.advance(100)
    assert events[-1].at == pytest.approx(registered + 7.7, abs=1e-6)


async def test_a_renewal_moves_the_deadline(registry: RegistryService, clock: FrozenClock) -> None:
    await registry.register(record("a", OWN))
    for _ in range(10):
        await clock.advance(29)
        await registry.renew("default", "a")
    await clock.advance(30 - MOMENT)
    assert status(registry) is Status.ACTIVE
    await clock.advance(MOMENT)
    assert status(registry) is Status.UNHEALTHY


async def test_renewals_are_no_revisions_and_no_events(
    registry: RegistryService, clock: FrozenClock
) -> None:
    await registry.register(record("a", OWN))
    events = heard(registry)
    for _ in range(20):
        await clock.advance(20)
        await registry.renew("default", "a")
    assert registry.state.revision == 1
    assert events == []


@pytest.mark.parametrize("silence", [30, 60])
async def test_a_lease_that_ran_down_is_revived_by_a_renewal(
    silence: float, registry: RegistryService, clock: FrozenClock
) -> None:
    await registry.register(record("a", OWN))
    events = heard(registry)
    await clock.advance(silence + 1)
    assert status(registry) is not Status.ACTIVE
    await registry.renew("default", "a")
    assert status(registry) is Status.ACTIVE
    assert events[-1].cause == Cause.RENEWED
    assert registry.evidence("default", "a").lease.epoch == 2
    await clock.advance(30 - MOMENT)
    assert status(registry) is Status.ACTIVE
    await clock.advance(MOMENT)
    assert status(registry) is Status.UNHEALTHY


async def test_a_heartbeat_never_overwrites_what_was_reported(
    registry: RegistryService, clock: FrozenClock
) -> None:
    await registry.register(record("a", OWN))
    await registry.report("default", "a", Status.BUSY)
    await registry.renew("default", "a")
    assert status(registry) is Status.BUSY
    await clock.advance(31)
    assert status(registry) is Status.UNHEALTHY
    assert registry.get("default", "a").record.reported is Status.BUSY
    await registry.renew("default", "a")
    assert status(registry) is Status.BUSY


async def test_a_permanent_record_never_runs_out(
    registry: RegistryService, clock: FrozenClock
) -> None:
    await registry.register(record("a"))
    await registry.renew("default", "a")
    await clock.advance(10_000)
    assert status(registry) is Status.ACTIVE


async def test_one_renewal_of_a_shared_lease_renews_thousands_without_a_look_at_them(
    registry: RegistryService, clock: FrozenClock
) -> None:
    await register_sharers(registry, "x", POLICY, 3000)
    steps, scanned = registry.state.index.steps, registry.timers.table.scanned
    revision = registry.state.revision
    await clock.advance(25)
    await registry.renew_lease("default", "x")
    await clock.advance(25)
    assert registry.state.index.statuses("default")[Status.ACTIVE] == 3000
    assert registry.state.index.steps == steps
    assert registry.timers.table.scanned <= scanned + 4096
    assert registry.state.revision == revision


async def test_the_heartbeat_of_any_member_renews_a_shared_lease(
    registry: RegistryService, clock: FrozenClock
) -> None:
    await registry.grant("default", "x", POLICY)
    for key in "ab":
        await registry.register(record(key, "x"))
    await clock.advance(20)
    await registry.renew("default", "a")
    await clock.advance(20)
    assert status(registry, "b") is Status.ACTIVE


async def test_the_expiry_of_a_shared_lease_is_one_commit_for_all_it_covers(
    registry: RegistryService, clock: FrozenClock
) -> None:
    await register_sharers(registry, "x", POLICY, 2500)
    events = heard(registry)
    revision = registry.state.revision
    await clock.advance(30)
    assert registry.state.revision == revision + 1
    assert len(events) == len({event.event_id for event in events}) == 2500
    await clock.advance(60)
    assert registry.state.revision == revision + 3
    assert registry.state.spaces == {}


async def test_a_dead_shared_lease_among_few_is_no_mass_however_many_it_covers(
    registry: RegistryService, clock: FrozenClock
) -> None:
    await register_sharers(registry, "x", POLICY, 50)
    await clock.advance(30)
    assert registry.state.index.statuses("default")[Status.UNHEALTHY] == 50


async def test_a_restart_gives_everybody_at_least_one_heartbeat_interval(
    memory: InMemoryStore, open_registry: OpenRegistry, clock: FrozenClock
) -> None:
    first = await open_registry(memory)
    await first.register(record("a", OWN))
    await clock.advance(29)
    await first.stop()
    await memory.renew([], clock.now())
    again = await open_registry(memory)
    await clock.advance(10 - MOMENT)
    assert status(again) is Status.ACTIVE
    await clock.advance(2 * MOMENT)
    assert status(again) is Status.UNHEALTHY


async def test_time_in_which_no_replica_was_up_counts_against_nobody(
    memory: InMemoryStore, open_registry: OpenRegistry, clock: FrozenClock
) -> None:
    first = await open_registry(memory)
    await first.register(record("a", OWN))
    await clock.advance(5)
    await memory.renew([], clock.now())
    await first.stop()
    await clock.advance(100_000)
    again = await open_registry(memory)
    assert again.evidence("default", "a").lease.silent == pytest.approx(5)
    await clock.advance(25 - MOMENT)
    assert status(again) is Status.ACTIVE
    await clock.advance(2 * MOMENT)
    assert status(again) is Status.UNHEALTHY


@pytest.mark.parametrize("age", [1.0, 15.0, 25.0, 29.9])
async def test_a_restart_never_brings_a_deadline_nearer(
    age: float, memory: InMemoryStore, open_registry: OpenRegistry, clock: FrozenClock
) -> None:
    first = await open_registry(memory)
    await first.register(record("a", OWN))
    deadline = clock.monotonic() + 30
    await clock.advance(age)
    await memory.renew([], clock.now())
    await first.stop()
    again = await open_registry(memory)
    await clock.advance(deadline - clock.monotonic() - MOMENT)
    assert status(again) is Status.ACTIVE


async def test_a_proposal_that_comes_after_the_lease_was_granted_anew_is_void(
    remote: FaultyStore, open_registry: OpenRegistry, clock: FrozenClock
) -> None:
    registry = await open_registry(remote)
    await registry.register(record("a", OWN))
    again = put(record("a", Grant(POLICY, 2)), "again")
    await clock.advance(30 - MOMENT)
    remote.faults.append(foreign(again))
    await clock.advance(2 * MOMENT)
    assert remote.struck.total() == 1
    assert status(registry) is Status.ACTIVE
    assert registry.evidence("default", "a").lease.epoch == 2
    await clock.advance(30 - 4 * MOMENT)
    assert status(registry) is Status.ACTIVE
    await clock.advance(1)
    assert status(registry) is Status.UNHEALTHY


async def test_a_renewal_that_came_in_elsewhere_keeps_the_lease(
    remote: FaultyStore, open_registry: OpenRegistry, clock: FrozenClock
) -> None:
    registry = await open_registry(remote)
    await registry.register(record("a", OWN))
    await clock.advance(20)
    await remote.renew([Renewal(Table.RECORD, "default", "a", clock.now())], clock.now())
    await clock.advance(20)
    assert status(registry) is Status.ACTIVE
    await clock.advance(40)
    assert status(registry) is not Status.ACTIVE


async def test_a_renewal_while_its_expiry_is_written_revives_the_lease(
    remote: FaultyStore, open_registry: OpenRegistry, clock: FrozenClock
) -> None:
    registry = await open_registry(remote)
    await registry.register(record("a", OWN))
    remote.faults.append(Delayed())
    await clock.advance(30)
    assert status(registry) is Status.ACTIVE
    await registry.renew("default", "a")
    remote.release()
    await clock.settle()
    assert status(registry) is Status.ACTIVE
    assert registry.evidence("default", "a").lease.phase is LeasePhase.FRESH
    await clock.advance(29)
    assert status(registry) is Status.ACTIVE
    await clock.advance(2)
    assert status(registry) is Status.UNHEALTHY


async def test_an_expiry_that_waits_behind_others_is_void_when_its_lease_is_renewed(
    remote: FaultyStore, open_registry: OpenRegistry, clock: FrozenClock
) -> None:
    registry = await open_registry(remote)
    for namespace in ("one", "two"):
        await registry.register(record("a", OWN, namespace=namespace))
    remote.faults.append(Delayed())
    await clock.advance(30)
    await registry.renew("two", "a")
    remote.release()
    await clock.settle()
    assert registry.get("one", "a").status is Status.UNHEALTHY
    assert registry.get("two", "a").status is Status.ACTIVE
    assert registry.get("two", "a").revision == 2
    await clock.advance(30)
    assert registry.get("two", "a").status is Status.UNHEALTHY


async def test_nothing_expires_while_the_store_is_down_and_renewals_go_on(
    remote: FaultyStore, open_registry: OpenRegistry, clock: FrozenClock
) -> None:
    registry = await open_registry(remote)
    for key in ("silent", "alive"):
        await registry.register(record(key, OWN))
    remote.faults.extend([Refused(call) for call in ("commit", "renew") for _ in range(2000)])
    for _ in range(30):
        await clock.advance(10)
        await registry.renew("default", "alive")
    assert (status(registry, "silent"), status(registry, "alive")) == (Status.ACTIVE, Status.ACTIVE)
    assert registry.evidence("default", "silent").provisional is Status.OFFLINE
    assert registry.evidence("default", "alive").provisional is None
    remote.faults.clear()
    await clock.advance(5)
    assert status(registry, "silent") is Status.SUSPECT
    assert "store" in registry.evidence("default", "silent").lease.reason
    assert status(registry, "alive") is Status.ACTIVE


async def test_a_revival_while_the_store_is_down_is_made_up_for(
    remote: FaultyStore, open_registry: OpenRegistry, clock: FrozenClock
) -> None:
    registry = await open_registry(remote)
    await registry.register(record("a", OWN))
    await clock.advance(31)
    assert status(registry) is Status.UNHEALTHY
    remote.faults.extend([Refused(call) for call in ("commit", "renew") for _ in range(2000)])
    await registry.renew("default", "a")
    assert status(registry) is Status.UNHEALTHY
    await clock.advance(5)
    remote.faults.clear()
    await clock.advance(5)
    assert status(registry) is Status.ACTIVE


async def test_a_namespace_that_goes_while_others_are_seen_to_harms_nobody(
    remote: FaultyStore, open_registry: OpenRegistry, clock: FrozenClock
) -> None:
    registry = await open_registry(remote)
    for namespace in ("one", "two", "three"):
        await registry.register(record("a", OWN, namespace=namespace))
    remote.faults.append(Delayed())
    await clock.advance(30)
    leaving = asyncio.create_task(registry.deregister("two", "a"))
    await clock.settle()
    remote.release()
    await leaving
    await clock.settle()
    assert registry.get("three", "a").status is Status.UNHEALTHY
    assert "two" not in registry.state.spaces


async def test_what_was_removed_for_silence_is_told_to_register_again(
    registry: RegistryService, clock: FrozenClock
) -> None:
    await registry.register(record("a", OWN))
    await clock.advance(91)
    with pytest.raises(RecordNotFound):
        await registry.renew("default", "a")
