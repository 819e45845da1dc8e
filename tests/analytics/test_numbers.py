# SPDX-License-Identifier: Apache-2.0
"""Numbers over HTTP: what they add up to, and what they say where there is nothing."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import httpx
import pytest

from rollcall.analytics.ports import Described
from rollcall.testing.clock import FrozenClock
from support.analysed import AT, Analysis, both, told, turn


async def test_where_nothing_is_known_nothing_is_made_up(http: httpx.AsyncClient) -> None:
    stats = (await http.get("/api/usage/stats")).json()
    assert stats["data"] is False
    for name in (
        "success_rate",
        "average_response_time_ms",
        "average_satisfaction",
        "response_time_percentiles",
        "charged_amount",
    ):
        assert stats[name] is None
    assert set(stats["change"].values()) == {None}
    assert (stats["total_conversations"], stats["total_cost"]) == (0, "0")
    assert len(stats["by_day"]) == 30
    assert stats["by_model"] == []
    summary = (await http.get("/api/dashboard/summary")).json()
    assert summary["data"] is False
    assert (summary["average_response_time_ms"], summary["success_rate"]) == (None, None)
    assert (summary["total_agents"], summary["active_agents"]) == (0, 0)
    assert (await http.get("/api/agents/performance")).json() == []
    assert (await http.get("/api/industries/metrics")).json() == []
    overview = (await http.get("/api/analytics")).json()
    assert (overview["data"], overview["top_agents"]) == (False, [])


@pytest.mark.parametrize(
    ("zone", "first", "last", "hours"),
    [
        ("Europe/Berlin", "2026-03-28", "2026-03-30", 71),
        ("Europe/Berlin", "2026-10-24", "2026-10-26", 73),
        ("America/New_York", "2026-03-07", "2026-03-09", 71),
        ("America/New_York", "2026-10-31", "2026-11-02", 73),
        ("Asia/Kolkata", "2026-03-28", "2026-03-30", 72),
    ],
)
async def test_the_days_sum_to_the_range_over_changes_of_the_clocks(
    http: httpx.AsyncClient, analysis: Analysis, zone: str, first: str, last: str, hours: int
) -> None:
    analysis.account.name = zone
    where = ZoneInfo(zone)
    begin = datetime.fromisoformat(first).replace(tzinfo=where).astimezone(UTC)
    # One in the middle of each quarter of an hour, from two hours before to two after.
    moments = [begin + timedelta(minutes=15 * n - 113) for n in range(hours * 4 + 16)]
    await analysis.tell(*(event for number, at in enumerate(moments) for event in both(number, at)))
    stats = (await http.get("/api/usage/stats", params={"from": first, "to": last})).json()
    assert stats["period"] == {"from": first, "to": last, "days": 3, "time_zone": zone}
    expected: dict[str, int] = {}
    for at in moments:
        day = at.astimezone(where).date().isoformat()
        expected[day] = expected.get(day, 0) + 1
    assert {one["day"]: one["conversations"] for one in stats["by_day"]} == {
        day: count for day, count in expected.items() if first <= day <= last
    }
    assert stats["total_conversations"] == hours * 4
    assert sum(one["conversations"] for one in stats["by_day"]) == stats["total_conversations"]
    assert sum(one["tokens"] for one in stats["by_day"]) == stats["total_tokens"]
    assert sum(Decimal(one["cost"]) for one in stats["by_day"]) == Decimal(stats["total_cost"])
    assert sum(one["conversations"] for one in stats["by_model"]) == stats["total_conversations"]


async def test_a_period_is_compared_with_the_one_before(
    http: httpx.AsyncClient, analysis: Analysis
) -> None:
    before = AT - timedelta(days=2)
    await analysis.tell(*both(0, before), *both(2, before), *both(4), *both(6), *both(8))
    stats = (await http.get("/api/usage/stats?period_days=2")).json()
    assert (stats["total_conversations"], stats["previous"]["total_conversations"]) == (3, 2)
    assert (stats["change"]["conversations"], stats["change"]["cost"]) == (0.5, 0.5)
    assert (stats["change"]["sessions"], stats["change"]["average_response_time_ms"]) == (0.5, 0)
    assert stats["change"]["average_satisfaction"] is None


async def test_percentiles_are_those_of_the_values(
    http: httpx.AsyncClient, analysis: Analysis
) -> None:
    await analysis.tell(
        *(event for n in range(1, 101) for event in both(n, response_time_ms=float(n)))
    )
    stats = (await http.get("/api/usage/stats")).json()
    assert stats["response_time_percentiles"] == {"p50": 50, "p90": 90, "p95": 95, "p99": 99}
    (agent,) = (await http.get("/api/agents/performance")).json()
    assert agent["p95_response_time_ms"] == 95


async def test_stats_can_be_of_one_agent(http: httpx.AsyncClient, analysis: Analysis) -> None:
    await analysis.tell(*both(1), told("conversation.completed", "s", turn(2, agent_id="b")))
    stats = (await http.get("/api/usage/stats?agent_id=b")).json()
    assert (stats["total_conversations"], stats["total_sessions"]) == (1, 1)
    assert (await http.get("/api/usage/stats?agent_id=none")).json()["data"] is False


async def tell_of_agents(analysis: Analysis) -> None:
    """Two in retail, one in law, one that nobody knows, one that is gone; not all have talked."""
    for id_, industry in (("a", "retail"), ("b", "retail"), ("c", "legal"), ("gone", "legal")):
        analysis.definitions.known["default", id_] = Described(id_.upper(), industry, "active")
        await analysis.tell(told("agent.created", id_, {"agent_id": id_, "name": id_.upper()}))
    await analysis.tell(told("agent.deleted", "gone", {"agent_id": "gone"}, time=AT + timedelta(1)))
    for number, agent_id in enumerate(("a", "a", "b", "stranger")):
        version = {"agent_version": str(1 + number % 2)}
        data = turn(number, agent_id=agent_id, session_id=f"s{number}", **version)
        await analysis.tell(told("conversation.completed", f"s{number}", data))


async def test_agents_are_shown_whether_they_have_talked_or_not(
    http: httpx.AsyncClient, analysis: Analysis
) -> None:
    await tell_of_agents(analysis)
    agents = (await http.get("/api/agents/performance")).json()
    assert [(one["agent_id"], one["conversations"], one["data"]) for one in agents] == [
        ("a", 2, True),
        ("b", 1, True),
        ("c", 0, False),
        ("stranger", 1, True),
    ]
    assert agents[0]["last_conversation_at"] == "2026-03-28T12:00:00Z"
    assert (agents[2]["average_response_time_ms"], agents[2]["success_rate"]) == (None, None)
    assert (agents[3]["agent_name"], agents[3]["status"]) == (None, None)
    page = await http.get("/api/agents/performance?limit=3")
    assert [one["agent_id"] for one in page.json()] == ["a", "b", "c"]
    rest = await http.get(page.links["next"]["url"])
    assert ([one["agent_id"] for one in rest.json()], rest.links) == (["stranger"], {})
    summary = (await http.get("/api/dashboard/summary")).json()
    assert (summary["total_agents"], summary["active_agents"]) == (4, 4)


async def test_agents_that_are_asked_for_are_shown_as_among_all(
    http: httpx.AsyncClient, analysis: Analysis
) -> None:
    await tell_of_agents(analysis)
    every = {one["agent_id"]: one for one in (await http.get("/api/agents/performance")).json()}
    asked = {"agent_ids": ["stranger", "gone", "c", "a", "nobody"]}
    some = (await http.get("/api/agents/performance", params=asked)).json()
    assert some == [every["a"], every["c"], every["stranger"]]
    page = await http.get("/api/agents/performance", params={**asked, "limit": 1})
    rest = await http.get(page.links["next"]["url"])
    assert [one["agent_id"] for one in (*page.json(), *rest.json())] == ["a", "c"]
    for bad in ({"agent_ids": ["a\0"]}, {"agent_ids": [""]}, {"agent_ids": ["a"] * 501}):
        answer = await http.get("/api/agents/performance", params=bad)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"].startswith("agent_ids")


async def test_an_agent_is_shown_by_version_model_and_day(
    http: httpx.AsyncClient, analysis: Analysis
) -> None:
    await tell_of_agents(analysis)
    agent = (await http.get("/api/agents/a/performance?period_days=7")).json()
    assert [(one["version"], one["conversations"]) for one in agent["by_version"]] == [
        ("1", 1),
        ("2", 1),
    ]
    assert [(one["model"], one["conversations"]) for one in agent["by_model"]] == [("m1", 2)]
    assert len(agent["by_day"]) == 7
    assert (agent["sessions"], agent["tokens"], agent["cost"]) == (2, 60, "0.006")
    quiet = (await http.get("/api/agents/c/performance")).json()
    assert (quiet["data"], quiet["by_model"]) == (False, [])
    missing = await http.get("/api/agents/nobody/performance")
    assert (missing.status_code, missing.json()["agent_id"]) == (404, "nobody")


async def test_industries_add_up_their_agents(http: httpx.AsyncClient, analysis: Analysis) -> None:
    await tell_of_agents(analysis)
    rows = (await http.get("/api/industries/metrics")).json()
    assert [(one["industry"], one["agents"], one["conversations"]) for one in rows] == [
        ("legal", 1, 0),
        ("retail", 2, 3),
        (None, 1, 1),
    ]
    assert [one["data"] for one in rows] == [False, True, True]
    overview = (await http.get("/api/analytics")).json()
    assert [one["agent_id"] for one in overview["top_agents"]] == ["a", "b", "stranger"]
    assert overview["industries"] == rows


async def test_the_summary_knows_today_in_the_accounts_zone(
    http: httpx.AsyncClient, analysis: Analysis, clock: FrozenClock
) -> None:
    await analysis.tell(*both(1))
    assert (await http.get("/api/dashboard/summary")).json()["conversations_today"] == 1
    analysis.account.name = "Pacific/Auckland"
    await clock.advance(3600)
    # It is Sunday there since 11:00 UTC, so that both are of one day.
    assert (await http.get("/api/dashboard/summary")).json()["conversations_today"] == 1
    await clock.advance(86_400)
    assert (await http.get("/api/dashboard/summary")).json()["conversations_today"] == 0


HOSTILE = '=HYPERLINK("http://evil","x")'


async def exported(http: httpx.AsyncClient, **asked: str) -> httpx.Response:
    answer = await http.get("/api/analytics/export", params=asked)
    assert answer.status_code == 200
    assert f".{asked.get('format', 'csv')}" in answer.headers["content-disposition"]
    return answer


async def test_an_export_as_csv_cannot_hold_formulas(
    http: httpx.AsyncClient, analysis: Analysis
) -> None:
    await analysis.tell(told("conversation.completed", "s", turn(1, agent_id=HOSTILE)))
    rows = list(csv.DictReader(io.StringIO((await exported(http)).text)))
    assert [row["agent_id"] for row in rows] == [f"'{HOSTILE}"]
    assert rows[0]["time"] == "2026-03-28T12:00:00Z"
    agents = list(csv.DictReader(io.StringIO((await exported(http, what="agents")).text)))
    assert agents[0]["agent_id"] == f"'{HOSTILE}"


@pytest.mark.parametrize("what", ["conversations", "usage"])
async def test_an_export_is_the_same_in_each_format(
    http: httpx.AsyncClient, analysis: Analysis, tmp_path: Path, what: str
) -> None:
    await analysis.tell(*(event for number in range(50) for event in both(number)))
    rows: list[dict[str, Any]] = (await exported(http, what=what, format="json")).json()
    lines = list(csv.DictReader(io.StringIO((await exported(http, what=what)).text)))
    assert [one["id"] for one in rows] == [one["id"] for one in lines]
    assert list(rows[0]) != []
    file = tmp_path / "facts.parquet"
    file.write_bytes((await exported(http, what=what, format="parquet")).content)
    with duckdb.connect() as connection:
        query = "SELECT id FROM read_parquet($1)"
        found = connection.execute(query, [str(file)]).fetchall()
    assert [row[0] for row in found] == [one["id"] for one in rows]


async def test_days_and_agents_are_exported_as_they_are_shown(
    http: httpx.AsyncClient, analysis: Analysis
) -> None:
    await analysis.tell(*both(1))
    days = (await exported(http, what="days", format="json")).json()
    assert days == (await http.get("/api/usage/stats")).json()["by_day"]
    lines = list(csv.DictReader(io.StringIO((await exported(http, what="days")).text)))
    assert [one["day"] for one in lines] == [one["day"] for one in days]
    agents = (await exported(http, what="agents", format="json")).json()
    assert agents == (await http.get("/api/agents/performance")).json()


async def test_an_export_of_nothing_is_an_empty_file(http: httpx.AsyncClient) -> None:
    assert (await exported(http, format="json")).json() == []
    assert (await exported(http)).text.count("\n") == 1
    assert (await exported(http, format="parquet")).content.startswith(b"PAR1")


@pytest.mark.parametrize("shape", ["csv", "json", "parquet"])
async def test_an_export_that_cannot_begin_is_a_problem_and_no_broken_file(
    analysis: Analysis, shape: str
) -> None:
    async with analysis.client() as http:
        await analysis.store.close()
        answer = await http.get("/api/analytics/export", params={"format": shape})
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
