# SPDX-License-Identifier: Apache-2.0
"""Records on a real ZooKeeper."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rollcall.backends.records.zookeeper import ZookeeperStore
from rollcall.kernel.clock import Clock
from rollcall.kernel.ids import IdSource
from rollcall.registry.store import RecordStore
from rollcall.testing.store_contract import RecordStoreContract
from support.servers.zookeeper import Zookeeper

pytestmark = pytest.mark.server


class TestZookeeperStore(RecordStoreContract):
    @pytest.fixture(autouse=True)
    def server(self, zookeeper: Zookeeper, fresh_root: Callable[[], str]) -> None:
        self.hosts, self.fresh = zookeeper.hosts, fresh_root

    def make_store(self, clock: Clock, ids: IdSource, keep_changes: int) -> ZookeeperStore:
        self.made = (self.hosts, self.fresh(), clock, ids, keep_changes)
        return ZookeeperStore(*self.made)

    def another(self, store: RecordStore) -> ZookeeperStore:
        return ZookeeperStore(*self.made)
