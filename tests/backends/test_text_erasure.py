# SPDX-License-Identifier: Apache-2.0
"""What analytics knows of what somebody said goes with their memories."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from rollcall.analytics.models import Said
from rollcall.analytics.repository import SqlTexts
from rollcall.backends.memories import memory_store
from rollcall.backends.sql.database import Database, dialect_of
from rollcall.backends.text_erasure import TextErasure
from rollcall.kernel.clock import utc
from rollcall.kernel.ids import RandomIds
from rollcall.memory.service import MemoryService
from rollcall.testing.clock import FrozenClock

PLANTED = "quixotryzebra"
ANNA = {"user_id": "anna"}


@pytest_asyncio.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(dialect_of(f"sqlite:///{tmp_path}/rollcall.db"))
    await database.open()
    yield database
    await database.close()


def holding(folder: Path, word: str) -> list[str]:
    """The names of the files that hold a word."""
    return [one.name for one in folder.iterdir() if word.encode() in one.read_bytes()]


async def say(texts: SqlTexts, *said: Said) -> None:
    async with texts.begin() as work:
        await texts.add(work, said)


def said(id_: str, user_id: str) -> Said:
    return Said(
        namespace="default",
        conversation_id=id_,
        agent_id="agent_1",
        at=utc(1e9),
        session_id=f"of {user_id}",
        user_id=user_id,
        user_message=PLANTED,
        agent_response=PLANTED,
    )


async def test_a_persons_erasure_takes_the_texts_of_analytics_along(
    database: Database, tmp_path: Path
) -> None:
    texts = SqlTexts(database)
    url = f"sqlite:///{tmp_path}/rollcall.db"
    holder = TextErasure(texts)
    memories = MemoryService(
        memory_store(database, url), FrozenClock(), RandomIds(), holders=[holder]
    )
    await say(texts, said("c1", "anna"), said("c2", "anna"), said("c3", "bert"))
    dry = await memories.erase(ANNA, dry_run=True)
    assert dry.removed["analytics_texts"] == 2
    receipt = await memories.erase(ANNA)
    assert receipt.removed["analytics_texts"] == 2
    left = await texts.get("default", ["c1", "c2", "c3"])
    assert [one.user_message for one in left.values()] == [None, None, PLANTED]
    assert left["c1"].session_id is None
    # An event that is late brings nothing back.
    await say(texts, said("c1", "anna"))
    assert (await texts.get("default", ["c1"]))["c1"].user_message is None
    assert (await memories.erase(ANNA)).removed["analytics_texts"] == 0


async def test_nothing_of_it_stays_in_any_file(database: Database, tmp_path: Path) -> None:
    texts = SqlTexts(database)
    url = f"sqlite:///{tmp_path}/rollcall.db"
    memories = MemoryService(
        memory_store(database, url), FrozenClock(), RandomIds(), holders=[TextErasure(texts)]
    )
    await say(texts, *(said(f"c{number}", "anna") for number in range(300)))
    assert holding(tmp_path, PLANTED)
    assert (await memories.erase(ANNA)).scrubbed
    assert not holding(tmp_path, PLANTED)
