# SPDX-License-Identifier: Apache-2.0
"""How HTTP asks for the dashboard."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Depends, Header, Query, Request, Response

from rollcall.dashboard import wire
from rollcall.dashboard.changes import Change, Changes, Missed, Numbers
from rollcall.dashboard.export import as_csv
from rollcall.dashboard.models import NothingToShow, Part
from rollcall.dashboard.service import DashboardService
from rollcall.kernel.clock import Clock
from rollcall.kernel.errors import InvalidInput
from rollcall.web.callers import Reader
from rollcall.web.drain import Drain
from rollcall.web.paging import link
from rollcall.web.services import service
from rollcall.web.sse import EventStream, ServerEvent, lagged
from rollcall.web.strict import StrictRoute

Dashboard = Annotated[DashboardService, Depends(service("dashboard_service"))]
LastEventId = Annotated[
    str | None,
    Header(alias="Last-Event-ID", max_length=40, description="Go on behind this event."),
]
_ID: Final = re.compile(r"[0-9]{1,18}")
_STREAM: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "Server-sent events without end: `summary` when numbers are others,"
        " `activity` as it happens, `lagged` with what is no longer kept.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}
_DOWNLOAD: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The page, as a file.",
        "content": {
            "application/json": {"schema": {"type": "object"}},
            "text/csv": {"schema": {"type": "string"}},
        },
    }
}


def router(changes: Changes, clock: Clock, drain: Drain) -> APIRouter:
    """The routes of the dashboard, under `/api/dashboard`.

    Args:
        changes: What streams tell.
        clock: Times their heartbeats.
        drain: Says when they end.
    """
    routes = APIRouter(prefix="/api/dashboard", tags=["dashboard"], route_class=StrictRoute)
    _add_parts(routes)
    _add_numbers(routes)
    _add_whole(routes)
    _add_stream(routes, changes, clock, drain)
    return routes


def _add_whole(routes: APIRouter) -> None:
    @routes.get("")
    async def page(caller: Reader, dashboard: Dashboard) -> wire.PageView:
        """Everything in one. What has failed is null, and named in `unavailable`."""
        return wire.page_view(await dashboard.page(caller))

    @routes.get("/export", response_class=Response, responses=_DOWNLOAD)
    async def export(
        caller: Reader, dashboard: Dashboard, asked: Annotated[wire.ExportQuery, Query()]
    ) -> Response:
        """The page as a file: JSON, or CSV with a line for each value."""
        shown = wire.page_view(await dashboard.page(caller))
        if asked.format is wire.ExportFormat.CSV:
            body, media = as_csv(shown), "text/csv; charset=utf-8"
        else:
            body, media = shown.model_dump_json(), "application/json"
        name = f'attachment; filename="dashboard.{asked.format}"'
        return Response(body, headers={"Content-Disposition": name}, media_type=media)

    @routes.post("/refresh")
    async def refresh(caller: Reader, dashboard: Dashboard) -> wire.Refreshed:
        """Forget what services said a moment ago, and ask them anew."""
        return wire.Refreshed(as_of=dashboard.refresh(caller))


def _add_numbers(routes: APIRouter) -> None:
    @routes.get("/summary")
    async def summary(caller: Reader, dashboard: Dashboard) -> dict[str, Any]:
        """The numbers of analytics, and billing's as `money`. What is missing is null."""
        found = await dashboard.summary(caller)
        return wire.numbers_view(_there(found))

    @routes.get("/metrics")
    async def metrics(
        caller: Reader, dashboard: Dashboard, asked: Annotated[wire.PeriodQuery, Query()]
    ) -> dict[str, Any]:
        """The totals of a period, by model, with the change from the period before."""
        found = await dashboard.stats(caller, asked.period.days)
        body = {name: value for name, value in found.body.items() if name != "by_day"}
        return {**wire.numbers_view(Part(body, found.as_of)), "asked_period": asked.period.value}

    @routes.get("/trends")
    async def trends(
        caller: Reader, dashboard: Dashboard, asked: Annotated[wire.PeriodQuery, Query()]
    ) -> dict[str, Any]:
        """A period day by day, with the change from the period before; null where nothing was."""
        found = await dashboard.stats(caller, asked.period.days)
        names = ("period", "by_day", "previous", "change", "currency", "data")
        body = {name: found.body.get(name) for name in names}
        return {**wire.numbers_view(Part(body, found.as_of)), "asked_period": asked.period.value}


def _add_parts(routes: APIRouter) -> None:
    @routes.get("/agents")
    async def agents(
        caller: Reader,
        dashboard: Dashboard,
        asked: Annotated[wire.AgentsQuery, Query()],
        request: Request,
        response: Response,
    ) -> list[dict[str, Any]]:
        """How agents are doing; the next page is in the `Link` header."""
        found = await dashboard.agents(caller, asked.limit, asked.after)
        _lead_on(found, request, response)
        return found.body

    @routes.get("/activity")
    async def activity(
        caller: Reader,
        dashboard: Dashboard,
        asked: Annotated[wire.ActivityQuery, Query()],
        request: Request,
        response: Response,
    ) -> list[wire.ActivityView]:
        """What has happened lately, the newest first; the next page is in the `Link` header."""
        found = await dashboard.activity(caller, asked.limit, asked.cursor)
        _lead_on(found, request, response)
        return [wire.activity_view(one) for one in found.body]

    @routes.get("/alerts")
    async def alerts(caller: Reader, dashboard: Dashboard) -> list[wire.AlertView]:
        """What somebody should look at, the most urgent first. A service that could not be asked
        is an alert of its own.
        """
        found = _there(await dashboard.alerts(caller))
        return [wire.alert_view(one) for one in found.body]

    @routes.get("/status")
    async def status(caller: Reader, dashboard: Dashboard) -> list[wire.StatusView]:
        """How every service is."""
        return [wire.status_view(one) for one in await dashboard.status(caller)]


def _add_stream(routes: APIRouter, changes: Changes, clock: Clock, drain: Drain) -> None:
    @routes.get("/stream", response_class=Response, responses=_STREAM)
    async def stream(caller: Reader, last_event_id: LastEventId = None) -> Response:
        """Follow the dashboard as it changes. Give the id of the last event to miss nothing."""
        source = await changes.follow(caller, _known(last_event_id), _event)
        return EventStream(source, clock, drain)


def _known(last: str | None) -> int | None:
    if last is None:
        return None
    if _ID.fullmatch(last) is None:
        raise InvalidInput("Last-Event-ID", "must be the id of an event that was received")
    return int(last)


def _event(one: Change) -> ServerEvent:
    if isinstance(one, Numbers):
        return ServerEvent(msgspec.json.encode(wire.numbers_view(one.part)), "summary", str(one.id))
    if isinstance(one, Missed):
        told = lagged(one.count)
        return ServerEvent(told.data, told.event, str(one.id))
    view = wire.activity_view(one)
    return ServerEvent(view.model_dump_json().encode(), "activity", str(one.id))


def _there(part: Part) -> Part:
    """A part that has something to show.

    Raises:
        NothingToShow: It has not.
    """
    if part.body is None:
        raise NothingToShow(part.lacks)
    return part


def _lead_on(part: Part, request: Request, response: Response) -> None:
    if part.cursor is not None:
        response.headers["Link"] = link(request.url, part.cursor)
