# SPDX-License-Identifier: Apache-2.0
"""Where facts are kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rollcall.analytics.ports import FactStore
from rollcall.backends.sql.database import Database

if TYPE_CHECKING:
    from rollcall.backends.facts.bigquery_client import BigquerySettings
    from rollcall.backends.facts.duckdb import DuckdbSettings


def fact_store(
    database: Database,
    url: str,
    file: Path | None,
    settings: DuckdbSettings | None = None,
    bigquery: BigquerySettings | None = None,
) -> FactStore:
    """BigQuery where that is asked for; else the fact store that goes with the services' database:
    its own tables on a server, or a DuckDB file in the data folder. Opened by whoever asked for it.

    Args:
        database: The services' database.
        url: The URL that it was made of.
        file: DuckDB's; None: facts are kept in memory.
        settings: What DuckDB may use.
        bigquery: Which BigQuery; None: none.

    Raises:
        MissingExtra: The driver of BigQuery is not installed.
    """
    if bigquery is not None:
        from rollcall.backends.facts.bigquery import BigqueryFactStore

        return BigqueryFactStore(bigquery)
    if url.startswith("postgresql:"):
        from rollcall.backends.facts.postgres import PostgresFactStore

        return PostgresFactStore(database)
    from rollcall.backends.facts.duckdb import DuckdbFactStore

    return DuckdbFactStore(file, settings)
