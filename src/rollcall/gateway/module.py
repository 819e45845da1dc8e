# SPDX-License-Identifier: Apache-2.0
"""How the gateway plugs into an application."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from random import Random

from starlette.middleware import Middleware

from rollcall.gateway.asking import Asking, Wellness
from rollcall.gateway.catalogue import SERVICES
from rollcall.gateway.connections import Connections
from rollcall.gateway.door import Door
from rollcall.gateway.forwarding import Forwarder
from rollcall.gateway.limiting import LimitTable, RouteLimit
from rollcall.gateway.metrics import GatewayMetrics
from rollcall.gateway.models import GatewayService, RouteTable
from rollcall.gateway.problems import PROBLEMS
from rollcall.gateway.settings import GatewaySettings
from rollcall.gateway.showing import Showing
from rollcall.gateway.sockets import Sockets
from rollcall.gateway.targets import Deployment, Targets
from rollcall.gateway.upstreams import Upstreams
from rollcall.kernel.clock import Clock
from rollcall.web.background import BackgroundTask
from rollcall.web.drain import Drain
from rollcall.web.module import Module


def module(
    *,
    clock: Clock,
    rng: Random,
    drain: Drain,
    deployment: Deployment,
    services: Sequence[GatewayService] = SERVICES,
    settings: GatewaySettings | None = None,
    limits: Sequence[RouteLimit] = (),
) -> Module:
    """The gateway.

    Args:
        clock: Time.
        rng: Chooses among instances that are equally busy.
        drain: Says when streams must end.
        deployment: Where services run.
        services: Those that it has paths of.
        settings: Patience and limits.
        limits: How often single routes may be asked for.

    Raises:
        InvalidInput: A URL or a pattern is none.
    """
    settings = settings or GatewaySettings()
    connections = Connections(settings.connections, settings.connect_seconds, clock)
    table = RouteTable(services)
    targets = Targets(table.services, deployment)
    metrics = GatewayMetrics()
    upstreams = Upstreams(settings, clock, rng)
    forwarder = Forwarder(targets, upstreams, settings, metrics, clock, connections)
    sockets = Sockets(targets, upstreams, settings, metrics, clock)
    asking = Asking(targets, connections, clock)
    wellness = Wellness(asking, targets, clock)

    async def end_streams() -> None:
        await drain.wait()
        forwarder.drain()
        await sockets.drain()

    @asynccontextmanager
    async def lines() -> AsyncGenerator[None]:
        try:
            yield
        finally:
            connections.close()

    showing = Showing(table, targets, asking, clock)
    limiting = LimitTable(limits, clock)
    door = Middleware(
        Door, table, targets, settings, forwarder, sockets, showing, metrics, limiting
    )
    return Module(
        name="gateway",
        doors=(door,),
        tasks=(BackgroundTask("gateway streams", end_streams),),
        pings=tuple(wellness.ping(one) for one in table.services),
        problems=PROBLEMS,
        collectors=(metrics,),
        lifespans=(lines,),
        unaudited=tuple(table.patterns),
        cross_origin=tuple(path for one in services for path in one.cross_origin),
    )
