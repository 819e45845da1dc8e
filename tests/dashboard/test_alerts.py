# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.dashboard import alerts
from rollcall.dashboard.models import Alert, Condition, Lack, Parked, ServiceStatus, Severity
from rollcall.kernel.clock import utc

BUDGET = {
    "id": "bud_1",
    "scope": "agent",
    "agent_id": "agent_1",
    "limit": "10.00",
    "spent": "8.50",
    "hard": True,
    "alert_at": ["0.5", "0.8", "1.0"],
    "currency": "USD",
}


def totals(count: int, failed: int) -> dict[str, int]:
    return {"total_conversations": count, "failed_conversations": failed}


def test_what_runs_nowhere_is_no_alert_and_what_is_silent_is() -> None:
    found = list(
        alerts.of_services(
            [
                ServiceStatus("agent", Condition.HEALTHY, 1.0),
                ServiceStatus("widgets", Condition.ABSENT, None, "runs nowhere"),
                ServiceStatus("billing", Condition.UNREACHABLE, None, "no answer within 2 s"),
                ServiceStatus("analytics", Condition.DEGRADED, 3.0, "misses events"),
            ]
        )
    )
    assert [(one.subject, one.severity) for one in found] == [
        ("billing", Severity.CRITICAL),
        ("analytics", Severity.WARNING),
    ]
    assert found[0].message == "billing does not answer: no answer within 2 s"


@pytest.mark.parametrize(
    ("spent", "mark", "severity"),
    [
        ("5", "0.5", Severity.WARNING),
        ("7.99", "0.5", Severity.WARNING),
        ("8.50", "0.8", Severity.WARNING),
        ("10", "1", Severity.CRITICAL),
        ("12", "1", Severity.CRITICAL),
    ],
)
def test_a_budget_is_told_of_by_the_highest_mark_that_it_has_passed(
    spent: str, mark: str, severity: Severity
) -> None:
    (found,) = alerts.of_budgets([{**BUDGET, "spent": spent}])
    assert (found.id, found.severity) == (f"budget:bud_1:{mark}", severity)
    assert found.details["threshold"] == mark


def test_a_soft_budget_that_is_used_up_is_a_warning() -> None:
    (found,) = alerts.of_budgets([{**BUDGET, "spent": "11", "hard": False}])
    assert (found.severity, "used up (110 %)" in found.message) == (Severity.WARNING, True)


@pytest.mark.parametrize(
    "change", [{"spent": "4.99"}, {"spent": None}, {"limit": "0"}, {"limit": "NaN"}]
)
def test_a_budget_that_says_nothing_alarming_is_no_alert(change: dict[str, Any]) -> None:
    assert list(alerts.of_budgets([{**BUDGET, **change}])) == []


def test_agents_invoices_and_parked_events_are_named() -> None:
    agent = {"agent_id": "a1", "agent_name": "Support", "status": "offline"}
    (ill,) = alerts.of_agents([agent])
    assert (ill.id, ill.message) == ("agent:a1", "agent Support is offline")
    invoice = {"id": "inv_1", "number": "INV-000001", "due_date": "2025-06-01", "total_amount": "9"}
    (late,) = alerts.of_invoices([invoice])
    assert late.message == "invoice INV-000001 was due on 2025-06-01"
    (parked,) = alerts.of_events([Parked("analytics-facts", 3, 1_750_000_000.0)])
    assert parked.message.startswith("3 events wait")


@pytest.mark.parametrize(
    ("now", "before", "told"),
    [
        (totals(100, 20), totals(100, 5), True),
        (totals(100, 20), totals(100, 15), False),
        (totals(100, 4), totals(100, 1), False),
        (totals(100, 20), totals(100, 0), True),
        (totals(100, 6), totals(100, 1), True),
        (totals(100, 9), totals(100, 4), True),
        (totals(19, 19), totals(100, 0), False),
        (totals(100, 20), totals(0, 0), False),
    ],
)
def test_errors_are_an_alert_where_they_are_well_above_their_own_past(
    now: dict[str, Any], before: dict[str, Any], told: bool
) -> None:
    assert len(list(alerts.of_errors({**now, "previous": before}))) == told
    assert list(alerts.of_errors({**now, "previous": None})) == []


def test_a_service_that_could_not_be_asked_is_named_with_why() -> None:
    (found,) = alerts.of_lacks([Lack("billing", "answered 500", utc(0.0))])
    assert found.message == "what billing should say is not known: answered 500"


_some = st.builds(
    Alert,
    id=st.sampled_from("abcdef"),
    kind=st.sampled_from(["budget", "service"]),
    severity=st.sampled_from(Severity),
    message=st.just(""),
    subject=st.just(""),
)


@given(st.lists(_some))
def test_the_most_urgent_come_first_and_each_once(some: list[Alert]) -> None:
    found = alerts.ordered(some)
    assert {one.id for one in found} == {one.id for one in some}
    assert len({one.id for one in found}) == len(found)
    urgency = [list(Severity).index(one.severity) for one in found]
    assert urgency == sorted(urgency)
