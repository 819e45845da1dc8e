# SPDX-License-Identifier: Apache-2.0
"""The dashboard: which services are asked for which part, and what becomes of their answers.

A page costs a fixed number of questions, however many agents there are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final, cast

from rollcall.dashboard import alerts
from rollcall.dashboard.gathering import Gatherer
from rollcall.dashboard.models import (
    Condition,
    Heard,
    JsonObject,
    Lack,
    Missing,
    NothingToShow,
    Outcome,
    Page,
    Part,
    Question,
    ServiceStatus,
)
from rollcall.dashboard.ports import Activities, Events
from rollcall.kernel.caller import Caller
from rollcall.kernel.clock import Clock, utc
from rollcall.kernel.errors import InvalidInput, Unavailable

OWN: Final = "dashboard"
"""What this service is called where it misses something of its own."""
SHOWN: Final = 50
"""Agents, and activities, on the page."""
LATELY: Final = 7
"""Days over which errors are compared with those before."""
_FEW: Final = "20"

SUMMARY: Final = Question("analytics", "/api/dashboard/summary")
MONEY: Final = Question("billing", "/api/billing")
OVERDUE: Final = Question("billing", "/api/invoices", (("status", "overdue"), ("limit", _FEW)))
ILL: Final = Question(
    "agent-registry", "/agents", (("status", "unhealthy"), ("status", "offline"), ("limit", _FEW))
)


def performance(limit: int, cursor: str | None = None) -> Question:
    """How agents are doing."""
    params = (("limit", str(limit)), *(() if cursor is None else (("cursor", cursor),)))
    return Question("analytics", "/api/agents/performance", params)


def stats(days: int) -> Question:
    """What happened in so many days, and in as many before."""
    return Question("analytics", "/api/usage/stats", (("period_days", str(days)),))


def health(service: str) -> Question:
    """How a service is; one that cannot do its work says so with 503."""
    return Question(service, "/health", (), (200, 503))


class DashboardService:
    """Gathers what the others say.

    Args:
        gatherer: Asks them.
        activities: What has happened lately.
        events: The delivery of events.
        catalogue: Every service that there may be.
        clock: Time.
    """

    def __init__(
        self,
        gatherer: Gatherer,
        activities: Activities,
        events: Events,
        catalogue: Sequence[str],
        clock: Clock,
    ) -> None:
        self._gatherer = gatherer
        self._activities = activities
        self._events = events
        self._catalogue = tuple(catalogue)
        self._clock = clock

    async def page(self, caller: Caller) -> Page:
        """Everything in one.

        Raises:
            NothingToShow: No part of it is there.
        """
        begun = self._clock.now()
        summary, money, agents, activity, warned, status = await asyncio.gather(
            self._numbers(caller),
            self._money(caller),
            self.agents(caller, SHOWN, None, lenient=True),
            self._lately(caller),
            self.alerts(caller),
            self._status(caller),
        )
        parts = (summary, money, agents, activity, warned, status)
        lacks = _distinct(lack for part in parts for lack in part.lacks)
        if all(part.body is None for part in parts):
            raise NothingToShow(lacks)
        return Page(
            summary.body,
            money.body,
            agents.body,
            activity.body,
            warned.body,
            status.body,
            lacks,
            min(utc(begun), *(part.as_of for part in parts)),
        )

    async def summary(self, caller: Caller, *, anew: bool = False) -> Part:
        """The numbers of all together. Those that are missing are null.

        Args:
            caller: Who asks.
            anew: Whether what was heard a moment ago will not do.
        """
        if anew:
            self._gatherer.forget(caller.namespace, (SUMMARY, MONEY))
        numbers, money = await asyncio.gather(self._numbers(caller), self._money(caller))
        body = dict.fromkeys(_NUMBERS) | _object(numbers.body) | {"money": money.body}
        there = numbers.body is not None or money.body is not None
        return Part(
            body if there else None,
            min(numbers.as_of, money.as_of),
            _distinct((*numbers.lacks, *money.lacks)),
        )

    async def agents(
        self, caller: Caller, limit: int, cursor: str | None, *, lenient: bool = False
    ) -> Part:
        """How agents are doing.

        Raises:
            InvalidInput: The cursor is none.
            NothingToShow: Nobody knows; not where it is asked leniently.
        """
        (found,) = await self._gatherer.ask(caller, [performance(limit, cursor)])
        if isinstance(found, Missing):
            if cursor is not None and found.status == HTTPStatus.UNPROCESSABLE_ENTITY:
                raise InvalidInput("cursor", "must be the one of a Link header")
            if not lenient:
                raise NothingToShow([_lack(found)])
        return _part(found)

    async def activity(self, caller: Caller, limit: int, before: int | None) -> Part:
        """What has happened lately, the newest first.

        Raises:
            Unavailable: The database does not answer.
        """
        at = utc(self._clock.now())
        found = await self._activities.before(caller.namespace, limit + 1, before)
        page = found[:limit]
        return Part(page, at, cursor=str(page[-1].id) if len(found) > limit else None)

    async def stats(self, caller: Caller, days: int) -> Part:
        """What happened in so many days, beside as many before.

        Raises:
            NothingToShow: Nobody knows.
        """
        (found,) = await self._gatherer.ask(caller, [stats(days)])
        if isinstance(found, Missing):
            raise NothingToShow([_lack(found)])
        return _part(found)

    async def alerts(self, caller: Caller) -> Part:
        """What somebody should look at. What cannot be known now is an alert itself, by the service
        that should have known it.
        """
        outcomes = await self._gatherer.ask(caller, [MONEY, OVERDUE, ILL, stats(LATELY)])
        parked, statuses = await asyncio.gather(self._parked(caller), self._status(caller))
        money, overdue, ill, past = map(_part, outcomes)
        parts = (money, overdue, ill, past, parked)
        lacks = _distinct(lack for part in parts for lack in part.lacks)
        more = [
            alerts.of_others(kind, len(_objects(part.body)), what)
            for kind, part, what in (
                ("agent", ill, "agents that are offline or unhealthy"),
                ("invoice", overdue, "invoices that are overdue"),
            )
            if part.cursor is not None
        ]
        found = alerts.ordered(
            (
                *more,
                *alerts.of_services(statuses.body or ()),
                *alerts.of_lacks(lacks),
                *alerts.of_budgets(_objects(_object(money.body).get("budgets"))),
                *alerts.of_agents(_objects(ill.body)),
                *alerts.of_events(parked.body or ()),
                *alerts.of_invoices(_objects(overdue.body)),
                *alerts.of_errors(_object(past.body)),
            )
        )
        # That nobody says anything is not worth a list of its own.
        there = any(part.body is not None for part in parts)
        return Part(found if there else None, min(part.as_of for part in parts), lacks)

    async def status(self, caller: Caller) -> Sequence[ServiceStatus]:
        """How every service is."""
        outcomes = await self._gatherer.ask(caller, [health(one) for one in self._catalogue])
        return [
            service_status(name, outcome)
            for name, outcome in zip(self._catalogue, outcomes, strict=True)
        ]

    def refresh(self, caller: Caller) -> datetime:
        """Have everything be asked anew; when that was."""
        self._gatherer.forget(caller.namespace)
        return utc(self._clock.now())

    async def _numbers(self, caller: Caller) -> Part:
        (found,) = await self._gatherer.ask(caller, [SUMMARY])
        return _part(found)

    async def _money(self, caller: Caller) -> Part:
        (found,) = await self._gatherer.ask(caller, [MONEY])
        return _part(found)

    async def _lately(self, caller: Caller) -> Part:
        try:
            return await self.activity(caller, SHOWN, None)
        except Unavailable:
            return self._own_lack("its database does not answer")

    async def _parked(self, caller: Caller) -> Part:
        at = utc(self._clock.now())
        try:
            return Part(await self._events.parked(caller.namespace), at)
        except Unavailable:
            return self._own_lack("its database does not answer")

    async def _status(self, caller: Caller) -> Part:
        """How every service is; None where not one has said anything."""
        at = utc(self._clock.now())
        found = await self.status(caller)
        silent = (Condition.UNREACHABLE, Condition.ABSENT)
        return Part(None if all(one.status in silent for one in found) else found, at)

    def _own_lack(self, problem: str) -> Part:
        now = utc(self._clock.now())
        return Part(None, now, (Lack(OWN, problem, now),))


_NUMBERS: Final = (
    "total_conversations",
    "conversations_today",
    "active_agents",
    "total_agents",
    "total_tokens",
    "total_cost",
    "currency",
    "average_response_time_ms",
    "average_satisfaction",
    "success_rate",
    "data",
)
"""What analytics says in its summary."""


def service_status(name: str, outcome: Outcome) -> ServiceStatus:
    """How a service is by what came of the question."""
    if isinstance(outcome, Missing):
        condition = Condition.ABSENT if outcome.absent else Condition.UNREACHABLE
        return ServiceStatus(name, condition, None, outcome.problem)
    latency = round(outcome.latency * 1000, 3)
    told = _object(outcome.said.body)
    own = _object(told.get("checks")).get(name)
    if isinstance(own, str):
        # It lives in a house with others, which says how each of them is.
        if own == "absent":
            return ServiceStatus(name, Condition.ABSENT, None, "runs nowhere")
        well = own == "ok"
        condition = Condition.HEALTHY if well else Condition.UNHEALTHY
        return ServiceStatus(name, condition, latency, None if well else own)
    well = outcome.said.status == HTTPStatus.OK
    degraded = well and told.get("status") == Condition.DEGRADED.value
    if well and not degraded:
        return ServiceStatus(name, Condition.HEALTHY, latency)
    failed = told.get("failed")
    named = ", ".join(map(str, cast("list[object]", failed))) if isinstance(failed, list) else ""
    return ServiceStatus(
        name,
        Condition.DEGRADED if degraded else Condition.UNHEALTHY,
        latency,
        f"misses {named}" if named else None,
    )


def _part(outcome: Outcome) -> Part:
    if isinstance(outcome, Heard):
        return Part(outcome.said.body, utc(outcome.at), cursor=outcome.said.cursor)
    return Part(None, utc(outcome.at), (_lack(outcome),))


def _lack(missing: Missing) -> Lack:
    return Lack(missing.service, missing.problem, utc(missing.since))


def _distinct(lacks: Iterable[Lack]) -> tuple[Lack, ...]:
    """One for each service and problem, the oldest of each."""
    first: dict[tuple[str, str], Lack] = {}
    for lack in sorted(lacks, key=lambda one: one.since):
        first.setdefault((lack.service, lack.problem), lack)
    return tuple(sorted(first.values(), key=lambda one: (one.service, one.problem)))


def _object(value: Any) -> JsonObject:
    """An object that a service gave; empty where it gave none."""
    return cast("JsonObject", value) if isinstance(value, dict) else {}


def _objects(value: Any) -> list[JsonObject]:
    """The objects in a list that a service gave; what is none is passed over."""
    if not isinstance(value, list):
        return []
    return [one for one in cast("list[Any]", value) if isinstance(one, dict)]
