# SPDX-License-Identifier: Apache-2.0
"""The contract of leases: shared ones, renewals, and guards against renewals."""

from __future__ import annotations

from rollcall.registry.models import Grant, Hold
from rollcall.registry.store import Change, Conflict, RecordStore
from rollcall.testing.clock import FrozenClock
from rollcall.testing.store_contract.case import (
    OWN,
    POLICY,
    StoreCase,
    key_of,
    lease,
    put,
    record,
    remove,
    renewal,
    stored,
)


class Leases(StoreCase):
    async def test_removing_a_shared_lease_removes_what_it_covers_in_the_same_change(
        self, store: RecordStore
    ) -> None:
        others = [
            lease("spare"),
            lease("shared", namespace="other"),
            record("own", OWN),
            record("permanent"),
            record("elsewhere", "spare"),
            record("a", "shared", namespace="other"),
        ]
        gone = [lease("shared"), record("a", "shared"), record("b", "shared")]
        await store.commit([put(doc, f"{i}") for i, doc in enumerate([*others, *gone])])
        (removed,) = await store.commit([remove(lease("shared"), "x")])
        assert isinstance(removed, Change)
        assert set(await stored(store)) == {key_of(doc) for doc in others}
        assert (await store.open()).revision == removed.revision == 10
        assert await store.changes(9) == [removed]
        await store.commit([remove(lease("spare"), "y")])
        assert key_of(record("elsewhere")) not in await stored(store)
        assert len(await stored(store)) == 4

    async def test_a_lease_that_is_granted_anew_covers_nothing_of_before(
        self, store: RecordStore
    ) -> None:
        for round_ in range(2):
            await store.commit([put(lease("shared"), f"lease{round_}")])
            await store.commit([put(record("a", "shared"), f"a{round_}")])
            await store.commit([remove(lease("shared"), f"x{round_}")])
        await store.commit([put(lease("shared"), "last"), put(record("b", "shared"), "b")])
        wanted = {key_of(lease("shared")), key_of(record("b"))}
        assert set(await stored(store)) == wanted
        if store.traits.shared:
            other = self.another(store)
            assert set(await stored(other)) == wanted
            await other.close()

    async def test_a_shared_lease_covers_who_joined_it_last_and_not_who_left(
        self, store: RecordStore
    ) -> None:
        await store.commit(
            [
                put(lease("shared"), "1"),
                put(lease("spare"), "2"),
                put(record("leaves", "shared"), "3"),
                put(record("stays", "shared"), "4"),
                put(record("moves", "shared"), "5"),
                put(record("joins", OWN), "6"),
                put(record("goes", "shared"), "7"),
            ]
        )
        await store.commit(
            [
                put(record("leaves", OWN), "8"),
                put(record("moves", "spare"), "9"),
                put(record("joins", "shared"), "10"),
                remove(record("goes"), "11"),
                put(record("goes", OWN), "12"),
            ]
        )
        await store.commit([remove(lease("shared"), "13")])
        records = {key[2] for key in await stored(store)} - {"spare"}
        assert records == {"leaves", "moves", "goes"}

    async def test_removing_a_record_leaves_its_shared_lease_and_the_others(
        self, store: RecordStore
    ) -> None:
        docs = [lease(), record("a", "shared"), record("b", "shared"), record("c", "shared")]
        await store.commit([put(doc, f"{i}") for i, doc in enumerate(docs)])
        await store.commit([remove(record("b"), "x")])
        assert {key[2] for key in await stored(store)} == {"shared", "a", "c"}
        await store.commit([remove(lease(), "y")])
        assert await stored(store) == {}

    async def test_what_was_removed_with_a_shared_lease_may_come_back(
        self, store: RecordStore
    ) -> None:
        docs = [lease(), record("a", "shared"), record("b", "shared")]
        await store.commit([put(doc, f"{i}") for i, doc in enumerate(docs)])
        await store.commit([remove(lease(), "x")])
        await store.commit([put(doc, f"again {i}", expect=0) for i, doc in enumerate(docs)])
        assert set(await stored(store)) == {key_of(doc) for doc in docs}

    async def test_a_snapshot_gives_shared_leases_before_the_records_that_they_cover(
        self, store: RecordStore
    ) -> None:
        joins = put(record("a", "shared"), "3")
        await store.commit([put(record("a", OWN), "1"), put(lease(), "2"), joins])
        assert [one.doc for one in (await store.open()).docs] == [lease(), record("a", "shared")]

    async def test_a_record_under_a_shared_lease_that_is_not_there_is_a_conflict(
        self, store: RecordStore
    ) -> None:
        await store.commit([put(lease(namespace="other"), "1"), put(record("moves", OWN), "2")])
        stray = [put(record("a", "shared"), "3"), put(record("moves", "shared"), "4")]
        assert await store.commit(stray) == [Conflict("3", 0), Conflict("4", 2)]
        await store.commit([put(lease(), "5"), put(record("a", "shared"), "6")])
        assert await store.commit([remove(lease(), "7"), put(record("a", "shared"), "8")]) != []
        assert {key[2] for key in await stored(store)} == {"shared", "moves"}

    async def test_a_lease_counts_as_renewed_by_the_write_that_granted_it(
        self, store: RecordStore, clock: FrozenClock
    ) -> None:
        granted = clock.now()
        await store.commit([put(record("a", OWN), "1"), put(lease(), "2")])
        clock.jump(10)
        await store.commit([put(record("a", OWN, name="new"), "3"), put(lease(), "4")])
        held = await stored(store)
        assert {one.renewed_at for one in held.values()} == {granted}

    async def test_a_lease_that_is_granted_anew_counts_as_renewed(
        self, store: RecordStore, clock: FrozenClock
    ) -> None:
        await store.commit([put(record("a", OWN), "1"), put(lease(), "2")])
        clock.jump(10)
        await store.commit([put(record("a", Grant(POLICY, 2)), "3"), put(lease(epoch=2), "4")])
        held = await stored(store)
        assert {one.renewed_at for one in held.values()} == {clock.now()}

    async def test_a_record_that_comes_back_has_nothing_of_its_old_renewals(
        self, store: RecordStore, clock: FrozenClock
    ) -> None:
        doc = record("a", OWN)
        await store.commit([put(doc, "1")])
        await store.renew([renewal(doc, clock.now() + 100)], clock.now())
        await store.commit([remove(doc, "2"), put(doc, "3")])
        assert (await stored(store))[key_of(doc)].renewed_at == clock.now()

    async def test_a_renewal_has_no_revision_and_makes_no_change(
        self, store: RecordStore, clock: FrozenClock
    ) -> None:
        docs = [record("a", OWN), lease()]
        await store.commit([put(doc, f"{i}") for i, doc in enumerate(docs)])
        clock.jump(10)
        await store.renew([renewal(doc, clock.now()) for doc in docs], clock.now())
        held = await stored(store)
        assert {one.renewed_at for one in held.values()} == {clock.now()}
        assert (await store.open()).revision == 2
        assert len(await store.changes(0)) == 2

    async def test_a_renewal_never_moves_the_last_one_back(
        self, store: RecordStore, clock: FrozenClock
    ) -> None:
        doc = record("a", OWN)
        await store.commit([put(doc, "1")])
        latest = clock.now() + 20
        await store.renew([renewal(doc, latest), renewal(doc, latest - 5)], clock.now())
        await store.renew([renewal(doc, latest - 1)], clock.now())
        assert (await stored(store))[key_of(doc)].renewed_at == latest

    async def test_renewals_of_leases_that_are_gone_are_passed_over(
        self, store: RecordStore, clock: FrozenClock
    ) -> None:
        doc = record("a", OWN)
        await store.commit([put(doc, "1")])
        later = clock.now() + 5
        nobody = [record("b"), lease(), lease("x", namespace="nowhere")]
        await store.renew([renewal(one, later) for one in [*nobody, doc]], clock.now())
        assert {key: one.renewed_at for key, one in (await stored(store)).items()} == {
            key_of(doc): later
        }

    async def test_a_renewal_of_a_record_without_a_lease_of_its_own_is_passed_over(
        self, store: RecordStore, clock: FrozenClock
    ) -> None:
        hold = Hold("default", "expiry", 1.0, 2.0, "many", 10, 20)
        docs = [lease(), record("covered", "shared"), record("permanent"), hold]
        await store.commit([put(doc, f"{i}") for i, doc in enumerate(docs)])
        await store.renew([renewal(doc, clock.now() + 5) for doc in docs[1:]], clock.now())
        held = await stored(store)
        assert {one.renewed_at for one in held.values()} == {clock.now()}

    async def test_a_covered_record_was_renewed_when_its_lease_was(
        self, store: RecordStore, clock: FrozenClock
    ) -> None:
        covered = record("a", "shared")
        await store.commit([put(lease(), "1"), put(covered, "2")])
        await store.renew([renewal(lease(), clock.now() + 7)], clock.now())
        assert (await stored(store))[key_of(covered)].renewed_at == clock.now() + 7

    async def test_an_expiry_conflicts_with_a_later_renewal(
        self, store: RecordStore, clock: FrozenClock
    ) -> None:
        docs = [record("a", OWN), lease()]
        await store.commit([put(doc, f"{i}") for i, doc in enumerate(docs)])
        known = clock.now() + 10
        await store.renew([renewal(doc, known + 1) for doc in docs], clock.now())
        late = [remove(doc, f"x{i}", unless_renewed_since=known) for i, doc in enumerate(docs)]
        assert await store.commit(late) == [
            Conflict("x0", 1, renewed=True),
            Conflict("x1", 2, renewed=True),
        ]

    async def test_an_expiry_that_knows_of_the_last_renewal_is_done(
        self, store: RecordStore, clock: FrozenClock
    ) -> None:
        docs = [record("renewed", OWN), record("granted", OWN), lease()]
        await store.commit([put(doc, f"{i}") for i, doc in enumerate(docs)])
        known = clock.now() + 10
        await store.renew([renewal(docs[0], known), renewal(docs[2], known)], clock.now())
        last = (known, clock.now(), known)
        outcomes = await store.commit(
            [
                remove(doc, f"x{i}", unless_renewed_since=since)
                for i, (doc, since) in enumerate(zip(docs, last, strict=True))
            ]
        )
        assert all(isinstance(outcome, Change) for outcome in outcomes)

    async def test_an_unexpected_revision_counts_before_a_later_renewal(
        self, store: RecordStore, clock: FrozenClock
    ) -> None:
        doc = record("a", OWN)
        await store.commit([put(doc, "1")])
        await store.renew([renewal(doc, clock.now() + 1)], clock.now())
        late = remove(doc, "x", expect=9, unless_renewed_since=clock.now())
        assert await store.commit([late]) == [Conflict("x", 1, renewed=False)]

    async def test_the_time_at_which_a_replica_was_up_only_goes_forward(
        self, store: RecordStore, clock: FrozenClock
    ) -> None:
        await store.renew([], clock.now() + 10)
        await store.renew([], clock.now() + 5)
        assert (await store.open()).alive_at == clock.now() + 10
