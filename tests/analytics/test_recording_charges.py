# SPDX-License-Identifier: Apache-2.0
"""When a charge counts: a usage may be told of long after it was used."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from rollcall.analytics.recording import facts_of
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


@pytest.mark.parametrize(
    ("served_at", "at"),
    [
        ("2026-03-31T23:59:59+02:00", datetime(2026, 3, 31, 21, 59, 59, tzinfo=UTC)),
        ("1971-01-01T00:00:00+00:00", TOLD),
    ],
    ids=["late", "before all facts"],
)
def test_a_charge_counts_when_it_was_used_and_not_when_it_was_told(
    served_at: str, at: datetime
) -> None:
    (charge,) = facts_of(charged(served_at=served_at))
    assert charge.at == at


def test_a_charge_that_does_not_say_when_it_was_used_counts_when_it_was_told() -> None:
    (charge,) = facts_of(charged())
    assert charge.at == TOLD
