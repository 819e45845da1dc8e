# SPDX-License-Identifier: Apache-2.0
"""Rows of any store as a file in the format of Apache Parquet: DuckDB writes it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Column, MetaData, Table

from rollcall.analytics.models import Kind
from rollcall.analytics.ports import Row
from rollcall.analytics.queries import EXPORTED
from rollcall.analytics.tables import TABLES
from rollcall.backends.facts.duckdb import copy_to_parquet, create, insert_rows, pieces
from rollcall.backends.facts.duckdb_steps import InSteps
from rollcall.backends.facts.merging import Rows


async def parquet_of(kind: Kind, pages: AsyncIterator[Sequence[Row]]) -> AsyncIterator[bytes]:
    """The file, piece by piece.

    Args:
        kind: What the rows are of.
        pages: The rows, with the columns of `EXPORTED`.
    """
    import duckdb

    source = TABLES[kind]
    columns = (Column(name, source.c[name].type) for name in EXPORTED[kind])
    table = Table("exported", MetaData(), *columns)
    with TemporaryDirectory(prefix="rollcall-export-") as folder:
        # On the disk, so that an export of any length needs little memory.
        file, threads = Path(folder, "facts.parquet"), ThreadPoolExecutor(1, "facts-export")
        try:
            connection = await asyncio.to_thread(duckdb.connect, str(Path(folder, "rows.duckdb")))
            with InSteps(connection, threads) as steps:
                await steps.do(partial(connection.execute, create(table)))
                async for rows in pages:
                    await steps.do(partial(insert_rows, connection, Rows(table, rows)))
                every = "SELECT * FROM exported"
                await steps.do(partial(copy_to_parquet, connection, every, [], file))
        finally:
            # Before the folder goes, also where somebody has left in the middle of a step.
            await asyncio.to_thread(threads.shutdown)
        async for piece in pieces(file):
            yield piece
