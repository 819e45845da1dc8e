# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from rollcall.backends.sql.database import Database, dialect_of
from rollcall.testing.clock import FrozenClock
from support.dashboards import House


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest_asyncio.fixture
async def house(tmp_path: Path, clock: FrozenClock) -> AsyncIterator[House]:
    database = Database(dialect_of(f"sqlite:///{tmp_path}/rollcall.db"))
    await database.open()
    one = House(database, clock)
    yield one
    await one.changes.close()
    await one.gatherer.close()
    await database.close()
