"""The one order of things: commit, apply, acknowledge, publish."""

from __future__ import annotations

import asyncio

import pytest

from rollcall.backends.records.inmemory import InMemoryStore
from rollcall.kernel.errors import Closed, OutcomeUnknown, StoreUnavailable
from rollcall.registry.commits import BATCH
from rollcall.registry.models import LeasePolicy
from rollcall.registry.service import RegistryService
from rollcall.registry.status import Status
from rollcall.registry.store import Change, Conflict
from rollcall.testing.clock import FrozenClock
from rollcall.testing.faulty_store import (
    Delayed,
    FaultyStore,
    LostAnswer,
    LostCommit,
    Refused,
    foreign,
)
from rollcall.testing.store_contract.case import OWN, put, record, remove
from support.registries import OpenRegistry, heard, register_sharers

POLICY = LeasePolicy(30, 60, 90)


@pytest.mark.parametrize("kind", ["memory", "remote"])
async def test_what_is_acknowledged_is_stored_applied_and_published(
    kind: str, request: pytest.FixtureRequest, open_registry: OpenRegistry
) -> None:
    store = request.getfixturevalue(kind)
    registry = await open_registry(store)
    events = heard(registry)
    change = await registry.register(record())
    assert [one.doc for one in (await store.open()).docs] == [record()]
    assert registry.get("default", "a").record == record()
    assert registry.state.revision == change.revision == 1
    assert [event.op for event in events] == [change.op]


async def test_nothing_is_seen_before_the_store_has_it(
    remote: FaultyStore, open_registry: OpenRegistry, clock: FrozenClock
) -> None:
    registry = await open_registry(remote)
    events = heard(registry)
    remote.faults.append(Delayed())
    writing = asyncio.create_task(registry.register(record()))
    await clock.settle()
    assert registry.state.slot("default", "a") is None
    assert not events
    assert not writing.done()
    remote.release()
    await writing
    assert len(events) == 1


async def test_writers_who_come_together_are_committed_together(
    remote: FaultyStore, open_registry: OpenRegistry
) -> None:
    registry = await open_registry(remote)
    await asyncio.gather(*(registry.register(record(str(n))) for n in range(BATCH + 1)))
    assert remote.calls["commit"] == 2
    assert registry.state.revision == BATCH + 1


async def test_a_conflict_leaves_its_neighbours_alone(
    remote: FaultyStore, open_registry: OpenRegistry
) -> None:
    registry = await open_registry(remote)
    outcomes = await registry.commits.submit_all(
        [put(record("a"), "1"), put(record("b"), "2", expect=7), put(record("c"), "3")]
    )
    assert [type(one) for one in outcomes] == [Change, Conflict, Change]
    assert set(registry.state.spaces["default"].records) == {"a", "c"}


async def test_writes_to_one_record_stay_in_order(
    remote: FaultyStore, open_registry: OpenRegistry
) -> None:
    registry = await open_registry(remote)
    writes = [put(record(name=f"name {n}"), f"{n}") for n in range(50)]
    changes = await asyncio.gather(*(registry.commits.submit(write) for write in writes))
    assert [change.revision for change in changes] == list(range(1, 51))
    assert registry.get("default", "a").record.name == "name 49"


async def test_a_lost_answer_is_settled_and_acknowledged_once(
    remote: FaultyStore, open_registry: OpenRegistry
) -> None:
    registry = await open_registry(remote)
    events = heard(registry)
    remote.faults.append(LostAnswer())
    change = await registry.register(record())
    assert change.revision == 1
    assert (await remote.open()).revision == 1
    assert [event.event_id for event in events] == [f"{change.op}.0"]


async def test_a_lost_commit_is_done_again(
    remote: FaultyStore, open_registry: OpenRegistry
) -> None:
    registry = await open_registry(remote)
    remote.faults.append(LostCommit())
    await registry.register(record())
    assert (await remote.open()).revision == registry.state.revision == 1


async def test_settling_waits_for_a_store_that_comes_back(
    remote: FaultyStore, open_registry: OpenRegistry, clock: FrozenClock
) -> None:
    registry = await open_registry(remote)
    remote.faults.extend([LostAnswer(), *[Refused("settle")] * 3])
    writing = asyncio.create_task(registry.register(record()))
    await clock.settle()
    assert not writing.done()
    await clock.advance(0.05 + 0.1 + 0.2)
    assert (await writing).revision == 1
    assert registry.commits.down_since is None


async def test_callers_are_told_when_nobody_can_say_whether_it_was_written(
    remote: FaultyStore, open_registry: OpenRegistry, clock: FrozenClock
) -> None:
    registry = await open_registry(remote)
    remote.faults.extend([LostAnswer(), *[Refused("settle")] * 8])
    writing = asyncio.create_task(registry.register(record()))
    await clock.advance(10)
    with pytest.raises(OutcomeUnknown):
        await writing
    # It was, and the follower of the feed finds out by itself.
    assert registry.get("default", "a").record == record()


async def test_a_refused_write_is_nowhere_and_the_next_one_works(
    remote: FaultyStore, open_registry: OpenRegistry
) -> None:
    registry = await open_registry(remote)
    events = heard(registry)
    remote.faults.append(Refused())
    with pytest.raises(StoreUnavailable):
        await registry.register(record("a"))
    assert registry.commits.down_since is not None
    assert registry.state.slot("default", "a") is None
    await registry.register(record("b"))
    assert registry.commits.down_since is None
    assert [event.id for event in events] == ["b"]


async def test_the_change_of_another_comes_before_our_own(
    remote: FaultyStore, open_registry: OpenRegistry
) -> None:
    registry = await open_registry(remote)
    events = heard(registry)
    remote.faults.append(foreign(put(record("theirs"), "x")))
    assert (await registry.register(record("ours"))).revision == 2
    assert [(event.revision, event.id) for event in events] == [(1, "theirs"), (2, "ours")]


async def test_a_write_decided_on_what_another_has_changed_is_decided_anew(
    remote: FaultyStore, open_registry: OpenRegistry
) -> None:
    registry = await open_registry(remote)
    await registry.register(record(name="old"))
    remote.faults.append(foreign(put(record(name="theirs"), "x")))
    await registry.report("default", "a", Status.BUSY)
    view = registry.get("default", "a")
    assert (view.record.name, view.status, view.revision) == ("theirs", Status.BUSY, 3)


async def test_what_another_writes_is_followed(
    remote: FaultyStore, open_registry: OpenRegistry, clock: FrozenClock
) -> None:
    registry = await open_registry(remote)
    await remote.commit([put(record(str(n)), str(n)) for n in range(2 * BATCH + 1)])
    await clock.settle()
    assert registry.state.revision == 2 * BATCH + 1


async def test_the_follower_outlives_a_store_that_fails(
    remote: FaultyStore, open_registry: OpenRegistry, clock: FrozenClock
) -> None:
    registry = await open_registry(remote)
    remote.faults.extend([Refused("changes")] * 5)
    await remote.commit([put(record(), "x")])
    await clock.settle()
    assert registry.state.revision == 0
    await clock.advance(10)
    assert registry.state.revision == 1


async def test_a_feed_that_lags_behind_delays_what_is_read_and_loses_nothing(
    remote: FaultyStore, open_registry: OpenRegistry, clock: FrozenClock
) -> None:
    registry = await open_registry(remote)
    events = heard(registry)
    remote.hold_feed(at=0)
    remote.faults.append(foreign(put(record("theirs"), "x")))
    await registry.register(record("ours"))
    remote.release_feed()
    await clock.settle()
    assert [(event.revision, event.id) for event in events] == [(1, "theirs"), (2, "ours")]


async def test_what_was_compacted_before_it_was_read_is_made_up_for(
    remote: FaultyStore, open_registry: OpenRegistry, clock: FrozenClock
) -> None:
    registry = await open_registry(remote)
    await registry.register(record("gone"))
    await registry.register(record("stays"))
    remote.hold_feed(at=2)
    await remote.commit(
        [
            remove(record("gone"), "x"),
            put(record("new"), "y"),
            put(record("stays", name="other"), "1"),
            put(record("stays"), "2"),
        ]
    )
    await remote.compact(6)
    events = heard(registry)
    remote.release_feed()
    await clock.settle()
    assert registry.state.revision == 6
    assert {(event.type.value, event.id) for event in events} == {
        ("deregistered", "gone"),
        ("registered", "new"),
    }
    assert registry.get("default", "stays").revision == 6
    for key in ("stays", "new"):
        await registry.report("default", key, Status.BUSY)


@pytest.mark.parametrize("after", range(8))
async def test_a_caller_who_gives_up_in_a_fan_out_leaves_no_half_of_it(
    after: int, registry: RegistryService, clock: FrozenClock
) -> None:
    await register_sharers(registry, "x", POLICY, 2500)
    await clock.advance(30)
    assert registry.state.index.statuses("default")[Status.UNHEALTHY] == 2500
    events = heard(registry)
    reviving = asyncio.create_task(registry.renew_lease("default", "x"))
    for _ in range(after):
        await asyncio.sleep(0)
    reviving.cancel()
    await asyncio.gather(reviving, return_exceptions=True)
    await registry.register(record("other"))
    counts = registry.state.index.statuses("default")
    revived = 2500 if after else 0
    assert counts[Status.ACTIVE] == revived + 1
    assert counts[Status.UNHEALTHY] == 2500 - revived
    assert len({event.event_id for event in events}) == len(events) == revived + 1


@pytest.mark.parametrize("after", range(8))
async def test_a_caller_who_gives_up_in_the_removal_of_many_leaves_no_half_of_it(
    after: int, registry: RegistryService
) -> None:
    await register_sharers(registry, "x", POLICY, 2500)
    events = heard(registry)
    releasing = asyncio.create_task(registry.release("default", "x"))
    for _ in range(after):
        await asyncio.sleep(0)
    releasing.cancel()
    await asyncio.gather(releasing, return_exceptions=True)
    await registry.register(record("other"))
    removed = 2500 if after else 0
    assert len(registry.state.spaces["default"].records) == 2501 - removed
    assert len({event.event_id for event in events}) == len(events) == removed + 1
    assert [event.ordinal for event in events[:removed]] == list(range(removed))


async def test_others_run_between_the_chunks_of_a_fan_out(
    registry: RegistryService, clock: FrozenClock
) -> None:
    await register_sharers(registry, "x", POLICY, 5000)
    seen: set[int] = set()
    done = asyncio.Event()

    async def look() -> None:
        while not done.is_set():
            seen.add(registry.state.index.statuses("default")[Status.UNHEALTHY])
            await asyncio.sleep(0)

    looking = asyncio.create_task(look())
    before = registry.state.revision
    await clock.advance(30)
    done.set()
    await looking
    assert len(seen & {1000, 2000, 3000, 4000}) >= 3
    assert registry.state.revision == before + 1


async def test_a_caller_who_gives_up_loses_nobody_elses_write(
    remote: FaultyStore, open_registry: OpenRegistry, clock: FrozenClock
) -> None:
    registry = await open_registry(remote)
    remote.faults.append(Delayed())
    first, second = (asyncio.create_task(registry.register(record(one))) for one in "ab")
    await clock.settle()
    third = asyncio.create_task(registry.register(record("c")))
    first.cancel()
    await clock.settle()
    remote.release()
    await asyncio.gather(second, third)
    assert first.cancelled()
    assert set(registry.state.spaces["default"].records) == {"a", "b", "c"}


async def test_stopping_finishes_what_was_begun(
    remote: FaultyStore, open_registry: OpenRegistry, clock: FrozenClock
) -> None:
    registry = await open_registry(remote)
    remote.faults.append(Delayed())
    begun = asyncio.create_task(registry.register(record("begun")))
    await clock.settle()
    queued = asyncio.create_task(registry.register(record("queued")))
    await clock.settle()
    stopping = asyncio.create_task(registry.stop())
    await clock.settle()
    remote.release()
    await asyncio.wait_for(stopping, 1)
    await asyncio.wait_for(asyncio.gather(begun, queued), 1)
    assert len((await remote.open()).docs) == 2


@pytest.mark.parametrize("kind", ["memory", "remote"])
async def test_a_stopped_registry_takes_no_more_writes(
    kind: str, request: pytest.FixtureRequest, open_registry: OpenRegistry
) -> None:
    registry = await open_registry(request.getfixturevalue(kind))
    await registry.register(record("a", OWN))
    await registry.stop()
    with pytest.raises(Closed):
        await registry.register(record("b"))
    with pytest.raises(Closed):
        await registry.commits.submit_all([put(record("b"), "x")])


async def test_a_registry_that_was_not_started_says_so(
    remote: FaultyStore, clock: FrozenClock
) -> None:
    with pytest.raises(Closed, match="start"):
        await RegistryService(remote, clock=clock).register(record())


async def test_a_store_in_memory_takes_in_what_another_registry_wrote(
    memory: InMemoryStore, open_registry: OpenRegistry
) -> None:
    one, other = await open_registry(memory), await open_registry(memory)
    await one.register(record("a"))
    await other.register(record("b"))
    assert set(other.state.spaces["default"].records) == {"a", "b"}
