# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import text

from rollcall.backends.sql.database import Database
from rollcall.backends.sql.sqlite_link import FIRST, Link, connected

NUMBERS = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count)"
    " SELECT i FROM n WHERE i <= :count"
)
INSERTED = f"INSERT INTO things {NUMBERS} RETURNING i"
COUNTS = (0, 1, FIRST - 1, FIRST, FIRST + 1, 2 * FIRST, 2 * FIRST + 500)


class Counting(Link):
    """Counts how often it goes to its thread."""

    turns = 0

    async def turn(self, *given: Any, **named: Any) -> Any:
        self.turns += 1
        return await super().turn(*given, **named)


@pytest_asyncio.fixture
async def link(tmp_path: Path) -> AsyncIterator[Counting]:
    link = await Counting(partial(sqlite3.connect, tmp_path / "a.db", isolation_level=None), FIRST)
    assert isinstance(link, Counting)
    yield link
    await link.close()


async def rows_of(link: Link, sql: str, *given: object) -> list[Any]:
    cursor = link.cursor()
    await cursor.execute(sql, given)
    rows = await cursor.fetchall()
    await cursor.close()
    return rows


async def test_a_statement_goes_to_the_thread_once(link: Counting) -> None:
    await rows_of(link, "CREATE TABLE things (i INTEGER)")
    cursor = link.cursor()
    await cursor.executemany("INSERT INTO things VALUES (?)", [(1,), (2,), (3,)])
    assert (cursor.rowcount, cursor.description) == (3, None)
    assert await rows_of(link, "SELECT i FROM things") == [(1,), (2,), (3,)]
    assert link.turns == 3


@pytest.mark.parametrize("count", COUNTS)
async def test_all_rows_come_in_their_order_however_many_there_are(
    database: Database, count: int
) -> None:
    expected = list(range(1, count + 1))
    async with database.reading() as connection:
        found = await connection.scalars(text(NUMBERS), {"count": count})
        assert found.all() == expected


@pytest.mark.parametrize("count", COUNTS)
async def test_rows_can_be_had_page_by_page(database: Database, count: int) -> None:
    async with (
        database.reading() as connection,
        connection.stream(text(NUMBERS), {"count": count}) as found,
    ):
        pages = [page async for page in found.scalars().partitions(300)]
    assert [i for page in pages for i in page] == list(range(1, count + 1))
    assert all(len(page) == 300 for page in pages[:-1])


@pytest.mark.parametrize("turns", range(6))
async def test_after_a_statement_that_was_cancelled_it_rolls_back_and_goes_on(
    tmp_path: Path, turns: int
) -> None:
    link = await connected(tmp_path / "a.db", 1.0)
    await rows_of(link, "CREATE TABLE things (i INTEGER)")
    await rows_of(link, "BEGIN IMMEDIATE")
    writing = asyncio.ensure_future(rows_of(link, INSERTED.replace(":count", "?1"), 3 * FIRST))
    for _ in range(turns):
        await asyncio.sleep(0)
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)

    await link.rollback()
    assert await rows_of(link, "SELECT count(*) FROM things") == [(0,)]
    await rows_of(link, "BEGIN IMMEDIATE")
    assert len(await rows_of(link, INSERTED.replace(":count", "?1"), 2 * FIRST)) == 2 * FIRST
    await link.commit()
    assert await rows_of(link, "SELECT count(*) FROM things") == [(2 * FIRST,)]
    await link.close()


async def test_what_is_wrong_with_a_statement_is_told_and_the_next_one_goes_on(
    link: Counting,
) -> None:
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        await rows_of(link, "SELECT * FROM nowhere")
    assert await rows_of(link, "SELECT 1") == [(1,)]
