# SPDX-License-Identifier: Apache-2.0
"""The contract suite of record stores: every corner case that the port's text states.

    class TestMyStore(RecordStoreContract):
        def make_store(self, clock, ids, keep_changes):
            return MyStore(..., clock, ids, keep_changes)

        def another(self, store):
            return MyStore(<the same data>)

Needs pytest, pytest-asyncio in auto mode, and hypothesis.
"""

from __future__ import annotations

import pytest

# Before these modules are imported, or their assertions would not say what they compared.
pytest.register_assert_rewrite(
    *(f"{__name__}.{part}" for part in ("feed", "history", "leases", "writes"))
)

from rollcall.testing.store_contract.feed import Feed  # noqa: E402
from rollcall.testing.store_contract.history import Histories  # noqa: E402
from rollcall.testing.store_contract.leases import Leases  # noqa: E402
from rollcall.testing.store_contract.writes import Writes  # noqa: E402


class RecordStoreContract(Writes, Leases, Feed, Histories):
    """Derive a test class for your store from it; see the module's text."""
