# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import tracemalloc

from rollcall.backends.records.inmemory import InMemoryStore
from rollcall.kernel.clock import Clock
from rollcall.kernel.ids import IdSource, RandomIds
from rollcall.registry.models import Grant, Kind, LeasePolicy, Record, Table
from rollcall.registry.status import Status
from rollcall.registry.store import Write
from rollcall.testing.clock import FrozenClock
from rollcall.testing.store_contract import RecordStoreContract

GRANT = Grant(LeasePolicy(60))


class TestInMemoryStore(RecordStoreContract):
    def make_store(self, clock: Clock, ids: IdSource, keep_changes: int) -> InMemoryStore:
        return InMemoryStore(clock, ids, keep_changes)


def put(number: int, lease: Grant | str = GRANT) -> Write:
    key = f"agent-{number}"
    doc = Record("default", key, Kind.AGENT, "an agent", Status.ACTIVE, 1.0, 2.0, lease=lease)
    return Write(f"op-{number}", "test", Table.RECORD, "default", key, doc)


async def test_closing_leaves_the_documents_to_the_others_that_share_the_store() -> None:
    store = InMemoryStore(FrozenClock(), RandomIds())
    await store.open()
    await store.commit([put(1)])
    await store.close()
    await store.commit([put(2)])
    assert len((await store.open()).docs) == 2


async def test_a_large_fleet_takes_little_memory_beside_its_documents() -> None:
    for lease in (GRANT, "shared"):
        writes = [put(number, lease) for number in range(50_000)]
        tracemalloc.start()
        store = InMemoryStore(FrozenClock(), RandomIds(), keep_changes=100)
        for write in writes:
            await store.commit([write])
        used, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert used / len(writes) < 110


async def test_records_that_come_and_go_use_the_same_memory_again() -> None:
    store = InMemoryStore(FrozenClock(), RandomIds(), keep_changes=100)

    async def come_and_go(round_: int) -> None:
        for number in range(1000):
            write = put(number, "shared")
            key = ("test", Table.RECORD, "default", write.id)
            await store.commit(
                [
                    Write(f"{round_}+{number}", *key, write.doc),
                    Write(f"{round_}-{number}", *key, None),
                ]
            )

    await come_and_go(0)
    tracemalloc.start()
    await come_and_go(1)
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # What is left is the hundred changes of the log, not a thousand records.
    assert used < 100_000


def test_a_store_may_be_waited_for_in_one_loop_after_another() -> None:
    store = InMemoryStore(FrozenClock(), RandomIds())

    async def wait_for(number: int) -> None:
        waiting = asyncio.ensure_future(store.wait(number - 1))
        await asyncio.sleep(0)
        await store.commit([put(number)])
        await waiting

    asyncio.run(wait_for(1))
    asyncio.run(wait_for(2))
