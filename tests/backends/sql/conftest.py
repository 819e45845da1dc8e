# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from rollcall.backends.sql.database import Database, dialect_of
from support.databases import sqlite_at


@pytest.fixture
def url(tmp_path: Path) -> str:
    return sqlite_at(tmp_path / "data/rollcall.db")


@pytest_asyncio.fixture
async def database(url: str) -> AsyncIterator[Database]:
    database = Database(dialect_of(url))
    await database.open()
    yield database
    await database.close()
