# SPDX-License-Identifier: Apache-2.0
"""The dashboard as HTTP shows it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from rollcall.dashboard.models import (
    Activity,
    Alert,
    Condition,
    Lack,
    Page,
    Part,
    ServiceStatus,
    Severity,
)
from rollcall.web.lines import check_line
from rollcall.web.strict import Wire

JsonObject = dict[str, Any]


class Period(StrEnum):
    """How far back."""

    WEEK = "7d"
    MONTH = "30d"
    QUARTER = "90d"

    @property
    def days(self) -> int:
        """In days."""
        return int(self.value[:-1])


class ExportFormat(StrEnum):
    """What a download is."""

    JSON = "json"
    CSV = "csv"


class LackView(Wire):
    """A service whose numbers are missing."""

    service: str
    problem: str
    since: datetime


class StatusView(Wire):
    """How a service is; `latency_ms` is null where it did not answer."""

    service: str
    status: Condition
    latency_ms: float | None
    detail: str | None


class AlertView(Wire):
    """Something that somebody should look at."""

    id: str
    kind: str
    severity: Severity
    message: str
    subject: str
    details: JsonObject


class ActivityView(Wire):
    """Something that has happened. `id` counts without gaps."""

    id: int
    type: str
    at: datetime
    agent_id: str | None
    message: str
    details: JsonObject


class PageView(Wire):
    """Everything in one. What is null is missing, and `unavailable` says why."""

    summary: JsonObject | None
    money: JsonObject | None
    agents: list[JsonObject] | None
    activity: list[ActivityView] | None
    alerts: list[AlertView] | None
    status: list[StatusView] | None
    unavailable: list[LackView]
    as_of: datetime


class Refreshed(Wire):
    """From when on everything is asked for anew."""

    status: str = "refreshed"
    as_of: datetime


class PageQuery(Wire):
    """The parameters of a list."""

    limit: Annotated[int, Field(ge=1, le=200)] = 50


class AgentsQuery(PageQuery):
    """The parameters of the list of agents."""

    cursor: Annotated[str | None, Field(min_length=1, max_length=512)] = None

    @property
    def after(self) -> str | None:
        """Where the page before has ended: as a rule the id of an agent, in any script.

        Raises:
            InvalidInput: That is none.
        """
        return None if self.cursor is None else check_line("cursor", self.cursor, 512)


class ActivityQuery(PageQuery):
    """The parameters of the list of activities."""

    cursor: Annotated[
        int | None, Field(ge=1, lt=2**63, description="Only what happened before this one.")
    ] = None


class PeriodQuery(Wire):
    """How far back."""

    period: Period = Period.MONTH


class ExportQuery(Wire):
    """What to download."""

    format: ExportFormat = ExportFormat.JSON


def lack_view(one: Lack) -> LackView:
    return LackView(service=one.service, problem=one.problem, since=one.since)


def status_view(one: ServiceStatus) -> StatusView:
    return StatusView(
        service=one.service, status=one.status, latency_ms=one.latency_ms, detail=one.detail
    )


def alert_view(one: Alert) -> AlertView:
    return AlertView(
        id=one.id,
        kind=one.kind,
        severity=one.severity,
        message=one.message,
        subject=one.subject,
        details=dict(one.details),
    )


def activity_view(one: Activity) -> ActivityView:
    return ActivityView(
        id=one.id,
        type=one.type,
        at=one.at,
        agent_id=one.agent_id,
        message=one.message,
        details=dict(one.details),
    )


def page_view(page: Page) -> PageView:
    return PageView(
        summary=page.summary,
        money=page.money,
        agents=page.agents,
        activity=None if page.activity is None else [activity_view(one) for one in page.activity],
        alerts=None if page.alerts is None else [alert_view(one) for one in page.alerts],
        status=None if page.status is None else [status_view(one) for one in page.status],
        unavailable=[lack_view(one) for one in page.unavailable],
        as_of=page.as_of,
    )


def numbers_view(part: Part) -> JsonObject:
    """A part whose body is an object, with what is missing and how old it is."""
    return {
        **(part.body or {}),
        "unavailable": [lack_view(one).model_dump(mode="json") for one in part.lacks],
        "as_of": part.as_of.isoformat(),
    }
