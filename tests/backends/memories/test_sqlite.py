# SPDX-License-Identifier: Apache-2.0
"""Memories on SQLite."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import text

from rollcall.backends.memories import memory_store
from rollcall.backends.memories.sqlite import SqliteMemoryStore
from rollcall.backends.sql.database import Database, dialect_of
from rollcall.kernel.word_query import parse
from rollcall.memory.models import Filters, Selection
from rollcall.testing.memory_store_contract import (
    ANNA,
    MemoryStoreContract,
    Store,
    add,
    memory,
)
from support.databases import sqlite_at


class TestSqliteMemoryStore(MemoryStoreContract):
    @pytest_asyncio.fixture(autouse=True)
    async def databases(self, tmp_path: Path) -> AsyncIterator[None]:
        self.url = sqlite_at(tmp_path / "rollcall.db")
        self.database = Database(dialect_of(self.url))
        await self.database.open()
        yield
        await self.database.close()

    async def make_store(self) -> Store:
        return memory_store(self.database, self.url)

    async def plan(self, statement: object) -> list[str]:
        async with self.database.reading() as connection:
            compiled = statement.compile(  # type: ignore[attr-defined]
                connection.sync_engine, compile_kwargs={"literal_binds": True}
            )
            rows = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}")
            return [row.detail for row in rows]

    async def test_words_are_looked_up_once_and_memories_by_number(self) -> None:
        store = SqliteMemoryStore(self.database)
        asked = store.asked("default", parse("tea"), Selection(filters=ANNA, now=0), 10)
        steps = await self.plan(asked)
        assert "SCAN memory_words VIRTUAL TABLE INDEX 0:M1" in steps
        assert "SEARCH memories USING INTEGER PRIMARY KEY (rowid=?)" in steps

    @pytest.mark.parametrize(
        ("filters", "index"),
        [
            (Filters(user_id="anna"), "ix_memories_user (namespace=? AND user_id=?)"),
            (Filters(agent_id="a"), "ix_memories_agent (namespace=? AND agent_id=?)"),
            (Filters(session_id="s"), "ix_memories_session (namespace=? AND session_id=?)"),
        ],
    )
    async def test_vectors_and_lists_are_read_by_scope(self, filters: Filters, index: str) -> None:
        store = SqliteMemoryStore(self.database)
        steps = await self.plan(
            store.compared("default", Selection(filters=filters, now=0), "a", 10)
        )
        assert steps == [
            f"SEARCH memories USING INDEX {index}",
            "SEARCH memory_vectors USING INTEGER PRIMARY KEY (rowid=?)",
        ]

    async def test_every_word_is_indexed_once_for_each_scope(self) -> None:
        store = SqliteMemoryStore(self.database)
        await add(store, memory("tea", filters=Filters("anna", "a", "s")))
        async with self.database.reading() as connection:
            terms = (await connection.execute(text("SELECT terms FROM memory_words"))).scalar_one()
        assert len(set(terms.split(" "))) == 4
        assert all(term[8:] == "tea" for term in terms.split(" "))

    async def test_the_index_of_words_is_in_order_after_all_kinds_of_changes(self) -> None:
        store = SqliteMemoryStore(self.database)
        await add(store, *(memory(f"tea {number}") for number in range(50)))
        async with store.begin() as work:
            await store.forget(work, "default", [memory(f"tea {n}").id for n in range(25)])
        await store.scrub()
        check = text("INSERT INTO memory_words (memory_words) VALUES ('integrity-check')")
        async with self.database.begin() as work:
            await work.connection.execute(check)
