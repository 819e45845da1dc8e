# SPDX-License-Identifier: Apache-2.0
"""The index of messages on SQLite."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from rollcall.backends.messages import message_index
from rollcall.backends.messages.sqlite import SqliteMessageIndex
from rollcall.backends.sql.database import Database, dialect_of
from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.word_query import matches, parse
from rollcall.kernel.words import words
from rollcall.testing.message_index_contract import (
    EVERYTHING,
    Index,
    MessageIndexContract,
    add,
    message,
)
from rollcall.tools.messages.models import MAX_TEXT, Filters
from support.databases import sqlite_at


class TestSqliteMessageIndex(MessageIndexContract):
    @pytest_asyncio.fixture(autouse=True)
    async def databases(self, tmp_path: Path) -> AsyncIterator[None]:
        self.url = sqlite_at(tmp_path / "rollcall.db")
        self.database = Database(dialect_of(self.url))
        await self.database.open()
        yield
        await self.database.close()

    async def make_index(self) -> Index:
        return message_index(self.database, self.url)

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
    @given(
        said=st.lists(st.text(max_size=30), max_size=3),
        asked=st.text(min_size=1, max_size=30),
    )
    async def test_any_text_can_be_asked_for(self, said: list[str], asked: str) -> None:
        index = SqliteMessageIndex(self.database)
        texts = {one.replace("\0", " ") for one in (*said, asked)}
        async with self.database.begin() as work:
            await work.connection.execute(text("DELETE FROM messages"))
        await add(index, *(message(one) for one in texts))
        try:
            query = parse(asked)
        except InvalidInput:
            return
        hits = await index.search("default", query, EVERYTHING, limit=10)
        assert {hit.message.text for hit in hits} == {
            one for one in texts if matches([word.folded for word in words(one)], query)
        }

    async def test_a_search_asks_the_index_once_and_looks_messages_up_by_number(self) -> None:
        index = SqliteMessageIndex(self.database)
        await add(index, message("invoice"))
        statement = index.asked("default", parse("invoice"), Filters(conversation_id="c"), 10, 0)
        async with self.database.reading() as connection:
            compiled = statement.compile(
                connection.sync_engine, compile_kwargs={"literal_binds": True}
            )
            plan = await connection.execute(text(f"EXPLAIN QUERY PLAN {compiled}"))
            steps = [row.detail for row in plan]
        by_number = "SEARCH messages USING INTEGER PRIMARY KEY (rowid=?)"
        assert [one for one in steps if "MATERIALIZE" not in one and "ORDER BY" not in one] == [
            "SCAN message_words VIRTUAL TABLE INDEX 0:M1",
            *("SCAN found", by_number),
            *("SCAN best", by_number),
        ]

    async def test_the_index_of_words_is_what_the_messages_say(self) -> None:
        index = SqliteMessageIndex(self.database)
        said = [message(f"caf\u00e9 {n}", conversation_id="c") for n in range(50)]
        await add(index, *said)
        async with self.database.begin() as work:
            await work.connection.execute(text("DELETE FROM messages WHERE number % 3 = 0"))
            # Fails where the two differ.
            await work.connection.execute(
                text(
                    "INSERT INTO message_words (message_words, rank) VALUES ('integrity-check', 1)"
                )
            )

    async def test_the_longest_messages_can_be_kept(self) -> None:
        index = SqliteMessageIndex(self.database)
        worst = "".join(chr(0x20000 + n % 40_000) for n in range(MAX_TEXT))
        assert await add(index, message(worst, id="1"), message("\ufdfa " * 50_000, id="2")) == 2
