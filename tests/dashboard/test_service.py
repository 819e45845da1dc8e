# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from rollcall.dashboard.models import (
    Activity,
    Condition,
    Heard,
    Missing,
    NothingToShow,
    Parked,
    Said,
)
from rollcall.dashboard.ports import NotAnswered, NotHere
from rollcall.dashboard.service import DashboardService, service_status
from rollcall.kernel.clock import utc
from rollcall.kernel.errors import StoreUnavailable
from rollcall.testing.clock import FrozenClock
from support.dashboards import AGENT, CALLER, NUMBERS, SERVICES, WELL, House, answered

SILENT = NotAnswered("does not answer")


class Away:
    """What has happened, in a database that does not answer."""

    async def newest(self, namespace: str) -> int:
        raise StoreUnavailable("away")

    async def before(self, namespace: str, limit: int, before: int | None) -> Sequence[Activity]:
        raise StoreUnavailable("away")

    async def after(self, namespace: str, after: int, limit: int) -> Sequence[Activity]:
        raise StoreUnavailable("away")


async def test_a_page_holds_what_everybody_says(house: House, clock: FrozenClock) -> None:
    await house.happens(answered())
    page = await house.dashboard.page(CALLER)
    assert page.summary == NUMBERS
    assert page.money is not None
    assert page.money["month_to_date"] == "1.50"
    assert page.agents == [AGENT]
    assert [one.id for one in page.activity or ()] == [1]
    assert page.alerts == []
    assert [(one.service, one.status) for one in page.status or ()] == [
        (name, Condition.HEALTHY) for name in SERVICES
    ]
    assert (page.unavailable, page.as_of) == ((), utc(clock.now()))


@pytest.mark.parametrize("agents", [0, 1, 1000])
async def test_a_page_costs_as_many_calls_however_many_agents_there_are(
    agents: int, house: House
) -> None:
    house.told.answers["analytics", "/api/agents/performance"] = [
        {**AGENT, "agent_id": f"agent_{number}"} for number in range(agents)
    ]
    page = await house.dashboard.page(CALLER)
    assert len(page.agents or ()) == agents
    assert sum(house.told.asked.values()) == 6 + len(SERVICES)
    assert set(house.told.asked.values()) == {1}


async def test_everybody_is_asked_at_once(house: House, clock: FrozenClock) -> None:
    held = asyncio.Event()
    for key in house.told.answers:
        house.told.answers[key] = held
    asking = asyncio.create_task(house.dashboard.page(CALLER))
    await clock.settle(100)
    assert sum(house.told.asked.values()) == 6 + len(SERVICES)
    held.set()
    assert (await asking).unavailable == ()


async def test_what_failed_is_null_and_named_and_the_rest_is_shown(
    house: House, clock: FrozenClock
) -> None:
    house.told.fail("analytics", SILENT)
    page = await house.dashboard.page(CALLER)
    assert (page.summary, page.agents) == (None, None)
    assert page.money is not None
    assert [(one.service, one.problem, one.since) for one in page.unavailable] == [
        ("analytics", "does not answer", utc(clock.now()))
    ]
    assert {one.service: one.status for one in page.status or ()}["analytics"] == "unreachable"
    assert "service:analytics" in [one.id for one in page.alerts or ()]


async def test_a_path_that_fails_is_named_though_its_service_is_well(house: House) -> None:
    house.told.answers["billing", "/api/invoices"] = Said(500, None)
    part = await house.dashboard.alerts(CALLER)
    assert [(one.id, one.severity) for one in part.body] == [
        ("unknown:billing:answered 500", "warning")
    ]
    page = await house.dashboard.page(CALLER)
    assert [one.service for one in page.unavailable] == ["billing"]
    assert page.money is not None


async def test_a_service_that_runs_nowhere_is_absent_and_no_alert(house: House) -> None:
    house.told.fail("agent", NotHere())
    page = await house.dashboard.page(CALLER)
    assert {one.service: one.status for one in page.status or ()}["agent"] == "absent"
    assert (page.alerts, page.unavailable) == ([], ())


async def test_where_nobody_answers_there_is_no_page(house: House) -> None:
    for name in SERVICES:
        house.told.fail(name, SILENT)
    house.waiting.error = StoreUnavailable("the database is away")
    dashboard = DashboardService(house.gatherer, Away(), house.waiting, SERVICES, house.clock)
    with pytest.raises(NothingToShow) as caught:
        await dashboard.page(CALLER)
    assert {one["service"] for one in caught.value.unavailable} == {
        "agent-registry",
        "analytics",
        "billing",
        "dashboard",
    }


async def test_a_page_is_never_older_than_it_says(house: House, clock: FrozenClock) -> None:
    begun = utc(clock.now())
    await house.dashboard.summary(CALLER)
    clock.jump(0.5)
    page = await house.dashboard.page(CALLER)
    assert page.as_of == begun
    clock.jump(1.0)
    assert (await house.dashboard.page(CALLER)).as_of == utc(clock.now())


async def test_a_refresh_has_everything_asked_anew(house: House) -> None:
    await house.dashboard.page(CALLER)
    house.dashboard.refresh(CALLER)
    await house.dashboard.page(CALLER)
    assert set(house.told.asked.values()) == {2}


async def test_numbers_that_are_missing_are_null_and_never_nought(house: House) -> None:
    house.told.fail("analytics", SILENT)
    part = await house.dashboard.summary(CALLER)
    assert part.body["total_conversations"] is None
    assert part.body["money"]["outstanding"] == "0"
    house.told.fail("billing", SILENT)
    house.dashboard.refresh(CALLER)
    assert (await house.dashboard.summary(CALLER)).body is None


async def test_alerts_come_from_everybody(house: House) -> None:
    told = house.told.answers
    told["billing", "/api/billing"] = {
        "budgets": [{"id": "b1", "limit": "10", "spent": "9", "alert_at": ["0.8"]}]
    }
    told["billing", "/api/invoices"] = [{"id": "inv_1", "number": "INV-000001"}]
    told["agent-registry", "/agents"] = [{"agent_id": "a1", "status": "unhealthy"}]
    told["analytics", "/api/usage/stats"] = {
        "total_conversations": 100,
        "failed_conversations": 50,
        "previous": {"total_conversations": 100, "failed_conversations": 1},
    }
    house.waiting.found = [Parked("analytics-facts", 1, 0.0)]
    part = await house.dashboard.alerts(CALLER)
    assert [one.kind for one in part.body] == ["events", "agent", "budget", "errors", "invoice"]


async def test_what_has_no_alert_of_its_own_any_more_is_said(house: House) -> None:
    ill = [{"agent_id": f"a{number}", "status": "offline"} for number in range(20)]
    house.told.answers["agent-registry", "/agents"] = Said(200, ill, "next")
    house.told.answers["billing", "/api/invoices"] = Said(200, [{"id": "inv_1"}], "next")
    part = await house.dashboard.alerts(CALLER)
    others = [(one.id, one.details) for one in part.body if one.id.endswith(":others")]
    assert others == [("agent:others", {"shown": 20}), ("invoice:others", {"shown": 1})]


@pytest.mark.parametrize(
    ("status", "body", "condition", "detail"),
    [
        (200, WELL, "healthy", None),
        (200, {"status": "degraded", "failed": ["analytics"]}, "degraded", "misses analytics"),
        (503, {"status": "unhealthy", "failed": ["database"]}, "unhealthy", "misses database"),
        (200, {"status": "degraded", "checks": {"memory": "ok"}}, "healthy", None),
        (200, {"status": "healthy", "checks": {"memory": "absent"}}, "absent", "runs nowhere"),
        (
            200,
            {"status": "degraded", "checks": {"memory": "ServiceIll"}},
            "unhealthy",
            "ServiceIll",
        ),
        (503, "oops", "unhealthy", None),
    ],
)
def test_how_a_service_is(status: int, body: Any, condition: str, detail: str | None) -> None:
    found = service_status("memory", Heard(Said(status, body), 0.0, 0.0042))
    assert (found.status, found.detail) == (condition, detail)
    assert found.latency_ms == (None if condition == "absent" else 4.2)


def test_how_a_silent_service_is() -> None:
    silent = service_status("memory", Missing("memory", "no answer within 2 s", 0.0, 0.0))
    assert (silent.status, silent.latency_ms) == ("unreachable", None)
