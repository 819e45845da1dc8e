from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec
import pytest

from rollcall.backends.records.inmemory import InMemoryStore
from rollcall.kernel.errors import Closed, InvalidInput
from rollcall.kernel.ids import RandomIds
from rollcall.kernel.record_errors import (
    Contention,
    LeaseNotFound,
    NamespaceFull,
    RecordExists,
    RecordNotFound,
    RevisionMismatch,
)
from rollcall.registry.events import EventType
from rollcall.registry.models import Grant, LeasePolicy, Probe, Record
from rollcall.registry.service import RegistryOptions, RegistryService
from rollcall.registry.status import LeasePhase, ProbeState, Status
from rollcall.testing.clock import FrozenClock
from rollcall.testing.faulty_store import FaultyStore, LostAnswer, foreign
from rollcall.testing.store_contract.case import lease, put, record, remove
from support.registries import OpenRegistry, register_sharers

POLICY = LeasePolicy(30, 60, 90)
OWN = Grant(POLICY)


def named(name: str) -> Callable[[Record], Record]:
    return lambda old: msgspec.structs.replace(old, name=name)


async def test_registering_again_keeps_the_birth_and_grants_the_lease_anew(
    registry: RegistryService, clock: FrozenClock
) -> None:
    await registry.register(msgspec.structs.replace(record("a", OWN), created_at=1.0))
    await clock.advance(31)
    again = msgspec.structs.replace(record("a", OWN, name="new"), created_at=99.0)
    await registry.register(again)
    view = registry.get("default", "a")
    assert (view.record.created_at, view.record.name) == (1.0, "new")
    assert view.record.lease == Grant(POLICY, 2)
    assert view.status is Status.ACTIVE
    assert len(registry.state.spaces["default"].records) == 1


async def test_a_new_record_begins_with_a_fresh_lease_whatever_it_says(
    registry: RegistryService,
) -> None:
    await registry.register(record("a", Grant(POLICY, 7, LeasePhase.OFFLINE, "why")))
    assert registry.get("default", "a").record.lease == Grant(POLICY)


@pytest.mark.parametrize("kind", ["memory", "remote"])
async def test_who_wants_a_new_record_is_told_that_there_is_one(
    kind: str, request: pytest.FixtureRequest, open_registry: OpenRegistry
) -> None:
    registry = await open_registry(request.getfixturevalue(kind))
    await registry.register(record(name="first"), expect=0)
    with pytest.raises(RecordExists) as caught:
        await registry.register(record(name="second"), expect=0)
    assert (caught.value.namespace, caught.value.record_id) == ("default", "a")
    assert registry.get("default", "a").record.name == "first"


async def test_of_two_who_want_a_new_record_one_gets_it(
    remote: FaultyStore, open_registry: OpenRegistry
) -> None:
    registry = await open_registry(remote)
    outcomes = await asyncio.gather(
        *(registry.register(record(name=str(n)), expect=0) for n in range(5)),
        return_exceptions=True,
    )
    assert [isinstance(one, RecordExists) for one in outcomes] == [False, True, True, True, True]


async def test_another_revision_than_expected_is_told_with_both(
    registry: RegistryService,
) -> None:
    await registry.register(record())
    await registry.update("default", "a", named("second"))
    for call in (
        registry.register(record(), expect=1),
        registry.update("default", "a", named("x"), expect=1),
        registry.deregister("default", "a", expect=1),
    ):
        with pytest.raises(RevisionMismatch) as caught:
            await call
        assert (caught.value.expected, caught.value.current) == (1, 2)
        assert (caught.value.namespace, caught.value.record_id) == ("default", "a")
    assert registry.get("default", "a").record.name == "second"
    await registry.update("default", "a", named("third"), expect=2)
    await registry.deregister("default", "a", expect=3)


async def test_a_record_that_should_be_there_and_is_not_is_at_revision_0(
    registry: RegistryService,
) -> None:
    with pytest.raises(RevisionMismatch) as caught:
        await registry.register(record(), expect=4)
    assert caught.value.current == 0


async def test_what_is_not_there_is_not_found(registry: RegistryService) -> None:
    for call in (
        registry.update("default", "a", named("x")),
        registry.report("default", "a", Status.BUSY),
        registry.probed("default", "a", Probe()),
        registry.deregister("default", "a"),
        registry.renew("default", "a"),
    ):
        with pytest.raises(RecordNotFound) as caught:
            await call
        assert (caught.value.namespace, caught.value.record_id) == ("default", "a")
        assert isinstance(caught.value, KeyError)
        assert str(caught.value) == "no record 'a' in namespace 'default'"


async def test_a_shared_lease_that_is_not_there_is_not_found(registry: RegistryService) -> None:
    for call in (
        registry.register(record("a", "x")),
        registry.renew_lease("default", "x"),
        registry.release("default", "x"),
    ):
        with pytest.raises(LeaseNotFound) as caught:
            await call
        assert (caught.value.namespace, caught.value.lease_id) == ("default", "x")
    assert registry.state.revision == 0


async def test_a_shared_lease_of_another_namespace_covers_nobody(
    registry: RegistryService,
) -> None:
    await registry.grant("other", "x", POLICY)
    with pytest.raises(LeaseNotFound):
        await registry.register(record("a", "x"))


async def test_a_record_that_changes_under_every_try_is_contended(
    remote: FaultyStore, open_registry: OpenRegistry
) -> None:
    registry = await open_registry(remote)
    await registry.register(record())
    remote.faults.extend(foreign(put(record(name=str(n)), f"x{n}")) for n in range(100))
    with pytest.raises(Contention) as caught:
        await registry.update("default", "a", named("ours"))
    assert (caught.value.record_id, caught.value.tries) == ("a", 20)
    with pytest.raises(Contention):
        await registry.register(record(name="ours"))
    remote.faults.clear()
    assert registry.get("default", "a").record.name != "ours"


async def test_what_another_removed_meanwhile_is_not_found(
    remote: FaultyStore, open_registry: OpenRegistry
) -> None:
    registry = await open_registry(remote)
    for number, call in enumerate(
        (
            lambda: registry.deregister("default", "a"),
            lambda: registry.update("default", "a", named("x")),
        )
    ):
        await registry.register(record())
        remote.faults.append(foreign(remove(record(), f"theirs-{number}")))
        with pytest.raises(RecordNotFound):
            await call()
    await registry.grant("default", "x", POLICY)
    remote.faults.append(foreign(remove(lease("x"), "theirs")))
    with pytest.raises(LeaseNotFound):
        await registry.release("default", "x")


async def test_what_cannot_be_kept_is_refused_by_its_field_and_writes_nothing(
    registry: RegistryService,
) -> None:
    with pytest.raises(InvalidInput) as caught:
        await registry.register(record(name=""))
    assert caught.value.field == "name"
    await registry.register(record())
    with pytest.raises(InvalidInput) as caught:
        await registry.update("default", "a", named(" "))
    assert caught.value.field == "name"
    with pytest.raises(InvalidInput) as caught:
        await registry.report("default", "a", Status.SUSPECT)
    assert caught.value.field == "reported"
    assert registry.state.revision == 1


@pytest.mark.parametrize("field", ["id", "namespace"])
async def test_an_update_cannot_make_it_another_record(
    field: str, registry: RegistryService
) -> None:
    await registry.register(record())
    with pytest.raises(InvalidInput) as caught:
        await registry.update(
            "default", "a", lambda old: msgspec.structs.replace(old, **{field: "other"})
        )
    assert caught.value.field == field
    assert registry.state.revision == 1


async def test_to_change_nothing_writes_nothing(registry: RegistryService) -> None:
    await registry.register(record())
    assert await registry.update("default", "a", lambda old: old) is None
    assert await registry.report("default", "a", Status.ACTIVE) is None
    assert registry.state.revision == 1


async def test_a_report_is_written_down_with_its_time(
    registry: RegistryService, clock: FrozenClock
) -> None:
    await registry.register(record("a", OWN))
    await clock.advance(20)
    change = await registry.report("default", "a", Status.DEGRADED)
    assert change is not None
    view = registry.get("default", "a")
    assert (view.status, view.record.updated_at) == (Status.DEGRADED, clock.now())
    await clock.advance(15)
    assert registry.get("default", "a").status is Status.UNHEALTHY


async def test_a_report_that_proves_life_renews_the_lease(
    registry: RegistryService, clock: FrozenClock
) -> None:
    await registry.register(record("a", OWN))
    await clock.advance(20)
    await registry.report("default", "a", Status.DEGRADED, alive=True)
    await clock.advance(15)
    assert registry.get("default", "a").status is Status.DEGRADED


async def test_a_verdict_of_probes_is_written_once(registry: RegistryService) -> None:
    await registry.register(record())
    failing = Probe(ProbeState.FAILING, 3)
    assert await registry.probed("default", "a", failing) is not None
    assert await registry.probed("default", "a", failing) is None
    assert registry.get("default", "a").status is Status.UNHEALTHY


async def test_a_shared_lease_that_is_granted_again_goes_on_from_its_epoch(
    registry: RegistryService, clock: FrozenClock
) -> None:
    await registry.grant("default", "x", POLICY)
    await registry.register(record("a", "x"))
    await clock.advance(31)
    assert registry.get("default", "a").status is Status.UNHEALTHY
    await registry.grant("default", "x", LeasePolicy(50))
    assert registry.get("default", "a").status is Status.ACTIVE
    granted = registry.evidence("default", "a").lease
    assert (granted.epoch, granted.policy) == (2, LeasePolicy(50))


async def test_releasing_a_shared_lease_removes_what_it_covers_in_one_change(
    registry: RegistryService,
) -> None:
    await registry.grant("default", "x", POLICY)
    for key in "abc":
        await registry.register(record(key, "x"))
    await registry.register(record("own", OWN))
    events = []
    registry.feed.taps.append(events.append)
    change = await registry.release("default", "x")
    assert {event.revision for event in events} == {change.revision}
    assert [event.type for event in events] == [EventType.DEREGISTERED] * 3
    assert list(registry.state.spaces["default"].records) == ["own"]


@pytest.mark.parametrize("kind", ["memory", "remote"])
async def test_the_same_operation_asked_for_again_gives_the_change_it_made(
    kind: str, request: pytest.FixtureRequest, open_registry: OpenRegistry
) -> None:
    registry = await open_registry(request.getfixturevalue(kind))
    registered = await registry.register(record(), expect=0, op="r")
    assert await registry.register(record(), expect=0, op="r") == registered
    updated = await registry.update("default", "a", named("new"), op="u")
    assert await registry.update("default", "a", named("new"), op="u") == updated
    removed = await registry.deregister("default", "a", op="d")
    assert await registry.deregister("default", "a", op="d") == removed
    assert registry.state.revision == 3


async def test_an_unknown_outcome_is_never_written_twice(
    remote: FaultyStore, open_registry: OpenRegistry
) -> None:
    registry = await open_registry(remote)
    remote.faults.append(LostAnswer())
    change = await registry.register(record(), expect=0)
    assert change.revision == registry.state.revision == 1


async def test_a_record_registered_while_its_lease_is_released_is_no_orphan(
    registry: RegistryService,
) -> None:
    await register_sharers(registry, "x", POLICY, 2500)
    releasing = asyncio.create_task(registry.release("default", "x"))
    await asyncio.sleep(0)
    with pytest.raises(LeaseNotFound):
        await registry.register(record("late", "x"))
    await releasing
    assert registry.state.spaces == {}


@pytest.mark.parametrize("kind", ["memory", "remote"])
async def test_every_write_of_a_stopped_registry_is_refused(
    kind: str, request: pytest.FixtureRequest, open_registry: OpenRegistry
) -> None:
    registry = await open_registry(request.getfixturevalue(kind))
    await registry.grant("default", "x", POLICY)
    await registry.register(record())
    await registry.stop()
    for call in (
        registry.register(record("b")),
        registry.update("default", "a", named("x")),
        registry.report("default", "a", Status.BUSY),
        registry.probed("default", "a", Probe()),
        registry.deregister("default", "a"),
        registry.grant("default", "y", POLICY),
        registry.release("default", "x"),
    ):
        with pytest.raises(Closed):
            await call


async def test_a_full_namespace_takes_no_new_record_and_lets_those_there_change(
    clock: FrozenClock,
) -> None:
    registry = RegistryService(
        InMemoryStore(clock, RandomIds()), clock=clock, options=RegistryOptions(max_records=2)
    )
    await registry.start()
    for name in ("a", "b"):
        await registry.register(record(name))
    with pytest.raises(NamespaceFull) as refused:
        await registry.register(record("c"))
    assert (refused.value.namespace, refused.value.limit) == ("default", 2)
    await registry.register(record("a", name="changed"))
    await registry.deregister("default", "b")
    await registry.register(record("c"))
    await registry.stop()
