# SPDX-License-Identifier: Apache-2.0
"""What ZooKeeper's messages and its outages do to a store: nothing that others do not say too."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import msgspec
import pytest
import pytest_asyncio

from rollcall.backends.records.zookeeper import ZookeeperStore
from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.ids import RandomIds
from rollcall.registry.models import Grant, LeasePolicy
from rollcall.registry.store import Change
from rollcall.testing.clock import FrozenClock
from rollcall.testing.store_contract.case import put, record, stored
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
