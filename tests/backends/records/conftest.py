# SPDX-License-Identifier: Apache-2.0
"""Places in a real ZooKeeper for tests that look at its nodes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator

import pytest
import pytest_asyncio
from kazoo.client import KazooClient

from rollcall.backends.records.zookeeper import ZookeeperStore
from rollcall.kernel.clock import SystemClock
from rollcall.kernel.ids import RandomIds
from support.servers.zookeeper import Zookeeper

Make = Callable[[], ZookeeperStore]


@pytest.fixture
def root(fresh_root: Callable[[], str]) -> str:
    return fresh_root()


@pytest_asyncio.fixture
async def make(zookeeper: Zookeeper, root: str) -> AsyncIterator[Make]:
    """Makes stores on one root."""
    made: list[ZookeeperStore] = []

    def one() -> ZookeeperStore:
        made.append(ZookeeperStore(zookeeper.hosts, root, SystemClock(), RandomIds()))
        return made[-1]

    yield one
    for store in made:
        await store.close()


@pytest.fixture(scope="module")
def own() -> Iterator[Zookeeper]:
    """A server that is stopped and frozen."""
    server = Zookeeper()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
def outside(zookeeper: Zookeeper) -> Iterator[KazooClient]:
    """A client of somebody else."""
    client = KazooClient(hosts=zookeeper.hosts)
    client.start()
    yield client
    client.stop()
    client.close()
