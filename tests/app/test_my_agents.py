# SPDX-License-Identifier: Apache-2.0
"""What my agents ask of analytics and billing: in how many questions, and what is no answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
import pytest_asyncio

from rollcall.agents.mine.errors import NotAnswering
from rollcall.agents.mine.models import Performance
from rollcall.app.my_agents import PATIENCE, AskedFigures
from rollcall.backends.facts import fact_store
from rollcall.backends.sql.database import Database, dialect_of
from rollcall.billing.metering import Told as ToldUsage
from rollcall.billing.models import UsageInput
from rollcall.dashboard.models import Question, Said
from rollcall.dashboard.ports import NotAnswered, NotHere
from rollcall.kernel.caller import Caller
from rollcall.kernel.ids import RandomIds
from rollcall.testing.clock import FrozenClock
from rollcall.web.limits import Limits
from support.analysed import AT, Analysis, both, told
from support.billing import app_of, record, service_of
from support.databases import sqlite_at
from support.owned import ANNA, OVERVIEW


class Answering:
    """Services that answer as a test says, and remember what they were asked."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.asked: list[Question] = []

    async def get(self, caller: Caller, question: Question) -> Said:
        assert caller is ANNA
        self.asked.append(question)
        if isinstance(self.answer, Exception):
            raise self.answer
        if self.answer is None:
            await asyncio.Event().wait()
        return self.answer


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(AT.timestamp())


async def test_one_question_is_asked_for_a_page_of_any_size(clock: FrozenClock) -> None:
    services = Answering(Said(200, []))
    ids = RandomIds()
    for count in (1, 50, 200):
        services.asked.clear()
        drawn = [f"agent_{ids.hex(16)}" for _ in range(count)]
        assert await AskedFigures(services, clock).performance(ANNA, drawn, 30) == {}
        (question,) = services.asked
        assert [value for name, value in question.params if name == "agent_ids"] == drawn
        assert ("limit", str(count)) in question.params


async def test_ids_that_one_url_does_not_hold_are_asked_for_in_several(clock: FrozenClock) -> None:
    services = Answering(Said(200, []))
    long = [f"{number:03}{'ä' * 125}" for number in range(200)]
    await AskedFigures(services, clock).performance(ANNA, long, 30)
    assert 1 < len(services.asked) < len(long)
    named = [value for one in services.asked for name, value in one.params if name == "agent_ids"]
    assert named == long
    longest = max(len(one.path) + len(urlencode(one.params)) for one in services.asked)
    assert longest < Limits().url_bytes


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (NotHere(), "runs nowhere"),
        (NotAnswered("does not answer"), "does not answer"),
        (Said(500, None), "answered 500"),
        (Said(403, {}), "answered 403"),
        (Said(200, {"data": True}), "answers something else"),
        (Said(200, [1]), "answers something else"),
        (Said(200, None), "answers something else"),
    ],
)
async def test_what_is_no_answer_is_named(answer: Any, problem: str, clock: FrozenClock) -> None:
    figures = AskedFigures(Answering(answer), clock)
    for service, question in (
        ("analytics", figures.performance(ANNA, ["a"], 30)),
        ("analytics", figures.detail(ANNA, "a", 30)),
        ("analytics", figures.overview(ANNA, 30)),
        ("billing", figures.usage(ANNA, "a", "2026-03-01", "2026-03-28")),
    ):
        with pytest.raises(NotAnswering) as missing:
            await question
        assert (missing.value.lack.service, missing.value.lack.problem) == (service, problem)


async def test_a_service_that_hangs_is_given_up_on(clock: FrozenClock) -> None:
    asking = asyncio.create_task(AskedFigures(Answering(None), clock).performance(ANNA, ["a"], 30))
    await clock.advance(PATIENCE)
    with pytest.raises(NotAnswering, match="gives no answer within 2 s"):
        await asking


class Asking:
    """Analytics and billing, by their own applications."""

    def __init__(self, **http: httpx.AsyncClient) -> None:
        self.http = http

    async def get(self, caller: Caller, question: Question) -> Said:
        answer = await self.http[question.service].get(question.path, params=question.params)
        return Said(answer.status_code, answer.json())


@pytest_asyncio.fixture
async def real(tmp_path: Path, clock: FrozenClock) -> AsyncIterator[AskedFigures]:
    """Of two agents: `agent_1` has talked twice and used twice, `quiet` did nothing."""
    async with AsyncExitStack() as stack:
        url = sqlite_at(tmp_path / "x.db")
        database = Database(dialect_of(url))
        await database.open()
        stack.push_async_callback(database.close)
        store = fact_store(database, url, tmp_path / "analytics.duckdb")
        await store.open()
        stack.push_async_callback(store.close)
        analysis = Analysis(store, database, clock)
        made = told("agent.created", "quiet", {"agent_id": "quiet", "name": "Quiet"})
        await analysis.tell(*both(1), *both(2, AT - timedelta(days=2)), made)
        billing = service_of(database, clock)
        for number in range(2):
            used = UsageInput(agent_id="agent_1", tokens_used=30, model="house-1")
            await record(billing.metering, ToldUsage(usage=used, key=str(number)))
        transport = httpx.ASGITransport(app_of(database, clock, billing))
        paid = httpx.AsyncClient(transport=transport, base_url="http://localhost")
        yield AskedFigures(
            Asking(
                analytics=await stack.enter_async_context(analysis.client()),
                billing=await stack.enter_async_context(paid),
            ),
            clock,
        )


async def test_analytics_and_billing_say_what_is_read_of_them(real: AskedFigures) -> None:
    found = await real.performance(ANNA, ["quiet", "agent_1", "never"], 30)
    assert found.keys() == {"quiet", "agent_1"}
    assert found["quiet"] == Performance()
    assert found["agent_1"] == Performance(
        data=True,
        conversations=2,
        tokens=60,
        cost="0.006",
        currency="USD",
        success_rate=1.0,
        last_conversation_at=AT,
    )
    yesterday = await real.performance(ANNA, ["agent_1"], 1)
    assert yesterday["agent_1"].conversations == 1

    detail = await real.detail(ANNA, "agent_1", 7)
    assert detail is not None
    assert (detail["conversations"], len(detail["by_day"])) == (2, 7)
    assert await real.detail(ANNA, "never", 7) is None
    period = detail["period"]
    usage = await real.usage(ANNA, "agent_1", period["from"], period["to"])
    assert usage is not None
    assert (usage["count"], usage["total_tokens"], usage["from"]) == (2, 60, "2026-03-22")
    before = await real.usage(ANNA, "agent_1", "2026-03-01", "2026-03-02")
    assert before is not None
    assert (before["count"], before["total_tokens"]) == (0, 0)
    assert await real.usage(ANNA, "never", period["from"], period["to"]) is None
    overview = await real.overview(ANNA, 30)
    assert overview.keys() >= OVERVIEW.keys()
    assert [one["agent_id"] for one in overview["top_agents"]] == ["agent_1"]
