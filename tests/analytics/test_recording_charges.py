# SPDX-License-Identifier: Apache-2.0
"""When a charge counts: a usage may be told of long after it was used."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from rollcall.analytics.recording import facts_of
from rollcall.billing.accounts import LONG_PAST, check_moment
from rollcall.events.envelope import Event

TOLD = datetime(2026, 4, 2, 12, tzinfo=UTC)


def charged(**more: str) -> Event:
    data = {"usage_id": "usg_1", "agent_id": "a", "amount": "0.1", "currency": "USD", **more}
    return Event(
        id="1",
        type="usage.charged",
        source="/billing",
        subject="a",
        time=TOLD,
        data=data,
        namespace="default",
    )


def test_a_charge_counts_when_it_was_used_and_not_when_it_was_told() -> None:
    (charge,) = facts_of(charged(served_at="2026-03-31T23:59:59+02:00"))
    assert charge.at == datetime(2026, 3, 31, 21, 59, 59, tzinfo=UTC)


def test_a_charge_that_does_not_say_when_it_was_used_counts_when_it_was_told() -> None:
    (charge,) = facts_of(charged())
    assert charge.at == TOLD


def test_the_earliest_moment_that_billing_takes_is_one_that_analytics_takes() -> None:
    # One event that can never be counted would keep all later ones of its agent waiting.
    east = timezone(timedelta(hours=14))
    earliest = check_moment("timestamp", datetime(LONG_PAST + 1, 1, 1, tzinfo=east))
    assert earliest is not None
    (charge,) = facts_of(charged(served_at=earliest.isoformat()))
    assert charge.at == earliest
