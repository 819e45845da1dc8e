# SPDX-License-Identifier: Apache-2.0
"""How a feature plugs in, and how features become one application."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp

from rollcall.events.subscriptions import Subscription
from rollcall.kernel.caller import READ
from rollcall.kernel.clock import Clock
from rollcall.kernel.ids import IdSource
from rollcall.kernel.services import ServiceRegistry
from rollcall.web import catching, openapi
from rollcall.web.audit import AuditLog, AuditMiddleware
from rollcall.web.auth import Access, AccessMiddleware, require
from rollcall.web.background import BackgroundTask, Supervisor
from rollcall.web.bodies import BodyLimit
from rollcall.web.catching import Dialects, ProblemMiddleware
from rollcall.web.correlation import CorrelationMiddleware
from rollcall.web.cors import CorsMiddleware, CorsPolicy
from rollcall.web.drain import Drain
from rollcall.web.express import Express, ExpressRoute, Working
from rollcall.web.health import Condition, Facts, Health, Ping
from rollcall.web.limits import HeadLimit, Limits, RateLimit, RateLimiter
from rollcall.web.metrics import Collector, Metrics, MetricsMiddleware, watch_loop
from rollcall.web.problems import Kind, Problems, ProblemTable
from rollcall.web.proxies import Networks, ProxyMiddleware
from rollcall.web.traces import Traces, TracesMiddleware

Lifespan = Callable[[], AbstractAsyncContextManager[object]]
"""What a module opens before the first request and closes after the last."""


@dataclass(frozen=True)
class Module:
    """What a feature brings along.

    Args:
        name: Its name, unique in an application.
        routers: Its routes; a caller needs the scope `read` for each, and what the route asks for.
        public_routers: Routes for everybody, callers unknown among them.
        subscriptions: Which events it wants; `compose` gives them to the dispatcher.
        tasks: What runs beside the requests.
        pings: What it stands on.
        facts: What it adds to `/health`.
        problems: Its own errors.
        collectors: Its own figures.
        lifespans: What it opens and closes, opened in order and closed in reverse.
        unaudited: Its routes that need no audit entry, as declared (`/agents/{id}/heartbeat`).
        unbounded: Paths whose bodies may be of any length, since they are read piece by piece.
        express: Its routes that are answered the short way where that can be.
        dialects: By the beginning of a path, how the problems of a foreign protocol look there.
        doors: What sees requests before the routes do: who asks, and how often, is known by then;
            bodies have not been read, and have no limit yet.
        cross_origin: Beginnings of paths, whole segments, on which its routes answer preflights
            themselves and say which pages of other origins may read them.
        outer: What sees all requests before anything can refuse them, and all answers, refusals
            among them.
    """

    name: str
    routers: Sequence[APIRouter] = ()
    public_routers: Sequence[APIRouter] = ()
    subscriptions: Sequence[Subscription[Any]] = ()
    tasks: Sequence[BackgroundTask] = ()
    pings: Sequence[Ping] = ()
    facts: Sequence[Facts] = ()
    problems: Mapping[type[Exception], Kind] = field(default_factory=dict[type[Exception], Kind])
    collectors: Sequence[Collector] = ()
    lifespans: Sequence[Lifespan] = ()
    unaudited: Sequence[str] = ()
    unbounded: Sequence[str] = ()
    express: Sequence[ExpressRoute] = ()
    dialects: Dialects = field(default_factory=dict[str, Callable[[Response], Response]])
    doors: Sequence[Middleware] = ()
    cross_origin: Sequence[str] = ()
    outer: Sequence[Middleware] = ()


@dataclass(frozen=True)
class Kit:
    """What every service is given.

    Args:
        service: Its name.
        version: Its version.
        clock: Its time.
        ids: Its randomness.
        access: Who its callers are.
        audit: Where changes are noted.
        drain: Says when its streams must end.
        development: Whether answers show what went wrong inside.
        limits: What a request may be.
        rate: How often a caller may ask; None: as often as it likes.
        health_paths: Where its health is told, to everybody.
        traces: Makes spans of its requests; None: nobody asked for them.
        cors: Which pages of other origins may ask; None: none.
        services: What its routes look services up in (`web.services`).
        proxies: Networks of proxies whose word on who sent a request counts.
    """

    service: str
    version: str
    clock: Clock
    ids: IdSource
    access: Access
    audit: AuditLog
    drain: Drain
    development: bool = False
    limits: Limits = field(default_factory=Limits)
    rate: RateLimiter | None = None
    health_paths: Sequence[str] = ("/health",)
    traces: Traces | None = None
    cors: CorsPolicy | None = None
    services: ServiceRegistry = field(default_factory=ServiceRegistry)
    proxies: Networks = ()


def create_app(modules: Sequence[Module], kit: Kit) -> FastAPI:
    """One application of several modules, with `/health`, `/metrics`, `/docs`.

    At the start the modules' lifespans are opened, in order; if one fails, those opened before are
    closed again. Then their background tasks run. At the end all of that goes backwards.

    Raises:
        ValueError: Two modules have one name, or two lines for one error.
    """
    names = [module.name for module in modules]
    if len(set(names)) < len(names):
        raise ValueError(f"two modules have the same name: {', '.join(sorted(names))}")
    metrics = Metrics()
    problems = Problems(
        ProblemTable(*(module.problems for module in modules)), development=kit.development
    )
    lag = BackgroundTask("loop-lag", lambda: watch_loop(metrics, kit.clock))
    supervisor = Supervisor(
        [lag, *(task for module in modules for task in module.tasks)], kit.clock
    )
    health = Health(
        kit.service,
        kit.version,
        [*(ping for module in modules for ping in module.pings), *supervisor.pings],
        kit.clock,
        [facts for module in modules for facts in module.facts],
    )
    unaudited = {route for module in modules for route in module.unaudited}
    unbounded = {path for module in modules for path in module.unbounded}
    dialects = {path: one for module in modules for path, one in module.dialects.items()}
    app = FastAPI(
        title=kit.service,
        version=kit.version,
        lifespan=_lifespan(modules, supervisor, kit.drain),
        middleware=_middleware(kit, metrics, problems, dialects, unaudited, unbounded, modules),
        responses=openapi.RESPONSES,
    )
    app.state.service_registry = kit.services
    catching.install(app, problems, dialects)
    for module in modules:
        for collector in module.collectors:
            collector.register(metrics.registry)
        for router in module.routers:
            app.include_router(router, dependencies=[Depends(require(READ))])
        for router in module.public_routers:
            app.include_router(router)
    _add_own_routes(app, kit, health, metrics)
    if kit.access.authenticated:
        openapi.declare_bearer(app)
    # What is answered the short way has no span, and no word on other origins or senders.
    plain = kit.traces is None and kit.cors is None and not (kit.proxies and kit.rate)
    routes = [route for module in modules for route in module.express if plain]
    working: ASGIApp = ProblemMiddleware(Working(), problems)
    working = AuditMiddleware(working, kit.audit, problems, metrics, kit.clock, unaudited)
    working = CorrelationMiddleware(MetricsMiddleware(working, metrics, kit.clock), kit.ids)
    app.state.express = Express(
        routes, working, kit.access, kit.clock, kit.ids, metrics, kit.limits, kit.rate
    )
    return app


def express_of(app: FastAPI) -> Express:
    """The short ways of an application that `create_app` made."""
    express: Express = app.state.express
    return express


def _lifespan(
    modules: Sequence[Module], supervisor: Supervisor, drain: Drain
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        async with AsyncExitStack() as stack:
            for module in modules:
                for opened in module.lifespans:
                    await stack.enter_async_context(opened())
            await stack.enter_async_context(supervisor)
            stack.callback(drain.begin)
            yield

    return lifespan


def _middleware(
    kit: Kit,
    metrics: Metrics,
    problems: Problems,
    dialects: Dialects,
    unaudited: set[str],
    unbounded: set[str],
    modules: Sequence[Module],
) -> list[Middleware]:
    """From the outside to the inside. What refuses stands inside of what tells and counts it."""
    rate = [Middleware(RateLimit, kit.rate)] if kit.rate is not None else []
    traces = [Middleware(TracesMiddleware, kit.traces)] if kit.traces is not None else []
    apart = [path for module in modules for path in module.cross_origin]
    cors = [Middleware(CorsMiddleware, kit.cors, apart)] if kit.cors is not None else []
    doors = [door for module in modules for door in module.doors]
    proxies = [Middleware(ProxyMiddleware, kit.proxies)] if kit.proxies else []
    return [
        *proxies,
        *traces,
        Middleware(CorrelationMiddleware, kit.ids),
        Middleware(MetricsMiddleware, metrics, kit.clock),
        *cors,
        *(one for module in modules for one in module.outer),
        Middleware(AuditMiddleware, kit.audit, problems, metrics, kit.clock, unaudited),
        Middleware(ProblemMiddleware, problems, dialects),
        Middleware(HeadLimit, kit.limits),
        Middleware(AccessMiddleware, kit.access),
        *rate,
        *doors,
        Middleware(BodyLimit, kit.limits, unbounded),
    ]


def _add_own_routes(app: FastAPI, kit: Kit, health: Health, metrics: Metrics) -> None:
    async def tell_health() -> Response:
        condition, body = await health.report()
        return JSONResponse(body, 503 if condition is Condition.UNHEALTHY else 200)

    async def tell_metrics(request: Request) -> Response:
        return metrics.response(request.headers.get("accept", ""))

    for path in kit.health_paths:
        app.add_api_route(
            path, tell_health, tags=["service"], responses=openapi.HEALTH, response_class=Response
        )
    app.add_api_route(
        "/metrics",
        tell_metrics,
        tags=["service"],
        dependencies=[Depends(require(READ, whole=True))],
        responses=openapi.METRICS,
        response_class=Response,
    )
