"""Accounts and periods over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx

from rollcall.billing.models import Unit
from rollcall.billing.service import BillingService
from rollcall.testing.clock import FrozenClock
from support.billing import give_card, priced


async def test_usage_that_is_billed_next_month_is_not_of_the_month_that_runs(
    client: httpx.AsyncClient, small: BillingService, clock: FrozenClock
) -> None:
    await give_card(small, priced(Unit.REQUEST, "1"))
    clock.jump(datetime(2025, 6, 30, 23, 30, tzinfo=UTC).timestamp() - clock.now())
    for at in ("2025-05-02T01:00:00Z", "2025-06-02T01:00:00Z", "2025-07-01T00:10:00Z"):
        await client.post("/api/usage", json={"agent_id": "a", "timestamp": at})
    summary = (await client.get("/api/billing/summary")).json()
    assert summary["current_period"]["id"] == "per_2025-06"
    assert summary["previous_period"]["id"] == "per_2025-05"
    assert summary["month_to_date"] == "1.00"
