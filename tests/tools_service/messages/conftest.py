# SPDX-License-Identifier: Apache-2.0
"""A search over an index in a SQLite file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from rollcall.backends.messages.sqlite import SqliteMessageIndex
from rollcall.backends.sql.database import Database, dialect_of
from rollcall.tools.messages.service import MessageSearch
from support.databases import sqlite_at


@pytest_asyncio.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(dialect_of(sqlite_at(tmp_path / "rollcall.db")))
    await database.open()
    yield database
    await database.close()


@pytest.fixture
def index(database: Database) -> SqliteMessageIndex:
    return SqliteMessageIndex(database)


@pytest.fixture
def messages(index: SqliteMessageIndex) -> MessageSearch:
    return MessageSearch(index)
