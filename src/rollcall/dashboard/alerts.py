# SPDX-License-Identifier: Apache-2.0
"""What somebody should look at, by what the services said: pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any, Final, cast

from rollcall.dashboard.models import Alert, Condition, Lack, Parked, ServiceStatus, Severity
from rollcall.kernel.clock import utc

ENOUGH: Final = 20
"""Conversations that a period must have before its share of errors says anything."""
WORSE: Final = 2
"""How many times its own past a share of errors must be."""
MARGIN: Final = Fraction(5, 100)
"""And by how much above it at least."""

_ORDER: Final = tuple(Severity)
_SEVERITY: Final = {
    Condition.UNREACHABLE: Severity.CRITICAL,
    Condition.UNHEALTHY: Severity.CRITICAL,
    Condition.DEGRADED: Severity.WARNING,
}
_SAYS: Final = {
    Condition.UNREACHABLE: "does not answer",
    Condition.UNHEALTHY: "says that it cannot do its work",
    Condition.DEGRADED: "works, but misses something",
}


def ordered(alerts: Iterable[Alert]) -> list[Alert]:
    """Alerts, the most urgent first; each once."""
    unique = {one.id: one for one in alerts}
    return sorted(unique.values(), key=lambda one: (_ORDER.index(one.severity), one.kind, one.id))


def of_services(statuses: Iterable[ServiceStatus]) -> Iterator[Alert]:
    """Services that are not as they should be. What runs nowhere is not meant to run here."""
    for one in statuses:
        severity = _SEVERITY.get(one.status)
        if severity is not None:
            because = f": {one.detail}" if one.detail else ""
            yield Alert(
                f"service:{one.service}",
                "service",
                severity,
                f"{one.service} {_SAYS[one.status]}{because}",
                one.service,
                {"status": one.status.value},
            )


def of_lacks(lacks: Iterable[Lack]) -> Iterator[Alert]:
    """Services that could not be asked for what others of these alerts are about."""
    for one in lacks:
        yield Alert(
            f"unknown:{one.service}:{one.problem}",
            "service",
            Severity.WARNING,
            f"what {one.service} should say is not known: {one.problem}",
            one.service,
            {"since": one.since.isoformat()},
        )


def of_budgets(budgets: Sequence[Mapping[str, Any]]) -> Iterator[Alert]:
    """Budgets that have passed a threshold, each for the highest that it has passed."""
    for one in budgets:
        limit, spent = _decimal(one.get("limit")), _decimal(one.get("spent"))
        if limit is None or spent is None or limit <= 0:
            continue
        share = spent / limit
        passed = [mark for mark in map(_decimal, _listed(one.get("alert_at"))) if mark is not None]
        marks = [mark for mark in (*passed, Decimal(1)) if share >= mark]
        if not marks:
            continue
        whose = f"agent {one['agent_id']}" if one.get("agent_id") else "the account"
        used_up = share >= 1
        urgent = used_up and bool(one.get("hard"))
        percent = f"{share * 100:.0f} %"
        yield Alert(
            f"budget:{one.get('id') or one.get('budget_id')}:{max(marks).normalize():f}",
            "budget",
            Severity.CRITICAL if urgent else Severity.WARNING,
            f"the budget of {whose} is used up ({percent})"
            if used_up
            else f"the budget of {whose} is used by {percent}",
            str(one.get("id") or one.get("budget_id")),
            {
                "scope": one.get("scope"),
                "agent_id": one.get("agent_id"),
                "spent": str(spent),
                "limit": str(limit),
                "currency": one.get("currency"),
                "threshold": f"{max(marks).normalize():f}",
            },
        )


def of_agents(agents: Sequence[Mapping[str, Any]]) -> Iterator[Alert]:
    """Agents that are registered and not well."""
    for one in agents:
        offline = one.get("status") == "offline"
        name = str(one.get("agent_name") or one["agent_id"])
        yield Alert(
            f"agent:{one['agent_id']}",
            "agent",
            Severity.CRITICAL if offline else Severity.WARNING,
            f"agent {name} is {one.get('status')}",
            str(one["agent_id"]),
            {"status": one.get("status"), "last_heartbeat": one.get("last_heartbeat")},
        )


def of_others(kind: str, shown: int, what: str) -> Alert:
    """That there are more of a kind than have an alert of their own."""
    return Alert(
        f"{kind}:others",
        kind,
        Severity.WARNING,
        f"there are more than these {shown} {what}",
        f"{kind}s",
        {"shown": shown},
    )


def of_events(parked: Iterable[Parked]) -> Iterator[Alert]:
    """Events that nobody handles until an operator looks at them."""
    for one in parked:
        what = "an event waits" if one.count == 1 else f"{one.count} events wait"
        yield Alert(
            f"events:{one.group}",
            "events",
            Severity.CRITICAL,
            f"{what} for an operator in the group {one.group} (rollcall events dead)",
            one.group,
            {"count": one.count, "since": utc(one.since).isoformat()},
        )


def of_invoices(invoices: Sequence[Mapping[str, Any]]) -> Iterator[Alert]:
    """Invoices that should have been paid by now."""
    for one in invoices:
        number = one.get("number") or one["id"]
        due = str(one.get("due_date") or "")[:10]
        yield Alert(
            f"invoice:{one['id']}",
            "invoice",
            Severity.WARNING,
            f"invoice {number} was due on {due}" if due else f"invoice {number} is overdue",
            str(one["id"]),
            {
                "number": one.get("number"),
                "agent_id": one.get("agent_id"),
                "due_date": one.get("due_date"),
                "total_amount": one.get("total_amount"),
                "amount_due": one.get("amount_due"),
                "currency": one.get("currency"),
            },
        )


def of_errors(stats: Mapping[str, Any]) -> Iterator[Alert]:
    """A share of failed conversations well above that of the period before. Where either period
    has few conversations there is nothing to compare.

    Args:
        stats: What analytics says of a period (`/api/usage/stats`).
    """
    before = stats.get("previous")
    if not isinstance(before, dict):
        return
    now, past = _errors(stats), _errors(cast("dict[str, Any]", before))
    if now is None or past is None:
        return
    if now >= past * WORSE and now - past >= MARGIN:
        yield Alert(
            "errors",
            "errors",
            Severity.WARNING,
            f"{float(now):.0%} of conversations failed lately, and {float(past):.0%} in the period"
            " before",
            "conversations",
            {"error_rate": round(float(now), 4), "previous_error_rate": round(float(past), 4)},
        )


def _errors(totals: Mapping[str, Any]) -> Fraction | None:
    """The share of conversations that failed, exactly: 6 % are 5 points above 1 %, which floats do
    not know. None: there are too few to say.
    """
    count, failed = totals.get("total_conversations"), totals.get("failed_conversations")
    if not isinstance(count, int) or not isinstance(failed, int) or count < ENOUGH:
        return None
    return Fraction(failed, count)


def _decimal(value: object) -> Decimal | None:
    if value is None or isinstance(value, bool):
        return None
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def _listed(value: object) -> Sequence[object]:
    return cast("list[object]", value) if isinstance(value, list) else ()
