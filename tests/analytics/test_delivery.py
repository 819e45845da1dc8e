# SPDX-License-Identifier: Apache-2.0
"""Analytics behind the event log: what arrives is counted at once, and once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest_asyncio

from rollcall.analytics.feed import FACTS_GROUP
from rollcall.backends.eventlog.sql import SqlEventLog
from rollcall.backends.sql.database import Database
from rollcall.events.catalogue import TYPES
from rollcall.events.dispatcher import Dispatcher
from rollcall.events.envelope import Event
from rollcall.testing.clock import FrozenClock
from support.analysed import Analysis, both, told, used

KNOWN = {one.name for one in TYPES}


@pytest_asyncio.fixture
async def dispatcher(
    database: Database, analysis: Analysis, clock: FrozenClock
) -> AsyncIterator[Dispatcher[Any]]:
    wanted = [replace(one, types=one.types & KNOWN) for one in analysis.feed.subscriptions]
    dispatcher: Dispatcher[Any] = Dispatcher(SqlEventLog(database), clock, wanted)
    await dispatcher.start()
    yield dispatcher
    await dispatcher.stop()


async def publish(database: Database, *events: Event) -> None:
    async with database.begin() as work:
        work.publish(*events)


async def totals(analysis: Analysis) -> tuple[int, int]:
    reports = analysis.service.reports
    found = await reports.stats("default", await reports.period("default"))
    return found.total_conversations, found.total_tokens


async def test_what_is_told_is_counted_and_listed(
    database: Database, analysis: Analysis, dispatcher: Dispatcher[Any]
) -> None:
    await publish(database, *(event for number in range(300) for event in both(number)))
    await dispatcher.drained()
    assert await totals(analysis) == (300, 9000)
    listed, _ = await analysis.service.conversations("default", limit=3)
    assert {one.user_message is None for one in listed} == {False}


async def test_what_cannot_be_counted_is_parked_alone(
    database: Database, analysis: Analysis, dispatcher: Dispatcher[Any], clock: FrozenClock
) -> None:
    wrong = told("usage.recorded", "session 99", used(99, tokens_used=-1))
    await publish(database, *both(1), wrong, *both(2))
    for _ in range(20):
        await dispatcher.drained()
        await clock.advance(600)
    await dispatcher.drained()
    assert await totals(analysis) == (2, 60)
    parked = await dispatcher.parked(FACTS_GROUP)
    assert [held.event.id for held in parked] == [wrong.id]


async def test_events_that_are_told_again_after_a_crash_change_nothing(
    database: Database, analysis: Analysis, dispatcher: Dispatcher[Any], tmp_path: Path
) -> None:
    """One between the facts and the note that their events were handled."""
    events = [event for number in range(10) for event in both(number)]
    await publish(database, *events)
    await dispatcher.drained()
    before = await totals(analysis)
    await analysis.feed.count(events)
    assert await totals(analysis) == before == (10, 300)
    assert (tmp_path / "analytics.duckdb").is_file()
