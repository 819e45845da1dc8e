# SPDX-License-Identifier: Apache-2.0
"""Events become facts, each counted once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import text

from rollcall.analytics.errors import AgentUnknown, ConversationNotFound
from rollcall.analytics.figures import Stats
from rollcall.analytics.ports import Described
from rollcall.backends.sql.database import Database, dialect_of
from rollcall.events.envelope import Event
from rollcall.kernel.errors import InvalidInput
from support.analysed import AT, Analysis, both, told, turn, used


def holding(folder: Path, word: str) -> list[str]:
    """The names of the files that hold a word."""
    return [one.name for one in folder.iterdir() if word.encode() in one.read_bytes()]


async def stats(analysis: Analysis, **days: Any) -> Stats:
    """The stats of the last thirty days."""
    reports = analysis.service.reports
    return await reports.stats("default", await reports.period("default", **days))


async def test_a_conversation_held_with_an_agent_is_counted(analysis: Analysis) -> None:
    await analysis.tell(*both(1))
    found = await stats(analysis)
    assert (found.total_conversations, found.total_sessions, found.success_rate) == (1, 1, 1.0)
    assert (found.total_tokens, found.input_tokens, found.output_tokens) == (30, 20, 10)
    assert (found.cached_tokens, found.total_cost, found.currency) == (5, "0.003", "USD")
    assert found.average_response_time_ms == 100.5
    assert found.average_satisfaction is None
    kept = await analysis.service.conversation("default", "turn_1")
    assert (kept.user_message, kept.agent_response) == ("question 1", "answer 1")
    assert (kept.session_id, kept.tokens_used, kept.cost) == ("session 0", 30, "0.003")


@pytest.mark.parametrize("seed", range(5))
async def test_in_any_order_and_twice_it_comes_to_the_same(analysis: Analysis, seed: int) -> None:
    events = [event for number in range(10) for event in both(number)]
    await analysis.tell(*events)
    straight = await stats(analysis)
    random = Random(seed)
    again = [*events, *random.sample(events, 10)]
    random.shuffle(again)
    while again:
        size = random.randint(1, 7)
        await analysis.tell(*again[:size])
        again = again[size:]
    assert await stats(analysis) == straight
    assert (straight.total_conversations, straight.total_tokens) == (10, 300)
    assert straight.total_cost == "0.03"


async def test_what_only_the_conversation_says_of_tokens_counts_until_its_usage_comes(
    analysis: Analysis,
) -> None:
    talk, usage = both(1, tokens_used=7, cost="1")
    await analysis.tell(talk)
    assert (await stats(analysis)).total_tokens == 7
    await analysis.tell(usage)
    await analysis.tell(talk)
    assert (await stats(analysis)).total_tokens == 30


async def test_a_failed_conversation_counts_as_failed(analysis: Analysis) -> None:
    data = {"error": "no", "error_type": "timeout"}
    asked = {
        name: value
        for name, value in turn(2).items()
        if name not in {"agent_response", "response_time_ms", "tools"}
    }
    await analysis.tell(*both(1), told("conversation.failed", "session 1", {**asked, **data}))
    found = await stats(analysis)
    assert (found.total_conversations, found.failed_conversations) == (2, 1)
    assert (found.success_rate, found.average_response_time_ms) == (0.5, 100.5)
    kept = await analysis.service.conversation("default", "turn_2")
    assert (kept.status, kept.error_type, kept.response_time_ms) == ("failed", "timeout", None)


async def test_a_deleted_session_is_listed_no_more_and_its_numbers_stay(
    analysis: Analysis,
) -> None:
    await analysis.tell(*both(2), *both(3), *both(4))
    gone = told("conversation.deleted", "session 1", {"session_id": "session 1"})
    await analysis.tell(gone)
    listed, _ = await analysis.service.conversations("default")
    assert [one.id for one in listed] == ["turn_4"]
    with pytest.raises(ConversationNotFound):
        await analysis.service.conversation("default", "turn_2")
    # Told again, as it may be after a crash.
    await analysis.tell(*both(2))
    listed, _ = await analysis.service.conversations("default")
    assert [one.id for one in listed] == ["turn_4"]
    assert (await stats(analysis)).total_conversations == 3


async def test_one_batch_may_hold_the_end_of_a_session_and_a_new_one_of_its_name(
    analysis: Analysis,
) -> None:
    gone = told("conversation.deleted", "session 0", {"session_id": "session 0"})
    await analysis.tell(*both(0), gone, *both(1))
    listed, _ = await analysis.service.conversations("default")
    assert [(one.id, one.user_message) for one in listed] == [("turn_1", "question 1")]


async def test_a_new_agent_has_its_metrics_at_once(analysis: Analysis) -> None:
    reports = analysis.service.reports
    analysis.definitions.known["default", "agent_1"] = Described("Ann", "retail", "draft")
    created = told("agent.created", "agent_1", {"agent_id": "agent_1", "name": "Ann"})
    await analysis.tell(created)
    days = await reports.period("default")
    (agent,) = await reports.agents("default", days)
    assert (agent.agent_name, agent.industry, agent.status) == ("Ann", "retail", "draft")
    assert (agent.data, agent.conversations, agent.success_rate) == (False, 0, None)
    detail = await reports.agent("default", "agent_1", days)
    assert (detail.data, detail.response_time_percentiles) == (False, None)
    with pytest.raises(AgentUnknown):
        await reports.agent("default", "nobody", days)


async def test_an_agent_is_what_its_latest_event_says(analysis: Analysis) -> None:
    analysis.definitions.down = True
    later = AT + timedelta(seconds=1)
    changed = {"agent_id": "agent_1", "changes": ["status"], "status": "active"}
    events = (
        told("agent.created", "agent_1", {"agent_id": "agent_1", "name": "Ann"}),
        told("agent.updated", "agent_1", changed, time=later),
    )
    for event in (*events, events[0]):
        await analysis.tell(event)
    reports = analysis.service.reports
    (agent,) = await reports.agents("default", await reports.period("default"))
    assert (agent.agent_name, agent.status) == ("Ann", "active")
    gone = told("agent.deleted", "agent_1", {"agent_id": "agent_1"}, time=later + timedelta(1))
    await analysis.tell(gone)
    assert await reports.agents("default", await reports.period("default")) == []
    assert (await reports.summary("default")).total_agents == 0


async def test_charges_and_invoice_lines_are_facts_too(analysis: Analysis) -> None:
    charge = {
        "usage_id": "use_1",
        "agent_id": "agent_1",
        "amount": "0.0125",
        "currency": "USD",
        "period": "per_2026-03",
        "estimated": False,
        "provider_cost": None,
    }
    event = Event(
        id="e1",
        type="usage.charged",
        source="/billing",
        subject="agent_1",
        time=AT,
        data=charge,
        namespace="default",
    )
    line = {"unit": "token", "quantity": "100", "amount": "1.25", "model": None}
    invoice = {
        "invoice_id": "inv_1",
        "number": "2026-0001",
        "agent_id": "agent_1",
        "period": "per_2026-03",
        "currency": "USD",
        "total_amount": "1.25",
        "lines": [line],
    }
    finalised = Event(
        id="e2",
        type="invoice.finalised",
        source="/billing",
        subject="inv_1",
        time=AT,
        data=invoice,
        namespace="default",
    )
    await analysis.feed.count([event, event, finalised])
    assert (await stats(analysis)).charged_amount == "0.0125"


async def test_what_is_charged_late_counts_for_the_day_on_which_it_was_used(
    analysis: Analysis,
) -> None:
    for served_at, charged in (("2026-03-27T08:00:00+02:00", "1"), ("not a time", None)):
        event = Event(
            id="e1",
            type="usage.charged",
            source="/billing",
            subject="agent_1",
            time=AT,
            data={
                "usage_id": "use_1",
                "agent_id": "agent_1",
                "amount": "1",
                "currency": "USD",
                "served_at": served_at,
            },
            namespace="default",
        )
        if charged is None:
            with pytest.raises(InvalidInput):
                await analysis.feed.count([event])
        else:
            await analysis.feed.count([event])
            day = date(2026, 3, 27)
            assert (await stats(analysis, first=day, last=day)).charged_amount == charged
    assert (await stats(analysis, days=1)).charged_amount is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"tokens_used": -1},
        {"tokens_used": 2**60},
        {"cost": "-1"},
        {"cost": "NaN"},
        {"response_time_ms": -5},
    ],
)
async def test_an_event_that_cannot_be_is_not_counted(
    analysis: Analysis, wrong: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInput):
        await analysis.tell(told("conversation.completed", "session 0", turn(1, **wrong)))
    assert (await stats(analysis)).data is False


async def test_usage_without_a_price_is_said_to_have_none(analysis: Analysis) -> None:
    await analysis.tell(told("usage.recorded", "session 0", used(1, cost=None)))
    found = await stats(analysis)
    assert (found.total_cost, found.unpriced_usages) == ("0", 1)


async def test_costs_in_other_currencies_are_not_added_up(analysis: Analysis) -> None:
    await analysis.tell(
        told("usage.recorded", "session 0", used(1)),
        told("usage.recorded", "session 1", used(2, currency="EUR", cost="5")),
    )
    found = await stats(analysis)
    assert (found.total_cost, found.currency, found.other_costs) == ("0.003", "USD", {"EUR": "5"})


async def test_costs_are_shown_in_full_where_accounts_are_billed_in_another_currency(
    analysis: Analysis,
) -> None:
    charge = {"usage_id": "usg_1", "agent_id": "agent_1", "amount": "7", "currency": "EUR"}
    await analysis.tell(told("usage.recorded", "session 0", used(1)))
    await analysis.feed.count([told("usage.charged", "usg_1", charge)])
    found = await stats(analysis)
    assert (found.total_cost, found.currency, found.other_costs) == ("0.003", "USD", {})
    assert (found.charged_amount, found.other_charges) == (None, {"EUR": "7"})
    assert sum(Decimal(day.cost) for day in found.by_day) == Decimal("0.003")


async def test_a_period_in_which_nothing_cost_is_shown_in_the_currency_of_the_one_before(
    analysis: Analysis,
) -> None:
    long_ago = AT - timedelta(days=30)
    dear = told("usage.recorded", "session 0", used(1, currency="EUR", cost="5"), time=long_ago)
    await analysis.tell(dear)
    found = await stats(analysis)
    assert (found.total_cost, found.currency, found.change["cost"]) == ("0", "EUR", -1)
    assert (found.previous.total_cost, found.previous.other_costs) == ("5", {})


async def test_what_was_said_is_not_in_the_facts(analysis: Analysis, tmp_path: Path) -> None:
    planted = "quixotryzebra"
    said = {"user_message": planted, "agent_response": planted, "user_id": planted}
    await analysis.tell(told("conversation.completed", "s", turn(1, **said, session_id=planted)))
    await analysis.store.close()
    found = holding(tmp_path, planted)
    assert found
    assert not [name for name in found if "duckdb" in name]


@pytest.mark.server
async def test_texts_on_postgresql_are_kept_and_forgotten_the_same(
    fresh_database: Callable[[], str], analysis: Analysis
) -> None:
    database = Database(dialect_of(fresh_database()))
    await database.open()
    there = Analysis(analysis.store, database, analysis.clock)
    await there.tell(*both(2), *both(3), *both(4))
    await there.tell(*both(2))
    await there.tell(told("conversation.deleted", "session 1", {"session_id": "session 1"}))
    async with database.reading() as connection:
        rows = await connection.execute(
            text("SELECT conversation_id, user_message FROM analytics_texts ORDER BY 1")
        )
        assert [tuple(row) for row in rows] == [
            ("turn_2", None),
            ("turn_3", None),
            ("turn_4", "question 4"),
        ]
    await database.close()
