# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import random

import pytest

from rollcall.backends.records.inmemory import InMemoryStore
from rollcall.kernel.clock import Clock
from rollcall.kernel.errors import OutcomeUnknown, StoreUnavailable
from rollcall.kernel.ids import IdSource, RandomIds
from rollcall.registry.models import Kind, Record, Table
from rollcall.registry.status import Status
from rollcall.registry.store import Change, Conflict, Write
from rollcall.testing.clock import FrozenClock
from rollcall.testing.faulty_store import (
    Call,
    Delayed,
    DroppedWake,
    Fault,
    FaultyStore,
    LostAnswer,
    LostCommit,
    Odds,
    Refused,
    foreign,
)
from rollcall.testing.store_contract import RecordStoreContract


class TestFaultyStoreWithoutFaults(RecordStoreContract):
    def make_store(self, clock: Clock, ids: IdSource, keep_changes: int) -> FaultyStore:
        return FaultyStore(InMemoryStore(clock, ids, keep_changes), clock)


def put(op: str, key: str = "a", expect: int | None = None) -> Write:
    doc = Record("default", key, Kind.AGENT, op, Status.ACTIVE, 1.0, 2.0)
    return Write(op, "test", Table.RECORD, "default", key, doc, expect)


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def store(clock: FrozenClock) -> FaultyStore:
    return FaultyStore(InMemoryStore(clock, RandomIds()), clock)


async def test_a_refused_commit_writes_nothing(store: FaultyStore) -> None:
    store.faults.append(Refused())
    with pytest.raises(StoreUnavailable):
        await store.commit([put("x")])
    assert await store.settle(["x"]) == {}


async def test_a_lost_answer_is_of_a_commit_that_was_done(store: FaultyStore) -> None:
    store.faults.append(LostAnswer())
    with pytest.raises(OutcomeUnknown):
        await store.commit([put("x")])
    assert list(await store.settle(["x"])) == ["x"]


async def test_a_lost_commit_was_not_done(store: FaultyStore) -> None:
    store.faults.append(LostCommit())
    with pytest.raises(OutcomeUnknown):
        await store.commit([put("x")])
    assert await store.settle(["x"]) == {}


async def test_a_foreign_write_comes_just_before(store: FaultyStore) -> None:
    store.faults.append(foreign(put("theirs")))
    assert await store.commit([put("ours", expect=0)]) == [Conflict("ours", 1)]
    assert [change.op for change in await store.changes(0)] == ["theirs"]


async def test_each_fault_strikes_one_call_in_the_order_of_the_script(store: FaultyStore) -> None:
    store.faults.extend([Refused(), LostAnswer()])
    with pytest.raises(StoreUnavailable):
        await store.commit([put("1")])
    with pytest.raises(OutcomeUnknown):
        await store.commit([put("2")])
    (done,) = await store.commit([put("3")])
    assert isinstance(done, Change)
    assert done.revision == 2
    assert store.calls["commit"] == 3
    assert store.struck == {Refused: 1, LostAnswer: 1}


@pytest.mark.parametrize("call", ["open", "settle", "changes", "renew", "compact"])
async def test_a_fault_waits_for_a_call_of_its_sort(store: FaultyStore, call: Call) -> None:
    store.faults.append(Refused(call))
    await store.commit([put("x")])
    calls = {
        "open": store.open,
        "settle": lambda: store.settle(["x"]),
        "changes": lambda: store.changes(0),
        "renew": lambda: store.renew([], 1.0),
        "compact": lambda: store.compact(1),
    }
    with pytest.raises(StoreUnavailable):
        await calls[call]()
    await calls[call]()


async def test_a_delayed_commit_is_done_after_its_time(
    store: FaultyStore, clock: FrozenClock
) -> None:
    store.faults.append(Delayed(5.0))
    commit = asyncio.ensure_future(store.commit([put("x")]))
    await clock.advance(4.9)
    assert (await store.open()).revision == 0
    await clock.advance(0.1)
    (done,) = await commit
    assert isinstance(done, Change)


async def test_a_delayed_commit_lands_although_its_caller_gave_up(
    store: FaultyStore, clock: FrozenClock
) -> None:
    store.faults.append(Delayed())
    commit = asyncio.ensure_future(store.commit([put("x")]))
    await clock.settle()
    commit.cancel()
    settling = asyncio.ensure_future(store.settle(["x"]))
    await clock.settle()
    assert not settling.done()
    store.release()
    assert list(await settling) == ["x"]


async def test_closing_gives_up_what_is_delayed(store: FaultyStore, clock: FrozenClock) -> None:
    store.faults.append(Delayed())
    commit = asyncio.ensure_future(store.commit([put("x")]))
    await clock.settle()
    await store.close()
    with pytest.raises(asyncio.CancelledError):
        await commit
    assert (await store.open()).revision == 0


async def test_a_dropped_wake_ends_only_by_release(store: FaultyStore, clock: FrozenClock) -> None:
    store.faults.append(DroppedWake())
    deaf = asyncio.ensure_future(store.wait(0))
    await clock.settle()
    await store.commit([put("x")])
    await clock.settle()
    assert not deaf.done()
    await store.wait(0)
    store.release()
    await deaf


async def test_a_feed_held_back_shows_and_wakes_for_nothing_above(
    store: FaultyStore, clock: FrozenClock
) -> None:
    await store.commit([put("1")])
    store.hold_feed(at=1)
    waiting = asyncio.ensure_future(store.wait(1))
    await store.commit([put("2"), put("3")])
    await clock.settle()
    assert not waiting.done()
    assert [change.op for change in await store.changes(0)] == ["1"]
    store.release_feed()
    await waiting
    assert [change.op for change in await store.changes(1)] == ["2", "3"]


async def outcomes(clock: FrozenClock, seed: int) -> list[str]:
    each: list[tuple[float, Fault]] = [(0.3, Refused()), (0.2, LostAnswer()), (0.2, LostCommit())]
    store = FaultyStore(InMemoryStore(clock, RandomIds()), clock, Odds(random.Random(seed), each))
    seen: list[str] = []
    for i in range(300):
        try:
            await store.commit([put(f"{i}", f"{i}")])
        except (StoreUnavailable, OutcomeUnknown) as error:
            seen.append(type(error).__name__)
        else:
            seen.append("done")
    done, lost = seen.count("done"), store.struck[LostAnswer]
    assert (await store.open()).revision == done + lost
    assert store.struck.total() == 300 - done
    return seen


async def test_drawn_faults_are_those_of_the_seed_and_come_about_as_often_as_said(
    clock: FrozenClock,
) -> None:
    seen = await outcomes(clock, 1)
    assert seen == await outcomes(clock, 1)
    assert seen != await outcomes(clock, 2)
    assert 60 < seen.count("StoreUnavailable") < 120
    assert 90 < seen.count("OutcomeUnknown") < 150


async def test_an_operation_repeated_after_any_fault_is_done_once(clock: FrozenClock) -> None:
    each: list[tuple[float, Fault]] = [(0.3, Refused()), (0.2, LostAnswer()), (0.2, LostCommit())]
    store = FaultyStore(InMemoryStore(clock, RandomIds()), clock, Odds(random.Random(3), each))
    for i in range(50):
        write, done = put(f"{i}", expect=i), None
        while done is None:
            try:
                (done,) = await store.commit([write])
            except (StoreUnavailable, OutcomeUnknown):
                done = (await store.settle([write.op])).get(write.op)
        assert isinstance(done, Change)
        assert done.revision == i + 1
