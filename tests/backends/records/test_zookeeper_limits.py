# SPDX-License-Identifier: Apache-2.0
"""What ZooKeeper's messages and its outages do to a store: nothing that others do not say too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import msgspec
import pytest
import pytest_asyncio
from kazoo.client import KazooClient

from rollcall.backends.records import zookeeper_nodes as nodes
from rollcall.backends.records.zookeeper import ZookeeperStore
from rollcall.kernel.errors import Compacted, InvalidInput, StoreUnavailable
from rollcall.kernel.ids import RandomIds
from rollcall.registry.models import Grant, LeasePolicy
from rollcall.registry.store import Change
from rollcall.testing.clock import FrozenClock
from rollcall.testing.store_contract.case import key_of, lease, put, record, remove, renewal, stored
from support.servers.zookeeper import Zookeeper

pytestmark = pytest.mark.server

OWN = Grant(LeasePolicy(offline_after=60))


@pytest.fixture
def make(zookeeper: Zookeeper, fresh_root: Callable[[], str]) -> Callable[[], ZookeeperStore]:
    """Stores on one root."""
    root, clock = fresh_root(), FrozenClock()
    return lambda: ZookeeperStore(zookeeper.hosts, root, clock, RandomIds())


@pytest_asyncio.fixture
async def store(make: Callable[[], ZookeeperStore]) -> AsyncIterator[ZookeeperStore]:
    made = make()
    await made.open()
    yield made
    await made.close()


@pytest.mark.parametrize("metadata", [None, {"quoted": '"' * 1_000}, {"long": "x" * 5_000}])
async def test_a_thousand_writes_at_once_land(
    store: ZookeeperStore, metadata: dict[str, str] | None
) -> None:
    writes = [
        put(msgspec.structs.replace(record(f"r{n}"), metadata=metadata), f"op{n}")
        for n in range(1_000)
    ]
    outcomes = await store.commit(writes)
    assert [one.revision for one in outcomes if isinstance(one, Change)] == list(range(1, 1_001))
    assert len(await stored(store)) == 1_000


async def test_a_document_too_long_for_a_message_is_refused_and_nothing_written(
    store: ZookeeperStore,
) -> None:
    quotes = msgspec.structs.replace(record("b"), metadata={"x": '"' * 300_000})
    with pytest.raises(InvalidInput, match="too long for ZooKeeper"):
        await store.commit([put(record("a"), "1"), put(quotes, "2")])
    assert await stored(store) == {}


async def test_a_shared_lease_covers_no_more_than_can_be_removed_at_once(
    store: ZookeeperStore,
) -> None:
    await store.commit([put(lease("pod"), "lease")])
    # Each of these characters is six in the name of a node.
    keys = [f"{n:03}" + "é" * 200 for n in range(1_000)]
    weight = store._paths.weight(key_of(record(keys[0])))  # pyright: ignore[reportPrivateUsage]
    fitting = nodes.COVERED // weight + 1
    for start in range(0, fitting, 50):
        some = keys[start : min(start + 50, fitting)]
        await store.commit([put(record(key, "pod"), key[:3]) for key in some])
    with pytest.raises(InvalidInput, match="covers as many records"):
        await store.commit([put(record("more", "pod"), "more")])
    assert len(await stored(store)) == fitting + 1
    (again,) = await store.commit([put(record(keys[0], "pod"), "again")])
    assert isinstance(again, Change)
    (gone,) = await store.commit([remove(lease("pod"), "gone")])
    assert isinstance(gone, Change)
    assert await stored(store) == {}
    await store.commit([put(lease("pod"), "anew"), put(record("a", "pod"), "a")])
    assert len(await stored(store)) == 2


async def test_a_root_that_was_made_anew_is_read_anew(
    make: Callable[[], ZookeeperStore], store: ZookeeperStore, zookeeper: Zookeeper
) -> None:
    await store.commit([put(record(f"old{n}"), f"old{n}") for n in range(3)])
    await store.commit([put(record("old"), "old")])
    client = KazooClient(hosts=zookeeper.hosts)
    await asyncio.to_thread(client.start, 10)
    await asyncio.to_thread(client.delete, store._paths.root, recursive=True)  # pyright: ignore[reportPrivateUsage]
    await asyncio.to_thread(client.stop)
    await asyncio.to_thread(client.close)
    other = make()
    await other.open()
    await other.commit([put(record("new"), "new")])
    with pytest.raises(Compacted):
        await store.changes(4)
    with pytest.raises(StoreUnavailable, match="fallen behind"):
        await store.commit([put(record("more"), "more")])
    assert {key[2] for key in await stored(store)} == {"new"}
    await store.commit([put(record("more"), "more")])
    assert {key[2] for key in await stored(other)} == {"new", "more"}
    await other.close()


async def test_a_renewal_that_could_not_be_written_is_written_the_next_time(
    make: Callable[[], ZookeeperStore], store: ZookeeperStore, zookeeper: Zookeeper
) -> None:
    one = record("a", OWN)
    await store.commit([put(one, "1")])
    later = [renewal(one, 1_750_000_100.0)]
    zookeeper.freeze(on=True)
    try:
        with pytest.raises(StoreUnavailable):
            await store.renew(later, 1_750_000_100.0)
    finally:
        zookeeper.freeze(on=False)
    await _back(store)
    await store.renew(later, 1_750_000_100.0)
    other = make()
    (kept,) = (await stored(other)).values()
    assert kept.renewed_at == 1_750_000_100.0
    await other.close()


async def test_a_store_that_could_not_be_read_anew_is_as_it_was(
    store: ZookeeperStore, zookeeper: Zookeeper
) -> None:
    await store.commit([put(record("a"), "1")])
    zookeeper.freeze(on=True)
    try:
        with pytest.raises(StoreUnavailable):
            await store.open()
    finally:
        zookeeper.freeze(on=False)
    await _back(store)
    (outcome,) = await store.commit([put(record("a"), "2", expect=1)])
    assert isinstance(outcome, Change)


async def _back(store: ZookeeperStore) -> None:
    """Return once the server answers again."""
    while True:
        try:
            await store.changes(0)
        except StoreUnavailable:
            await asyncio.sleep(0.05)
        else:
            return
