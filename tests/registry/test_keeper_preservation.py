"""Self-preservation: too many deaths at once are not believed."""

from __future__ import annotations

from rollcall.backends.records.inmemory import InMemoryStore
from rollcall.registry.events import EventType
from rollcall.registry.expiry import PreservationPolicy
from rollcall.registry.models import Grant, LeasePolicy
from rollcall.registry.service import RegistryService
from rollcall.registry.status import LeasePhase, Status
from rollcall.testing.clock import FrozenClock
from rollcall.testing.faulty_store import FaultyStore, Refused
from rollcall.testing.store_contract.case import record
from support.registries import OpenRegistry, heard

POLICY = LeasePolicy(30, 60, 90, interval=10)
OWN = Grant(POLICY)


def counts(registry: RegistryService) -> dict[str, int]:
    return {one.value: n for one, n in registry.state.index.statuses("default").items() if n}


async def fleet(registry: RegistryService, dying: int, living: int, grant: Grant = OWN) -> None:
    for number in range(dying):
        await registry.register(record(f"dying-{number}", grant))
    for number in range(living):
        await registry.register(record(f"living-{number}", Grant(LeasePolicy(1e6))))


async def test_nine_deaths_at_once_are_believed_even_if_nobody_else_is_there(
    registry: RegistryService, clock: FrozenClock
) -> None:
    await fleet(registry, 9, 0)
    await clock.advance(30)
    assert counts(registry) == {"unhealthy": 9}
    await clock.advance(60)
    assert counts(registry) == {}


async def test_ten_at_once_of_few_are_held_and_read_suspect_with_the_reason(
    registry: RegistryService, clock: FrozenClock
) -> None:
    await fleet(registry, 10, 5)
    events = heard(registry)
    await clock.advance(30)
    assert counts(registry) == {"suspect": 10, "active": 5}
    assert events[0].type is EventType.PRESERVATION_STARTED
    assert "10 of 15 leases" in events[0].detail
    assert {event.detail for event in events[1:]} == {events[0].detail}
    evidence = registry.evidence("default", "dying-3")
    assert evidence.lease.phase is LeasePhase.HELD
    assert evidence.lease.reason == events[0].detail
    assert registry.keeper.stats.held == 10
    await clock.advance(29)
    assert counts(registry) == {"suspect": 10, "active": 5}


async def test_ten_at_once_of_many_are_believed(
    registry: RegistryService, clock: FrozenClock
) -> None:
    await fleet(registry, 10, 40)
    await clock.advance(30)
    assert counts(registry) == {"unhealthy": 10, "active": 40}


async def test_those_believed_a_moment_earlier_are_taken_back(
    registry: RegistryService, clock: FrozenClock
) -> None:
    for number in range(10):
        await registry.register(record(str(number), OWN))
        await clock.advance(0.5)
    await clock.advance(29.2)
    assert counts(registry) == {"unhealthy": 9, "active": 1}
    await clock.advance(0.5)
    assert counts(registry) == {"suspect": 10}


async def test_deaths_far_apart_are_believed_one_by_one(
    registry: RegistryService, clock: FrozenClock
) -> None:
    for number in range(20):
        await registry.register(record(str(number), Grant(LeasePolicy(30))))
        await clock.advance(1.2)
    await clock.advance(60)
    assert counts(registry) == {"unhealthy": 20}


async def test_a_lease_that_comes_and_goes_is_never_mass_by_itself(
    registry: RegistryService, clock: FrozenClock
) -> None:
    await registry.register(record("a", Grant(LeasePolicy(0.2))))
    for _ in range(30):
        await clock.advance(0.25)
        assert counts(registry) == {"unhealthy": 1}
        await registry.renew("default", "a")


async def test_expiry_is_held_for_twice_the_ttl_at_most(
    registry: RegistryService, clock: FrozenClock
) -> None:
    await fleet(registry, 12, 0)
    events = heard(registry)
    await clock.advance(60 - 0.01)
    assert counts(registry) == {"suspect": 12}
    await clock.advance(0.02)
    assert counts(registry) == {"offline": 12}
    await clock.advance(1)
    assert [event.type for event in events].count(EventType.PRESERVATION_ENDED) == 1
    assert registry.state.spaces["default"].hold is None
    await clock.advance(29)
    assert counts(registry) == {}


async def test_it_ends_when_the_held_are_renewed(
    registry: RegistryService, clock: FrozenClock
) -> None:
    await fleet(registry, 12, 0)
    events = heard(registry)
    await clock.advance(35)
    for number in range(12):
        await registry.renew("default", f"dying-{number}")
    assert counts(registry) == {"active": 12}
    await clock.advance(1)
    assert [event.type for event in events if not event.id] == [
        EventType.PRESERVATION_STARTED,
        EventType.PRESERVATION_ENDED,
    ]
    assert registry.state.spaces["default"].hold is None


async def test_whoever_falls_due_while_it_holds_is_held_too(
    registry: RegistryService, clock: FrozenClock
) -> None:
    await fleet(registry, 12, 0)
    await clock.advance(10)
    await registry.register(record("later", OWN))
    await clock.advance(31)
    assert counts(registry) == {"suspect": 13}


async def test_nothing_is_deregistered_while_it_holds(
    registry: RegistryService, clock: FrozenClock
) -> None:
    await fleet(registry, 12, 0, Grant(LeasePolicy(deregister_after=30)))
    await clock.advance(59)
    assert counts(registry) == {"suspect": 12}
    await clock.advance(2)
    assert registry.state.spaces == {}


async def test_a_policy_without_preservation_is_never_held(
    registry: RegistryService, clock: FrozenClock
) -> None:
    await fleet(registry, 30, 0, Grant(LeasePolicy(30, preserve=False)))
    await clock.advance(30)
    assert counts(registry) == {"unhealthy": 30}


async def test_ten_shared_leases_that_die_at_once_are_held(
    registry: RegistryService, clock: FrozenClock
) -> None:
    for number in range(10):
        await registry.grant("default", f"x{number}", POLICY)
        await registry.register(record(str(number), f"x{number}"))
    await clock.advance(31)
    assert counts(registry) == {"suspect": 10}


async def test_one_namespace_holds_and_the_other_believes(
    registry: RegistryService, clock: FrozenClock
) -> None:
    await fleet(registry, 12, 0)
    await registry.register(record("a", OWN, namespace="other"))
    await clock.advance(30)
    assert counts(registry) == {"suspect": 12}
    assert registry.get("other", "a").status is Status.UNHEALTHY


async def test_our_own_stall_holds_what_is_overdue_and_gives_grace_to_the_rest(
    registry: RegistryService, clock: FrozenClock
) -> None:
    await registry.register(record("overdue", OWN))
    await clock.advance(8)
    await registry.register(record("nearly", OWN))
    clock.jump(25)
    await clock.advance(0.5)
    assert counts(registry) == {"suspect": 1, "active": 1}
    assert "stood still for 2" in registry.evidence("default", "overdue").lease.reason
    # The other would have been due 5 s later, and has 10 s from the end of the stall.
    await clock.advance(9)
    assert registry.get("default", "nearly").status is Status.ACTIVE
    assert registry.keeper.stats.stalls == 1


async def test_a_stall_is_noticed_even_if_a_nearer_deadline_comes_in_at_its_end(
    registry: RegistryService, clock: FrozenClock
) -> None:
    await registry.register(record("overdue", OWN))
    await clock.advance(5)
    clock.jump(40)
    await registry.register(record("new", Grant(LeasePolicy(0.001))))
    await clock.advance(0)
    assert registry.get("default", "overdue").status is Status.SUSPECT


async def test_a_stall_holds_nothing_without_preservation_and_gives_grace_all_the_same(
    registry: RegistryService, clock: FrozenClock
) -> None:
    await registry.register(record("a", Grant(LeasePolicy(30, interval=10, preserve=False))))
    await clock.advance(8)
    clock.jump(25)
    await clock.advance(9)
    assert counts(registry) == {"active": 1}
    await clock.advance(2)
    assert counts(registry) == {"unhealthy": 1}


async def test_an_outage_of_the_store_holds_what_is_overdue_with_the_reason(
    remote: FaultyStore, open_registry: OpenRegistry, clock: FrozenClock
) -> None:
    registry = await open_registry(remote)
    await fleet(registry, 3, 0)
    remote.faults.extend([Refused(call) for call in ("commit", "renew") for _ in range(500)])
    await clock.advance(50)
    assert counts(registry) == {"active": 3}
    remote.faults.clear()
    await clock.advance(3)
    assert counts(registry) == {"suspect": 3}
    assert "record store did not answer" in registry.evidence("default", "dying-0").lease.reason


async def test_a_hold_outlives_a_restart(
    memory: InMemoryStore, open_registry: OpenRegistry, clock: FrozenClock
) -> None:
    first = await open_registry(memory)
    await fleet(first, 12, 0)
    await clock.advance(31)
    await memory.renew([], clock.now())
    await first.stop()
    again = await open_registry(memory)
    assert counts(again) == {"suspect": 12}
    await clock.advance(5)
    assert again.state.spaces["default"].hold is not None
    await clock.advance(30)
    assert counts(again) == {"offline": 12}
    assert again.state.spaces["default"].hold is None


async def test_the_thresholds_are_settings(
    memory: InMemoryStore, open_registry: OpenRegistry, clock: FrozenClock
) -> None:
    registry = await open_registry(memory, preservation=PreservationPolicy(at_least=3, share=0.5))
    await fleet(registry, 3, 2)
    await clock.advance(31)
    assert counts(registry) == {"suspect": 3, "active": 2}


async def test_no_window_of_a_namespace_is_kept_for_ever(
    registry: RegistryService, clock: FrozenClock
) -> None:
    for number in range(5):
        lease = Grant(LeasePolicy(deregister_after=5))
        await registry.register(record("a", lease, namespace=f"tenant-{number}"))
    await clock.advance(30)
    assert registry.state.spaces == {}
    assert registry.keeper._windows == {}
