"""What Prometheus is told of the dashboard."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import httpx
import pytest_asyncio

from rollcall.dashboard.ports import NotAnswered
from rollcall.testing.clock import FrozenClock
from rollcall.web.auth import OpenAccess
from support.dashboards import CALLER, House


@pytest_asyncio.fixture
async def operator(house: House) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who may see what is about the whole process."""
    transport = httpx.ASGITransport(house.app(OpenAccess()))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


async def figures(http: httpx.AsyncClient) -> dict[str, float]:
    answer = await http.get("/metrics")
    return {
        name: float(value)
        for name, value in re.findall(r"^(rollcall_\S+) (\S+)$", answer.text, re.MULTILINE)
    }


async def test_answers_are_timed_and_failures_counted_by_service(
    house: House, operator: httpx.AsyncClient, clock: FrozenClock
) -> None:
    assert (await operator.get("/api/dashboard/summary")).status_code == 200
    found = await figures(operator)
    assert found['rollcall_gather_duration_seconds_count{service="analytics"}'] == 1
    assert found['rollcall_gather_failures_total{service="analytics"}'] == 0

    house.told.fail("analytics", NotAnswered("it is tired"))
    for _ in range(5):
        await clock.advance(2)
        await operator.get("/api/dashboard/summary")
    found = await figures(operator)
    assert found['rollcall_gather_duration_seconds_count{service="analytics"}'] == 1
    # After three in a row it is left alone for a while.
    assert found['rollcall_gather_failures_total{service="analytics"}'] == 3


async def test_a_service_that_runs_nowhere_has_not_failed(
    house: House, operator: httpx.AsyncClient
) -> None:
    del house.told.answers["agent", "/health"]
    assert (await operator.get("/api/dashboard/status")).status_code == 200
    found = await figures(operator)
    assert 'rollcall_gather_failures_total{service="agent"}' not in found


async def test_open_streams_are_counted(house: House, operator: httpx.AsyncClient) -> None:
    following = await house.changes.follow(CALLER, None, lambda one: one)
    assert (await figures(operator))["rollcall_dashboard_streams"] == 1
    await following.aclose()
    assert (await figures(operator))["rollcall_dashboard_streams"] == 0
