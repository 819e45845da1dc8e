# SPDX-License-Identifier: Apache-2.0
"""Which BigQuery a process has by its variables."""

from __future__ import annotations

import pytest

from rollcall.app.bigquery_settings import bigquery_of
from rollcall.app.settings import Settings
from rollcall.kernel.errors import InvalidInput


def test_facts_are_not_in_bigquery_where_nobody_says_so() -> None:
    assert bigquery_of(Settings.load({"BIGQUERY_DATASET_ID": "d"})) is None


def test_the_variables_of_document_4_say_which_one() -> None:
    settings = Settings.load(
        {
            "USE_BIGQUERY": "true",
            "GOOGLE_CLOUD_PROJECT_ID": "your-project",
            "BIGQUERY_DATASET_ID": "agenthub_dev",
            "GOOGLE_SERVICE_ACCOUNT_KEY": "a2V5",
            "BIGQUERY_MAXIMUM_BYTES_BILLED": "0",
        }
    )
    found = bigquery_of(settings)
    assert found is not None
    assert (found.project, found.dataset, found.key) == ("your-project", "agenthub_dev", "a2V5")
    assert found.maximum_bytes is None
    assert "a2V5" not in repr(found)
    assert "a2V5" not in repr(settings)


@pytest.mark.parametrize("name", ["", "a-b", "a.b", "d`; DROP", "日本"])
def test_a_dataset_that_cannot_be_called_so_is_refused(name: str) -> None:
    settings = Settings.load({"USE_BIGQUERY": "true", "BIGQUERY_DATASET_ID": name})
    with pytest.raises(InvalidInput, match="BIGQUERY_DATASET_ID"):
        bigquery_of(settings)
