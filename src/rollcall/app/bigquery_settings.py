# SPDX-License-Identifier: Apache-2.0
"""The variables of facts in BigQuery, called as document 4 and Google's client call them."""

from __future__ import annotations

from typing import Any

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings

from rollcall.backends.facts.bigquery_client import BigquerySettings
from rollcall.kernel.errors import InvalidInput


def _variable(name: str, default: Any, about: str, **bounds: Any) -> Any:
    return Field(default=default, validation_alias=name, description=about, **bounds)


class BigqueryVariables(BaseSettings):
    """Whether facts are in BigQuery, in which, and what that may cost."""

    use_bigquery: bool = _variable(
        "USE_BIGQUERY", False, "Whether facts are kept in BigQuery (extra `bigquery`)"
    )
    bigquery_project: str = _variable(
        "GOOGLE_CLOUD_PROJECT_ID", "", "Google Cloud's project; empty: the one of the credentials"
    )
    bigquery_dataset: str = _variable(
        "BIGQUERY_DATASET_ID", "rollcall", "The dataset, made where it is not there"
    )
    bigquery_key: SecretStr | None = _variable(
        "GOOGLE_SERVICE_ACCOUNT_KEY",
        None,
        "Base64 of a service account's key file; empty: application default credentials",
    )
    bigquery_emulator: str = _variable(
        "BIGQUERY_EMULATOR_HOST", "", "Address of an emulator, which wants no credentials"
    )
    bigquery_location: str = _variable(
        "BIGQUERY_LOCATION", "", "Where a dataset is made, such as EU; empty: as Google says"
    )
    bigquery_flush_seconds: float = _variable(
        "BIGQUERY_FLUSH_SECONDS", 1.0, "How long facts wait to be written together", ge=0, le=60
    )
    bigquery_flush_facts: int = _variable(
        "BIGQUERY_FLUSH_FACTS", 2_000, "How many facts do not wait any longer", ge=1, le=10_000
    )
    bigquery_maximum_bytes: int = _variable(
        "BIGQUERY_MAXIMUM_BYTES_BILLED",
        100_000_000_000,
        "What one question may read at most, or is refused; 0: any number",
        ge=0,
    )


def bigquery_of(settings: BigqueryVariables) -> BigquerySettings | None:
    """Which BigQuery facts are kept in; None: in none.

    Raises:
        InvalidInput: The dataset cannot be called so.
    """
    if not settings.use_bigquery:
        return None
    dataset, key = settings.bigquery_dataset, settings.bigquery_key
    if not (dataset.isascii() and dataset.replace("_", "a").isalnum()):
        raise InvalidInput("BIGQUERY_DATASET_ID", "must be of letters, digits and underscores")
    return BigquerySettings(
        project=settings.bigquery_project,
        dataset=dataset,
        key="" if key is None else key.get_secret_value(),
        emulator=settings.bigquery_emulator,
        location=settings.bigquery_location,
        flush_seconds=settings.bigquery_flush_seconds,
        flush_facts=settings.bigquery_flush_facts,
        maximum_bytes=settings.bigquery_maximum_bytes or None,
    )
