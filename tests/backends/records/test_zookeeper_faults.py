# SPDX-License-Identifier: Apache-2.0
"""What may go wrong around records in ZooKeeper, on a real server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from kazoo.client import KazooClient
from kazoo.security import make_acl

from rollcall.backends.records import zookeeper_messages as messages
from rollcall.backends.records.zookeeper import ZookeeperStore
from rollcall.backends.records.zookeeper_nodes import Paths
from rollcall.kernel.clock import SystemClock
from rollcall.kernel.errors import (
    InvalidInput,
    OutcomeUnknown,
    StoreUnavailable,
    Unavailable,
)
from rollcall.kernel.ids import RandomIds
from rollcall.registry.store import Change
from rollcall.testing.store_contract.case import (
    OWN,
    key_of,
    lease,
    put,
    record,
    remove,
    renewal,
    stored,
)
from support.servers.zookeeper import Zookeeper, below

pytestmark = pytest.mark.server

PATIENCE = 30.0
Make = Callable[[], ZookeeperStore]


async def test_a_thousand_small_writes_go_into_messages_that_the_server_takes(make: Make) -> None:
    store = make()
    await store.open()
    docs = [record(f"{'agent.' * 10}{number}", OWN, name='"' * 300) for number in range(1000)]
    outcomes = await store.commit([put(doc, f"op-{doc.id}") for doc in docs])
    assert [one.revision for one in outcomes if isinstance(one, Change)] == list(range(1, 1001))
    assert set(await stored(make_again := make())) == {key_of(doc) for doc in docs}
    assert len(await make_again.changes(0)) == 1000


async def test_the_longest_record_that_is_taken_goes_through(make: Make) -> None:
    store = make()
    await store.open()
    with pytest.raises(InvalidInput, match="too long"):
        await store.commit([put(record(name='"' * 260_000), "op")])
    (outcome,) = await store.commit([put(record(name='"' * 120_000), "op")])
    assert isinstance(outcome, Change)


def test_every_operation_is_counted_as_the_client_writes_it() -> None:
    client = KazooClient()
    operations = [
        ("create", "/a/ü", b"data"),
        ("create", "/a"),
        ("set_data", "/a", b"more", 3),
        ("delete", "/a/b"),
        ("check", "/a/b/c", 7),
    ]
    for name, *arguments in operations:
        transaction = client.transaction()
        getattr(transaction, name)(*arguments)
        (operation,) = transaction.operations
        assert messages.size((name, *arguments)) == 9 + len(operation.serialize())


async def test_after_a_long_outage_it_is_connected_again_within_seconds(
    own: Zookeeper, root: str
) -> None:
    clock = SystemClock()
    store = ZookeeperStore(own.hosts, root, clock, RandomIds())
    try:
        await store.open()
        await asyncio.to_thread(own.stop)
        await asyncio.sleep(6)
        await asyncio.to_thread(own.start)
        began = clock.monotonic()
        while True:
            try:
                await store.commit([put(record(), "op")])
                break
            except Unavailable:
                await asyncio.sleep(0.05)
        assert clock.monotonic() - began < 20
    finally:
        await store.close()


async def test_what_was_known_is_used_on_where_reading_anew_broke_off(
    make: Make, root: str, outside: KazooClient
) -> None:
    store = make()
    await store.open()
    await store.commit([put(record(str(n)), f"op-{n}") for n in range(20)])
    await store.compact(100)
    paths = Paths(root)
    place = paths.doc(key_of(record("3"))).rpartition("/")[0]
    other = next(one for one in paths.buckets(paths.docs) if one != place)
    outside.set_acls(other, [make_acl("world", "anyone", write=True, create=True, admin=True)])
    with pytest.raises(StoreUnavailable):
        await store.open()
    (outcome,) = await store.commit([put(record("3", name="another"), "op", expect=4)])
    assert isinstance(outcome, Change)


async def test_a_lease_over_more_records_than_fit_is_removed_in_one_change(make: Make) -> None:
    store, other = make(), make()
    await store.open()
    await other.open()
    await _fill(store, 4500)
    (gone,) = await store.commit([remove(lease(), "gone")])
    assert isinstance(gone, Change)
    assert [one.op for one in await other.changes(gone.revision - 1)] == ["gone"]
    assert await stored(make()) == {}
    # Names that were taken before can be used again, here and elsewhere.
    await other.commit([put(lease(), "lease-2"), put(record("1", "shared"), "again")])
    assert {key[2] for key in await stored(make())} == {"shared", "1"}
    assert {key[2] for key in await stored(store)} == {"shared", "1"}


async def test_a_removal_that_broke_off_is_seen_as_done_and_ended_by_the_next_writer(
    make: Make, root: str, outside: KazooClient
) -> None:
    store, other = make(), make()
    await store.open()
    await other.open()
    await _fill(store, 4500)
    gone = asyncio.create_task(store.commit([remove(lease(), "gone")]))
    # As a kill does it: after the first message the store sends no other.
    async with asyncio.timeout(PATIENCE):
        # Another process cannot set an event.
        while b'"shared"' not in outside.get(f"{root}/head")[0]:  # noqa: ASYNC110
            await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(gone, return_exceptions=True)
    assert _documents(outside, root) > 0, "it was too quick to be broken off"
    assert await stored(make()) == {}
    await other.commit([put(lease(), "lease-2"), put(record("7", "shared"), "again")])
    assert _documents(outside, root) == 2
    assert {key[2] for key in await stored(make())} == {"shared", "7"}


async def test_a_lease_that_came_back_has_nothing_of_what_it_covered_before(make: Make) -> None:
    store = make()
    await store.open()
    await store.commit([put(lease(), "1"), put(record("a", "shared"), "2")])
    await store.commit([remove(lease(), "3")])
    await store.commit([put(lease(), "4")])
    assert {key[2] for key in await stored(make())} == {"shared"}


async def test_what_has_landed_in_part_has_an_unknown_outcome(own: Zookeeper, root: str) -> None:
    store = ZookeeperStore(own.hosts, root, SystemClock(), RandomIds())
    try:
        await store.open()
        docs = [record(f"{n}", name="x" * 1000) for n in range(5000)]
        writes = [put(doc, f"op-{doc.id}") for doc in docs]
        writing = asyncio.create_task(store.commit(writes))
        await store.wait(0)
        await asyncio.to_thread(own.stop)
        with pytest.raises(OutcomeUnknown):
            await writing
        await asyncio.to_thread(own.start)
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    landed = await store.settle([one.op for one in writes])
                    break
                except StoreUnavailable:
                    await asyncio.sleep(0.05)
        assert 0 < len(landed) < len(docs)
        assert {one.doc.id for one in (await store.open()).docs} == {
            one.id for one in landed.values()
        }
    finally:
        await store.close()


async def test_a_part_that_is_refused_after_another_has_landed_leaves_the_outcome_unknown(
    make: Make, root: str, outside: KazooClient
) -> None:
    store = make()
    await store.open()
    docs = [record(str(n), name="x" * 1000) for n in range(1000)]
    paths = Paths(root)
    last = paths.doc(key_of(docs[-1])).rpartition("/")[0]
    outside.set_acls(last, [make_acl("world", "anyone", read=True, admin=True)])
    first = [doc for doc in docs if not paths.doc(key_of(doc)).startswith(last)]
    writes = [put(doc, f"op-{doc.id}") for doc in (*first, docs[-1])]
    with pytest.raises(OutcomeUnknown):
        await store.commit(writes)
    landed = await store.settle([one.op for one in writes])
    assert 0 < len(landed) < len(writes)
    with pytest.raises(StoreUnavailable):
        await store.commit(writes[-1:])


async def test_a_renewal_that_could_not_be_written_is_written_by_the_next_flush(
    own: Zookeeper,
    root: str,
) -> None:
    clock = SystemClock()
    store = ZookeeperStore(own.hosts, root, clock, RandomIds())
    try:
        await store.open()
        await store.commit([put(record("a", OWN), "op")])
        later = clock.now() + 5
        await asyncio.to_thread(own.freeze, on=True)
        try:
            with pytest.raises(StoreUnavailable):
                await store.renew([renewal(record("a", OWN), later)], later)
        finally:
            await asyncio.to_thread(own.freeze, on=False)
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    await store.renew([renewal(record("a", OWN), later)], later)
                    break
                except StoreUnavailable:
                    await asyncio.sleep(0.05)
        assert (await stored(store))[key_of(record("a", OWN))].renewed_at == later
    finally:
        await store.close()


async def test_a_renewal_that_the_server_refused_is_written_by_the_next_flush(
    make: Make, root: str, outside: KazooClient
) -> None:
    clock = SystemClock()
    store = make()
    await store.open()
    await store.commit([put(record("a", OWN), "op")])
    later = clock.now() + 5
    buckets = [path for path in below(outside, root) if "/renewals/" in path]
    for path in buckets:
        outside.set_acls(path, [make_acl("world", "anyone", read=True, admin=True)])
    with pytest.raises(StoreUnavailable):
        await store.renew([renewal(record("a", OWN), later)], later)
    assert (await store.open()).alive_at < later
    for path in buckets:
        outside.set_acls(path, [make_acl("world", "anyone", all=True)])
    await store.renew([renewal(record("a", OWN), later)], later)
    assert (await stored(make()))[key_of(record("a", OWN))].renewed_at == later


async def _fill(store: ZookeeperStore, count: int) -> None:
    await store.commit([put(lease(), "lease")])
    for start in range(0, count, 1000):
        some = range(start, min(count, start + 1000))
        await store.commit([put(record(str(n), "shared"), f"op-{n}") for n in some])


def _documents(outside: KazooClient, root: str) -> int:
    docs = f"{root}/docs"
    return sum(outside.get(f"{docs}/{name}")[1].numChildren for name in outside.get_children(docs))
