# SPDX-License-Identifier: Apache-2.0
"""Facts in BigQuery: the official client against an emulator."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from rollcall.backends.facts.bigquery import BigqueryFactStore
from rollcall.backends.facts.bigquery_client import BigquerySettings
from rollcall.testing.fact_store_contract import FactStoreContract, Store
from support.servers.bigquery import PROJECT, Bigquery

pytestmark = pytest.mark.server


@pytest.fixture
def settings(bigquery: Bigquery, fresh_dataset: Callable[[], str]) -> BigquerySettings:
    """Those of a dataset that is not there yet."""
    return settings_of(bigquery, fresh_dataset())


def settings_of(bigquery: Bigquery, dataset: str, **given: Any) -> BigquerySettings:
    """Those of a dataset of the emulator."""
    common: dict[str, Any] = {"flush_seconds": 0, "timeout": 20, **given}
    return BigquerySettings(project=PROJECT, dataset=dataset, emulator=bigquery.url, **common)


class TestBigqueryFactStore(FactStoreContract):
    @pytest.fixture(autouse=True)
    def dataset(self, bigquery: Bigquery, fresh_dataset: Callable[[], str]) -> None:
        # The suite's revisions are up to nine days apart.
        self.settings = settings_of(bigquery, fresh_dataset(), revisions_apart=timedelta(days=10))

    async def make_store(self) -> Store:
        return BigqueryFactStore(self.settings)
