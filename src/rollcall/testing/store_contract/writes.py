# SPDX-License-Identifier: Apache-2.0
"""The contract of writes: outcomes, conflicts, batches, operation ids."""

from __future__ import annotations

import asyncio

import pytest

from rollcall.kernel.ids import RandomIds
from rollcall.registry.models import (
    Address,
    Capability,
    Doc,
    Grant,
    Hold,
    Kind,
    LeasePolicy,
    Probe,
    Record,
    Table,
)
from rollcall.registry.status import LeasePhase, ProbeState, Status
from rollcall.registry.store import Change, Conflict, RecordStore, Write
from rollcall.testing.clock import FrozenClock
from rollcall.testing.store_contract.case import (
    OWN,
    StoreCase,
    key_of,
    lease,
    put,
    record,
    remove,
    stored,
)


class Writes(StoreCase):
    # What a write gives

    async def test_a_new_store_is_empty_and_has_an_epoch(self, clock: FrozenClock) -> None:
        one = self.make_store(clock, RandomIds(), 100)
        other = self.make_store(clock, RandomIds(), 100)
        first, second = await one.open(), await other.open()
        await one.close()
        await other.close()
        assert (first.revision, list(first.docs), first.now) == (0, [], clock.now())
        assert first.alive_at == clock.now()
        assert first.epoch
        assert first.epoch != second.epoch

    async def test_a_write_gives_the_change_that_it_made(
        self, store: RecordStore, clock: FrozenClock
    ) -> None:
        doc = record("a", OWN)
        (outcome,) = await store.commit([Write("x", "register", *key_of(doc), doc, 0)])
        assert outcome == Change(1, clock.now(), "x", "register", Table.RECORD, "default", "a", doc)

    async def test_revisions_skip_no_number_at_conflicts(self, store: RecordStore) -> None:
        await store.commit([put(record("a"), "1"), put(record("a"), "2", expect=0)])
        outcomes = await store.commit([put(record("b"), "3"), put(record("c"), "4")])
        assert [o.revision for o in outcomes if isinstance(o, Change)] == [2, 3]
        assert (await store.open()).revision == 3

    async def test_an_empty_batch_does_nothing(self, store: RecordStore) -> None:
        assert await store.commit([]) == []
        assert (await store.open()).revision == 0

    @pytest.mark.parametrize(
        ("expect", "current"),
        [(0, 2), (1, 2), (3, 2)],
        ids=["that it is absent", "an old revision", "a revision to come"],
    )
    async def test_a_write_that_expects_something_else_conflicts(
        self, store: RecordStore, expect: int, current: int
    ) -> None:
        await store.commit([put(record("a"), "1"), put(record("a", name="new"), "2")])
        outcomes = await store.commit(
            [
                put(record("a", name="no"), "3", expect=expect),
                remove(record("a"), "4", expect=expect),
            ]
        )
        assert outcomes == [Conflict("3", current), Conflict("4", current)]
        assert (await stored(store))[key_of(record("a"))].doc == record("a", name="new")

    async def test_a_write_that_expects_what_is_there_is_done(self, store: RecordStore) -> None:
        await store.commit([put(record("a"), "1", expect=0)])
        (changed,) = await store.commit([put(record("a"), "2", expect=1)])
        (removed,) = await store.commit([remove(record("a"), "3", expect=2)])
        assert isinstance(changed, Change)
        assert isinstance(removed, Change)
        assert (removed.revision, removed.doc) == (3, None)
        assert await stored(store) == {}

    async def test_expecting_a_revision_of_what_is_not_there_conflicts(
        self, store: RecordStore
    ) -> None:
        assert await store.commit([put(record("a"), "1", expect=7)]) == [Conflict("1", 0)]

    async def test_a_conflict_leaves_its_neighbours_alone(self, store: RecordStore) -> None:
        await store.commit([put(record("a"), "1")])
        before, conflict, after = await store.commit(
            [put(record("b"), "2"), put(record("a"), "3", expect=0), put(record("c"), "4")]
        )
        assert isinstance(before, Change)
        assert conflict == Conflict("3", 1)
        assert isinstance(after, Change)
        assert len(await stored(store)) == 3

    async def test_a_write_sees_those_before_it_in_the_batch(self, store: RecordStore) -> None:
        outcomes = await store.commit(
            [
                put(record("a"), "1", expect=0),
                put(record("a", name="new"), "2", expect=1),
                put(record("a"), "3", expect=0),
                remove(record("a"), "4", expect=2),
                put(record("a", name="newest"), "5", expect=0),
            ]
        )
        assert outcomes[2] == Conflict("3", 2)
        assert [type(outcome) for outcome in outcomes].count(Change) == 4
        assert (await stored(store))[key_of(record("a"))].revision == 4

    async def test_removing_what_is_not_there_conflicts(self, store: RecordStore) -> None:
        absent = [remove(record("a"), "1"), remove(lease(), "2")]
        assert await store.commit(absent) == [Conflict("1", 0), Conflict("2", 0)]

    async def test_namespaces_and_tables_are_apart(self, store: RecordStore) -> None:
        same = [record("x"), record("x", namespace="other"), lease("x")]
        await store.commit([put(doc, str(i), expect=0) for i, doc in enumerate(same)])
        await store.commit([remove(same[0], "gone")])
        assert set(await stored(store)) == {key_of(doc) for doc in same[1:]}

    async def test_documents_come_back_as_they_were(self, clock: FrozenClock) -> None:
        store = self.make_store(clock, RandomIds(), 100)
        full = Record(
            namespace="a/b ü",
            id="agent:1/ÿ'\"\\",
            kind=Kind.TOOL,
            name="名前 \N{ROCKET}",
            reported=Status.BUSY,
            created_at=1_750_000_000.123456,
            updated_at=0.1 + 0.2,
            capabilities=(
                Capability(
                    "code", "writes it", ("a", "b"), {"type": "object", "n": [1, None]}, "$1"
                ),
                Capability("review"),
            ),
            lease=Grant(LeasePolicy(1.5, interval=0.1, preserve=False), 7, LeasePhase.HELD, "why"),
            probe=Probe(ProbeState.FAILING, 3, 12.5, "refused"),
            runtime="pod-1",
            address=Address("10.0.0.1", 8080, "http://10.0.0.1:8080"),
            tags=("x", "y"),
            version="1.2",
            owner="key",
            metadata={"nested": {"deep": [True, 1.5, "ü", None]}, "empty": {}},
        )
        docs: list[Doc] = [
            full,
            record("plain"),
            lease("shared", 3),
            Hold("default", "expiry", 1.0, 2.5, "many", 10, 20),
        ]
        await store.open()
        await store.commit([put(doc, str(i)) for i, doc in enumerate(docs)])
        await store.close()
        again = self.another(store)
        held = await stored(again)
        feed = await again.changes(0)
        await again.close()
        assert {key: one.doc for key, one in held.items()} == {key_of(doc): doc for doc in docs}
        assert [change.doc for change in feed] == docs

    # Operation ids

    async def test_an_operation_is_done_once_however_often_it_is_asked_for(
        self, store: RecordStore
    ) -> None:
        (first,) = await store.commit([put(record("a"), "x", expect=0)])
        await store.commit([put(record("a", name="new"), "y")])
        again = await store.commit([put(record("a"), "x", expect=0), put(record("b"), "x")])
        assert again == [first, first]
        held = await stored(store)
        assert {key: one.doc for key, one in held.items()} == {
            key_of(record("a")): record("a", name="new")
        }
        assert (await store.open()).revision == 2

    async def test_an_operation_twice_in_a_batch_is_done_once(self, store: RecordStore) -> None:
        first, second = await store.commit([put(record("a"), "x"), put(record("a"), "x")])
        assert first == second
        assert (await store.open()).revision == 1

    async def test_a_removal_asked_for_again_gives_the_removal(self, store: RecordStore) -> None:
        await store.commit([put(record("a"), "1")])
        (removed,) = await store.commit([remove(record("a"), "x")])
        assert await store.commit([remove(record("a"), "x")]) == [removed]
        await store.commit([put(record("a"), "2")])
        assert await store.commit([remove(record("a"), "x")]) == [removed]
        assert key_of(record("a")) in await stored(store)

    async def test_an_operation_that_conflicted_may_be_tried_again(
        self, store: RecordStore
    ) -> None:
        await store.commit([put(record("a"), "1")])
        assert await store.commit([put(record("a"), "x", expect=0)]) == [Conflict("x", 1)]
        await store.commit([remove(record("a"), "2")])
        (outcome,) = await store.commit([put(record("a"), "x", expect=0)])
        assert isinstance(outcome, Change)

    async def test_settling_tells_what_was_committed(self, store: RecordStore) -> None:
        done = await store.commit([put(record("a"), "1"), remove(record("a"), "2")])
        await store.commit([remove(record("a"), "3")])
        assert await store.settle(["1", "2", "3", "4"]) == {"1": done[0], "2": done[1]}
        assert await store.settle([]) == {}

    async def test_a_cancelled_commit_is_done_whole_or_not_at_all(self, store: RecordStore) -> None:
        batch = [put(record(f"{i}"), f"op-{i}") for i in range(50)]
        cut_off = asyncio.ensure_future(store.commit(batch))
        await asyncio.sleep(0)
        cut_off.cancel()
        await asyncio.wait({cut_off})
        settled = await store.settle([write.op for write in batch])
        assert len(settled) in (0, 50)
        assert len(await stored(store)) == len(settled)
        (after,) = await store.commit([put(record("after"), "after")])
        assert isinstance(after, Change)
        assert after.revision == len(settled) + 1

    async def test_commits_at_the_same_time_take_revisions_one_after_the_other(
        self, store: RecordStore
    ) -> None:
        batches = [
            [put(record(f"{n}-{i}"), f"{n}-{i}") for i in range(5)]
            + [put(record("everybody's"), f"{n}", expect=0)]
            for n in range(10)
        ]
        outcomes = await asyncio.gather(*(store.commit(batch) for batch in batches))
        done = [[o.revision for o in batch if isinstance(o, Change)] for batch in outcomes]
        assert sorted(revision for part in done for revision in part) == list(range(1, 52))
        assert all(part == list(range(part[0], part[0] + len(part))) for part in done)
        assert sorted(len(part) for part in done) == [5] * 9 + [6]
