# SPDX-License-Identifier: Apache-2.0
"""The dashboard: what it is made of."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from rollcall.app.gateway import instances_of, urls_of
from rollcall.app.own import Registration
from rollcall.app.service_calls import NAMES, ServiceCalls
from rollcall.backends.eventlog.parked import SqlParked
from rollcall.dashboard.changes import Changes
from rollcall.dashboard.gathering import PATIENCE, Gatherer
from rollcall.dashboard.models import Condition
from rollcall.dashboard.module import module as dashboard
from rollcall.dashboard.ports import NotAnswered
from rollcall.dashboard.repository import SqlActivities
from rollcall.dashboard.service import DashboardService, health, service_status
from rollcall.kernel.caller import READ, Caller
from rollcall.registry.models import DEFAULT_NAMESPACE
from rollcall.web.health import Ping
from rollcall.web.module import Module

if TYPE_CHECKING:
    from rollcall.app.compose import Platform

DASHBOARD: Final = Registration(
    "dashboard-service",
    "api",
    "What the other services say, on one page",
    capabilities=("dashboard", "alerts", "service status"),
    tags=("dashboard",),
)


_SOURCES: Final = ("analytics", "billing")
"""Services without which a dashboard has little to show."""
_ITSELF: Final = Caller("service:dashboard", DEFAULT_NAMESPACE, frozenset({READ}))


def dashboard_service(platform: Platform) -> Sequence[Module]:
    """The dashboard (document 4).

    Raises:
        InvalidInput: A setting is no URL.
    """
    clock = platform.clock
    instances = instances_of(platform)
    calls = ServiceCalls(instances, platform.apps, urls_of(platform), platform.passes, clock)
    gatherer = Gatherer(calls, clock)
    activities = SqlActivities(platform.database)
    service = DashboardService(gatherer, activities, SqlParked(platform.database), NAMES, clock)
    platform.parts.register("dashboard_service", service)

    @asynccontextmanager
    async def asking() -> AsyncGenerator[None]:
        try:
            yield
        finally:
            calls.close()
            await instances.close()

    def ping(name: str) -> Ping:
        async def ask() -> str | None:
            (found,) = await gatherer.ask(_ITSELF, [health(name)])
            status = service_status(name, found)
            if status.status in (Condition.UNHEALTHY, Condition.UNREACHABLE):
                raise NotAnswered(status.detail or status.status.value)
            return "absent" if status.status is Condition.ABSENT else None

        # A little more than the service itself has, so that it is named by what it did.
        return Ping(name, ask, timeout=PATIENCE * 1.25, vital=False)

    return (
        Module(name="asking", pings=[ping(name) for name in _SOURCES], lifespans=(asking,)),
        dashboard(Changes(service, activities, clock), gatherer, activities, clock, platform.drain),
    )
