# SPDX-License-Identifier: Apache-2.0
"""Records on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rollcall.backends.records.postgres import PostgresStore
from rollcall.kernel.clock import Clock
from rollcall.kernel.ids import IdSource
from rollcall.registry.store import RecordStore
from rollcall.testing.store_contract import RecordStoreContract

pytestmark = pytest.mark.server


class TestPostgresStore(RecordStoreContract):
    @pytest.fixture(autouse=True)
    def databases(self, fresh_database: Callable[[], str]) -> None:
        self.fresh = fresh_database

    def make_store(self, clock: Clock, ids: IdSource, keep_changes: int) -> PostgresStore:
        self.made = (self.fresh(), clock, ids, keep_changes)
        return PostgresStore(*self.made)

    def another(self, store: RecordStore) -> PostgresStore:
        return PostgresStore(*self.made)
