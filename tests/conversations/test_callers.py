# SPDX-License-Identifier: Apache-2.0
"""Who asked stays with a message, also where another process answers it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from rollcall.backends.sql.database import Database, dialect_of
from rollcall.conversations.options import ConversationOptions
from rollcall.conversations.repository import SqlTurnStore
from rollcall.conversations.service import ConversationService
from rollcall.kernel.clock import SystemClock
from rollcall.kernel.ids import RandomIds
from support.conversing import Parrot, ask
from support.databases import sqlite_at


@pytest_asyncio.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(dialect_of(sqlite_at(tmp_path / "x.db")))
    await database.open()
    yield database
    await database.close()


def process(database: Database, parrot: Parrot) -> ConversationService:
    options = ConversationOptions(shared=True, beat=0.02, silence=0.0)
    return ConversationService(SqlTurnStore(database), parrot, SystemClock(), RandomIds(), options)


async def test_whoever_answers_is_told_who_asks(database: Database) -> None:
    parrot = Parrot()
    service = process(database, parrot)
    await service.start()

    for owner in ("key:1", "jwt:bob"):
        await service.ended(await service.accept(ask("hello", owner=owner)))

    assert [one.caller for one in parrot.tasks] == ["key:1", "jwt:bob"]
    await service.stop()


async def test_a_process_that_takes_over_is_told_who_asked(database: Database) -> None:
    silent, parrot = Parrot(), Parrot()
    silent.gate("first")
    gone, heir = process(database, silent), process(database, parrot)
    await gone.accept(ask("first", owner="key:1"))
    second = await gone.accept(ask("second", owner="key:2"))
    await heir.start()
    looking = asyncio.create_task(heir.look_after())

    assert (await heir.ended(second)).owner == "key:2"
    assert [one.caller for one in parrot.tasks] == ["key:2"]
    looking.cancel()
    await heir.stop()
    await gone.stop()
