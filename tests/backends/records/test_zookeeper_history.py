# SPDX-License-Identifier: Apache-2.0
"""Records in ZooKeeper whose root or data are replaced under a running registry."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from kazoo.client import KazooClient

from rollcall.backends.records.zookeeper import ZookeeperStore
from rollcall.kernel.clock import SystemClock
from rollcall.kernel.errors import (
    Compacted,
    StoreUnavailable,
)
from rollcall.kernel.ids import RandomIds
from rollcall.registry.store import Change
from rollcall.testing.store_contract.case import (
    put,
    record,
)
from support.servers.zookeeper import Zookeeper, below

pytestmark = pytest.mark.server

PATIENCE = 30.0
Make = Callable[[], ZookeeperStore]


async def test_a_root_that_was_made_anew_is_another_history(
    make: Make, root: str, outside: KazooClient
) -> None:
    first, second = make(), make()
    old = await first.open()
    await first.commit([put(record(str(n)), f"op-{n}") for n in range(5)])
    outside.delete(root, recursive=True)
    begun = await second.open()
    assert begun.epoch != old.epoch
    # The same version of the head as the first one knows: its writes must not land here.
    await second.commit([put(record("new"), "op-new")])
    with pytest.raises(StoreUnavailable):
        await first.commit([put(record("old"), "op-old")])
    await asyncio.wait_for(first.wait(5), PATIENCE)
    with pytest.raises(Compacted):
        await asyncio.wait_for(first.changes(5), PATIENCE)
    again = await first.open()
    assert (again.epoch, again.revision) == (begun.epoch, 1)
    assert [one.doc.id for one in again.docs] == ["new"]


async def test_a_root_that_is_gone_is_made_anew(
    make: Make, root: str, outside: KazooClient
) -> None:
    store = make()
    old = await store.open()
    await store.commit([put(record(), "op")])
    outside.delete(root, recursive=True)
    await asyncio.wait_for(store.wait(1), PATIENCE)
    with pytest.raises(Compacted):
        await store.changes(1)
    again = await store.open()
    assert again.epoch != old.epoch
    assert list(again.docs) == []
    assert isinstance((await store.commit([put(record(), "op")]))[0], Change)


async def test_data_that_were_put_back_begin_another_history(
    make: Make, root: str, outside: KazooClient
) -> None:
    store, other = make(), make()
    old = await store.open()
    await store.commit([put(record("kept"), "op-1")])
    kept = {path: outside.get(path)[0] for path in below(outside, root) if "/changes/" not in path}
    await store.commit([put(record("lost"), "op-2")])
    await store.compact(10)
    await other.open()
    outside.delete(root, recursive=True)
    for path, data in kept.items():
        outside.create(path, data)
    # As in a copy of the data that is older, the version is smaller and the epoch the same.
    head = outside.get(f"{root}/head")[0].replace(b'"compacted":0', b'"compacted":1')
    outside.set(f"{root}/head", head)
    for one in (store, other):
        with pytest.raises(Compacted):
            await one.changes(2)
    again = await store.open()
    assert again.epoch != old.epoch
    assert [one.doc.id for one in again.docs] == ["kept"]
    assert (await other.open()).epoch == again.epoch


async def test_a_server_with_other_data_is_taken_again(
    own: Zookeeper,
    root: str,
) -> None:
    store = ZookeeperStore(own.hosts, root, SystemClock(), RandomIds())
    try:
        old = await store.open()
        await store.commit([put(record(str(n)), f"op-{n}") for n in range(5)])
        await asyncio.to_thread(own.stop)
        own.wipe()
        await asyncio.to_thread(own.start)
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    await store.wait(5)
                    await store.changes(5)
                except Compacted:
                    break
                except StoreUnavailable:
                    await asyncio.sleep(0.05)
        assert (await store.open()).epoch != old.epoch
    finally:
        await store.close()
