# SPDX-License-Identifier: Apache-2.0
"""The contract of the change log: reading, waiting, compaction, opening again."""

from __future__ import annotations

import asyncio

import pytest

from rollcall.kernel.errors import Compacted
from rollcall.kernel.ids import RandomIds
from rollcall.registry.models import Grant
from rollcall.registry.store import Change, RecordStore
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

PATIENCE = 30.0
"""Real seconds after which a test gives up on a store that does not wake it."""


async def write_some(store: RecordStore, count: int) -> list[Change]:
    """That many changes, of as many records, in one batch."""
    outcomes = await store.commit([put(record(f"{i}"), f"op-{i}") for i in range(count)])
    return [outcome for outcome in outcomes if isinstance(outcome, Change)]


class Feed(StoreCase):
    async def test_the_feed_gives_the_changes_above_a_revision_in_order(
        self, store: RecordStore
    ) -> None:
        done = await write_some(store, 5)
        assert await store.changes(0) == done
        assert await store.changes(2) == done[2:]
        assert await store.changes(5) == []

    async def test_the_feed_gives_at_most_as_many_as_asked_for(self, store: RecordStore) -> None:
        done = await write_some(store, 5)
        assert await store.changes(1, 2) == done[1:3]
        assert await store.changes(4, 2) == done[4:]

    async def test_the_feed_keeps_what_a_document_was_at_each_revision(
        self, store: RecordStore
    ) -> None:
        docs = [record("a"), record("a", name="new"), None]
        for i, doc in enumerate(docs):
            await store.commit([put(doc, f"{i}") if doc else remove(record("a"), f"{i}")])
        assert [change.doc for change in await store.changes(0)] == docs

    async def test_what_was_compacted_cannot_be_read_and_says_what_can(
        self, store: RecordStore
    ) -> None:
        done = await write_some(store, 6)
        await store.compact(4)
        with pytest.raises(Compacted) as caught:
            await store.changes(2)
        assert (caught.value.asked, caught.value.oldest) == (2, 4)
        assert await store.changes(3) == done[3:]

    async def test_documents_outlive_the_changes_that_made_them(self, store: RecordStore) -> None:
        await write_some(store, 6)
        await store.compact(6)
        assert len(await stored(store)) == 6
        (after,) = await store.commit([put(record("0"), "new", expect=1)])
        assert isinstance(after, Change)
        assert after.revision == 7

    async def test_operations_are_forgotten_with_their_changes(self, store: RecordStore) -> None:
        done = await write_some(store, 3)
        await store.compact(3)
        assert await store.settle(["op-0", "op-1", "op-2"]) == {"op-2": done[2]}
        (again,) = await store.commit([put(record("0"), "op-0")])
        assert isinstance(again, Change)
        assert again.revision == 4

    async def test_an_operation_done_again_after_it_was_forgotten_is_known(
        self, store: RecordStore
    ) -> None:
        # Both in one batch, of which the first half is forgotten.
        await store.commit([put(record("0"), "op-0"), put(record("1"), "op-1")])
        await store.compact(2)
        (again,) = await store.commit([put(record("0", name="new"), "op-0")])
        await store.close()
        store = self.another(store)
        await store.open()
        assert await store.settle(["op-0"]) == {"op-0": again}
        await store.close()

    async def test_compacting_beyond_the_ends_is_harmless(self, store: RecordStore) -> None:
        await write_some(store, 3)
        for before in (-5, 0, 1):
            await store.compact(before)
        assert len(await store.changes(0)) == 3
        await store.compact(100)
        await store.compact(2)
        assert await store.changes(3) == []
        (after,) = await store.commit([put(record("after"), "after")])
        assert await store.changes(3) == [after]

    async def test_the_log_forgets_by_itself_what_is_too_old(self, clock: FrozenClock) -> None:
        store = self.make_store(clock, RandomIds(), 20)
        await store.open()
        for i in range(100):
            await store.commit([put(record("a", name=f"{i}"), f"{i}")])
        kept = await store.changes(80)
        with pytest.raises(Compacted):
            await store.changes(50)
        forgotten = await store.settle(["0", "50", "99"])
        await store.close()
        assert [change.revision for change in kept] == list(range(81, 101))
        assert list(forgotten) == ["99"]

    async def test_waiting_for_what_is_there_already_returns_at_once(
        self, store: RecordStore
    ) -> None:
        await write_some(store, 2)
        await asyncio.wait_for(store.wait(1), PATIENCE)

    async def test_a_commit_wakes_all_who_wait(self, store: RecordStore) -> None:
        await write_some(store, 2)
        waiting = [asyncio.ensure_future(store.wait(2)) for _ in range(3)]
        cut_off = asyncio.ensure_future(store.wait(2))
        await asyncio.sleep(0)
        cut_off.cancel()
        await asyncio.wait({cut_off})
        assert not any(waiter.done() for waiter in waiting)
        await store.commit([put(record("more"), "more")])
        await asyncio.wait_for(asyncio.gather(*waiting), PATIENCE)

    async def test_a_cancelled_commit_wakes_those_who_wait_if_it_was_done(
        self, store: RecordStore
    ) -> None:
        waiting = asyncio.ensure_future(store.wait(0))
        commit = asyncio.ensure_future(store.commit([put(record("a"), "x")]))
        await asyncio.sleep(0)
        commit.cancel()
        await asyncio.wait({commit})
        if await store.settle(["x"]):
            await asyncio.wait_for(waiting, PATIENCE)
        waiting.cancel()
        await asyncio.wait({waiting})

    async def test_closing_wakes_those_who_wait(self, clock: FrozenClock) -> None:
        store = self.make_store(clock, RandomIds(), 100)
        await store.open()
        waiting = asyncio.ensure_future(store.wait(0))
        await asyncio.sleep(0)
        await store.close()
        await asyncio.wait({waiting}, timeout=PATIENCE)
        assert waiting.done()
        await asyncio.gather(waiting, return_exceptions=True)

    async def test_opening_again_reads_afresh(self, store: RecordStore, clock: FrozenClock) -> None:
        first = await store.open()
        await write_some(store, 2)
        clock.jump(5)
        second = await store.open()
        assert second.epoch == first.epoch
        assert (second.revision, second.now, len(second.docs)) == (2, clock.now(), 2)
        assert len(first.docs) == 0

    async def test_closing_twice_is_allowed(self, clock: FrozenClock) -> None:
        store = self.make_store(clock, RandomIds(), 100)
        await store.open()
        await store.close()
        await store.close()

    async def test_closing_what_was_never_opened_is_allowed(self, clock: FrozenClock) -> None:
        await self.make_store(clock, RandomIds(), 100).close()

    async def test_everything_is_there_when_the_store_is_opened_again(
        self, clock: FrozenClock
    ) -> None:
        store = self.make_store(clock, RandomIds(), 100)
        before = await store.open()
        docs = [lease(), record("a", "shared"), record("b", Grant(POLICY, 4)), record("c", OWN)]
        done = await store.commit([put(doc, f"{i}") for i, doc in enumerate(docs)])
        await store.renew([renewal(docs[2], clock.now() + 3)], clock.now() + 4)
        await store.compact(2)
        held = await stored(store)
        await store.close()
        store = self.another(store)
        after = await store.open()
        feed = await store.changes(1)
        (repeated,) = await store.commit([put(docs[1], "1", expect=0)])
        (written,) = await store.commit([remove(docs[1], "new", expect=2)])
        with pytest.raises(Compacted):
            await store.changes(0)
        await store.close()
        assert (after.epoch, after.revision) == (before.epoch, 4)
        assert after.alive_at == clock.now() + 4
        assert {key_of(one.doc): one for one in after.docs} == held
        assert feed == done[1:]
        assert repeated == done[1]
        assert isinstance(written, Change)
        assert written.revision == 5

    async def test_another_process_sees_the_writes_and_is_woken_by_them(
        self, store: RecordStore, clock: FrozenClock
    ) -> None:
        other = self.another(store) if store.traits.shared else store
        first = await other.open()
        waiting = asyncio.ensure_future(other.wait(first.revision))
        await asyncio.sleep(0)
        done = await write_some(store, 3)
        await asyncio.wait_for(waiting, PATIENCE)
        assert await other.changes(first.revision) == done
        (written,) = await other.commit([put(record("0", name="theirs"), "theirs", expect=1)])
        assert await store.changes(3) == [written]
        if other is not store:
            await other.close()
