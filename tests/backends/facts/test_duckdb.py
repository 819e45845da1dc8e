# SPDX-License-Identifier: Apache-2.0
"""Facts in DuckDB."""

from __future__ import annotations

from rollcall.backends.facts.duckdb import DuckdbFactStore
from rollcall.testing.fact_store_contract import FactStoreContract, Store


class TestDuckdbInMemory(FactStoreContract):
    async def make_store(self) -> Store:
        return DuckdbFactStore(None)
