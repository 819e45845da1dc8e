# SPDX-License-Identifier: Apache-2.0
"""How HTTP asks for numbers about conversations."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse

from rollcall.analytics import exports, wire
from rollcall.analytics.api import Analytics
from rollcall.analytics.figures import (
    AgentDetail,
    AgentFigure,
    DayFigure,
    IndustryFigure,
    Overview,
    Stats,
    Summary,
)
from rollcall.analytics.models import Kind
from rollcall.analytics.periods import Period
from rollcall.analytics.queries import EXPORTED
from rollcall.analytics.questions import Export
from rollcall.analytics.service import AnalyticsService
from rollcall.analytics.spooling import ahead
from rollcall.kernel.caller import Caller
from rollcall.kernel.errors import InvalidInput
from rollcall.web.callers import Reader
from rollcall.web.lines import check_line
from rollcall.web.paging import link
from rollcall.web.strict import StrictRoute

_KINDS = {"conversations": Kind.CONVERSATION, "usage": Kind.USAGE}


async def _agent_id(agent_id: str) -> str:
    return check_line("agent_id", agent_id, wire.MAX_ID)


AgentId = Annotated[str, Depends(_agent_id)]


def numbers_router() -> APIRouter:
    """The routes of numbers, under `/api`."""
    routes = APIRouter(prefix="/api", tags=["analytics"], route_class=StrictRoute)
    _add_wholes(routes)
    _add_agents(routes)
    _add_export(routes)
    return routes


def _add_wholes(routes: APIRouter) -> None:
    @routes.get("/usage/stats")
    async def stats(
        caller: Reader, analytics: Analytics, asked: Annotated[wire.StatsQuery, Query()]
    ) -> Stats:
        """What conversations came to in some days, and how that compares with those before."""
        days = await _days(analytics, caller, asked)
        return await analytics.reports.stats(caller.namespace, days, asked.agent)

    @routes.get("/analytics")
    async def overview(
        caller: Reader, analytics: Analytics, asked: Annotated[wire.DaysQuery, Query()]
    ) -> Overview:
        """Some days at a glance."""
        days = await _days(analytics, caller, asked)
        return await analytics.reports.overview(caller.namespace, days)

    @routes.get("/industries/metrics")
    async def industries(
        caller: Reader, analytics: Analytics, asked: Annotated[wire.DaysQuery, Query()]
    ) -> list[IndustryFigure]:
        """What the agents of each line of business did in some days."""
        days = await _days(analytics, caller, asked)
        return await analytics.reports.industries(caller.namespace, days)

    @routes.get("/dashboard/summary")
    async def summary(caller: Reader, analytics: Analytics) -> Summary:
        """Everything since the beginning, for a page's head."""
        return await analytics.reports.summary(caller.namespace)


def _add_agents(routes: APIRouter) -> None:
    # Before the paths with an id in them.
    @routes.get("/agents/performance")
    async def agents(
        caller: Reader,
        analytics: Analytics,
        asked: Annotated[wire.AgentsQuery, Query()],
        request: Request,
        response: Response,
    ) -> list[AgentFigure]:
        """What each agent did in some days, or each of these, by id; `Link` leads to more."""
        days = await _days(analytics, caller, asked)
        found = await analytics.reports.agents(caller.namespace, days, asked.ids)
        start = 0
        if asked.cursor is not None:
            start = bisect_right([one.agent_id for one in found], asked.cursor)
        page = found[start : start + asked.limit]
        if start + asked.limit < len(found):
            response.headers["Link"] = link(request.url, page[-1].agent_id)
        return page

    @routes.get("/agents/{agent_id}/performance")
    async def agent(
        caller: Reader,
        analytics: Analytics,
        agent_id: AgentId,
        asked: Annotated[wire.DaysQuery, Query()],
    ) -> AgentDetail:
        """What an agent did in some days, in detail."""
        days = await _days(analytics, caller, asked)
        return await analytics.reports.agent(caller.namespace, agent_id, days)


def _add_export(routes: APIRouter) -> None:
    files: dict[str, Any] = {
        media_type.partition(";")[0]: {} for media_type in exports.MEDIA_TYPES.values()
    }

    @routes.get(
        "/analytics/export",
        response_class=StreamingResponse,
        responses={200: {"content": files, "description": "The file."}},
    )
    async def export(
        caller: Reader, analytics: Analytics, asked: Annotated[wire.ExportQuery, Query()]
    ) -> StreamingResponse:
        """Conversations or usages, fact by fact, or sums by day or agent, as a file."""
        agent_id = wire.checked("agent_id", asked.agent_id)
        days = await _days(analytics, caller, asked)
        content = await exports.begun(
            await _content(analytics, caller.namespace, asked, days, agent_id)
        )
        name = f"{asked.what}-{days.first}-{days.last}.{asked.format}"
        return StreamingResponse(
            content,
            media_type=exports.MEDIA_TYPES[asked.format],
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )


async def _days(analytics: AnalyticsService[Any], caller: Caller, asked: wire.DaysQuery) -> Period:
    return await analytics.reports.period(
        caller.namespace, asked.period_days, asked.first, asked.last
    )


async def _content(
    analytics: AnalyticsService[Any],
    namespace: str,
    asked: wire.ExportQuery,
    days: Period,
    agent_id: str | None,
) -> AsyncIterator[bytes]:
    kind = _KINDS.get(asked.what)
    if kind is not None:
        question = Export(kind=kind, namespace=namespace, span=days.span, agent_id=agent_id)
        if asked.format == "parquet":
            return analytics.store.parquet(question)
        rows = exports.timed(analytics.store.stream(question))
        columns = ["time" if name == "time_us" else name for name in EXPORTED[kind]]
        as_json = asked.format == "json"
        return ahead(exports.as_json(rows) if as_json else exports.as_csv(columns, rows))
    if asked.format == "parquet":
        raise InvalidInput("format", "must be csv or json for sums by day or agent")
    reports = analytics.reports
    if asked.what == "days":
        figures: list[Any] = list((await reports.stats(namespace, days, agent_id)).by_day)
    else:
        figures = [
            one for one in await reports.agents(namespace, days) if agent_id in {None, one.agent_id}
        ]
    return _sums(figures, asked.format, agent=asked.what == "agents")


def _sums(figures: list[Any], shape: exports.Format, *, agent: bool) -> AsyncIterator[bytes]:
    rows = exports.at_once([dict(one) for one in figures])
    columns = list((AgentFigure if agent else DayFigure).model_fields)
    return exports.as_json(rows) if shape == "json" else exports.as_csv(columns, rows)
