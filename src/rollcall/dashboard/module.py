# SPDX-License-Identifier: Apache-2.0
"""How the dashboard plugs into an application."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Final

from rollcall.dashboard.activity import TYPES
from rollcall.dashboard.api import router
from rollcall.dashboard.changes import Changes
from rollcall.dashboard.gathering import Gatherer
from rollcall.dashboard.metrics import DashboardMetrics
from rollcall.dashboard.models import NothingToShow, TooManyStreams
from rollcall.dashboard.repository import SqlActivities
from rollcall.events.subscriptions import Batch
from rollcall.kernel.clock import Clock
from rollcall.web.drain import Drain
from rollcall.web.module import Module
from rollcall.web.problems import Kind

GROUP: Final = "dashboard-activity"
PROBLEMS: Final[Mapping[type[Exception], Kind]] = {
    NothingToShow: Kind(
        503,
        "nothing-to-show",
        "None of the services that know has answered",
        ("unavailable",),
        retry_after=1,
    ),
    TooManyStreams: Kind(
        503, "too-many-streams", "Too many streams are open", ("limit",), retry_after=10
    ),
}


def module(
    changes: Changes, gatherer: Gatherer, activities: SqlActivities, clock: Clock, drain: Drain
) -> Module:
    """The dashboard: its routes, over `dashboard_service`, and what it notes of events.

    Args:
        changes: What its streams tell.
        gatherer: Asks the other services.
        activities: Where what happens is noted.
        clock: Time.
        drain: Says when streams end.
    """

    @asynccontextmanager
    async def asking() -> AsyncGenerator[None]:
        try:
            yield
        finally:
            await changes.close()
            await gatherer.close()

    return Module(
        name="dashboard",
        routers=(router(changes, clock, drain),),
        subscriptions=(Batch(GROUP, TYPES, activities.note),),
        problems=PROBLEMS,
        collectors=(DashboardMetrics(gatherer, changes),),
        lifespans=(asking,),
        unaudited=("/api/dashboard/refresh",),
    )
