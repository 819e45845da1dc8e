# SPDX-License-Identifier: Apache-2.0
"""The contract suite of fact stores: every corner case that the port's text states.

    class TestMyStore(FactStoreContract):
        async def make_store(self):
            return MyStore(...)

Needs pytest and pytest-asyncio in auto mode, and DuckDB to read what was exported.
"""

from __future__ import annotations

from rollcall.testing.fact_store_contract.answers import AnswersContract
from rollcall.testing.fact_store_contract.case import Store
from rollcall.testing.fact_store_contract.merging import MergingContract

__all__ = ["FactStoreContract", "Store"]


class FactStoreContract(MergingContract, AnswersContract):
    """Derive a test class for your store from it; see the module's text."""
