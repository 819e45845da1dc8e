# SPDX-License-Identifier: Apache-2.0
"""What a dashboard shows: answers of others, what is missing, alerts, and what has happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from rollcall.kernel.errors import Unavailable

JsonObject = dict[str, Any]
Params = tuple[tuple[str, str], ...]


class Condition(StrEnum):
    """How a service is, as seen from here."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    """It works, and says that something it can do without does not answer."""
    UNHEALTHY = "unhealthy"
    """It says that it cannot do its work."""
    UNREACHABLE = "unreachable"
    """It should be there, and says nothing."""
    ABSENT = "absent"
    """It runs nowhere."""


class Severity(StrEnum):
    """How urgent an alert is, the most urgent first."""

    CRITICAL = "critical"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Question:
    """Something that a service is asked.

    Args:
        service: Its name in the catalogue of services.
        path: Without a query.
        params: The query, in order.
        statuses: HTTP statuses that are answers; any other means that there is none.
    """

    service: str
    path: str
    params: Params = ()
    statuses: tuple[int, ...] = (200,)


@dataclass(frozen=True, slots=True)
class Said:
    """What a service answered.

    Args:
        status: The HTTP status.
        body: The JSON.
        cursor: Leads to the next page of a list; None: there is none.
    """

    status: int
    body: Any
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """An answer, and when it was asked for.

    Args:
        said: It.
        at: From when it is, in seconds since the epoch: nothing in it is older.
        latency: Seconds that it took.
    """

    said: Said
    at: float
    latency: float


@dataclass(frozen=True, slots=True)
class Missing:
    """There is no answer.

    Args:
        service: Who has none.
        problem: Why, safe to show to callers.
        since: From when on nobody has had one, in seconds since the epoch.
        at: When it was asked for last, in seconds since the epoch.
        absent: Whether the service runs nowhere.
        status: The HTTP status of the refusal; None: there was no answer at all.
    """

    service: str
    problem: str
    since: float
    at: float
    absent: bool = False
    status: int | None = None


Outcome = Heard | Missing


@dataclass(frozen=True, slots=True)
class Lack:
    """A service whose numbers are missing on a page: it, why, and since when."""

    service: str
    problem: str
    since: datetime


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """How a service is.

    Args:
        service: Its name in the catalogue.
        status: In one word.
        latency_ms: How long its answer took; None: there was none.
        detail: What is wrong; None: nothing.
    """

    service: str
    status: Condition
    latency_ms: float | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Parked:
    """Events that a consumer group has given up, until somebody replays or skips them.

    Args:
        group: The consumer group.
        count: How many.
        since: When the first of them failed last, in seconds since the epoch.
    """

    group: str
    count: int
    since: float


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that somebody should look at.

    Args:
        id: The same for as long as it is the same alert.
        kind: `service`, `budget`, `agent`, `events`, `invoice` or `errors`.
        severity: How urgent it is.
        message: For people.
        subject: The id of what it is about.
        details: For programs; decimals as strings.
    """

    id: str
    kind: str
    severity: Severity
    message: str
    subject: str
    details: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Activity:
    """Something that has happened.

    Args:
        id: Counts from 1 within a namespace, without gaps, in the order in which it was noted.
        type: The event's type.
        at: When it happened.
        agent_id: The agent that it is about; None: it is about none.
        message: For people.
        details: For programs: never what was said, nor by whom.
    """

    id: int
    type: str
    at: datetime
    agent_id: str | None
    message: str
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a page.

    Args:
        body: What it shows; None: there is nothing to show, and `lacks` says why.
        as_of: Nothing in it is older.
        lacks: Whose numbers are missing.
        cursor: Leads to the next page of a list.
    """

    body: Any
    as_of: datetime
    lacks: tuple[Lack, ...] = ()
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Everything in one. A part that is None is missing, and `unavailable` says why."""

    summary: JsonObject | None
    money: JsonObject | None
    agents: list[JsonObject] | None
    activity: Sequence[Activity] | None
    alerts: Sequence[Alert] | None
    status: Sequence[ServiceStatus] | None
    unavailable: Sequence[Lack]
    as_of: datetime


class NothingToShow(Unavailable):
    """None of the services that know has answered.

    Args:
        lacks: Which ones, why, and since when.
    """

    def __init__(self, lacks: Sequence[Lack]) -> None:
        super().__init__("; ".join(f"{one.service}: {one.problem}" for one in lacks))
        self.unavailable = [
            {"service": one.service, "problem": one.problem, "since": one.since.isoformat()}
            for one in lacks
        ]


class TooManyStreams(Unavailable):
    """As many streams are open as there may be.

    Args:
        limit: How many.
    """

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"{limit} streams are open already: close one, or ask now and then instead"
        )
        self.limit = limit
