"""A gateway behind a real socket, and services behind it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from urllib.parse import urlsplit

from starlette.types import ASGIApp

from rollcall.gateway.limiting import RouteLimit
from rollcall.gateway.models import GatewayService
from rollcall.gateway.module import module
from rollcall.gateway.ports import Instance, Instances
from rollcall.gateway.settings import GatewaySettings
from rollcall.gateway.targets import Deployment
from rollcall.kernel.clock import Clock, SystemClock
from rollcall.kernel.ids import RandomIds
from rollcall.web.audit import InMemoryAuditLog
from rollcall.web.auth import OpenAccess
from rollcall.web.drain import Drain
from rollcall.web.module import Kit, Module, create_app
from support.hosting import hosted

SHOP = GatewayService(
    "shop",
    "the shop",
    ("/api/shop/**",),
    prefix="/services/shop",
    registered="shop-service",
    variable="SHOP_URL",
    public=("/services/shop/health", "/services/shop/openapi.json"),
)
"""A service that is found at its own paths, and under a prefix."""


@dataclass
class Registered:
    """A registry that knows what a test tells it."""

    places: Sequence[Instance] = ()
    asked: int = 0

    async def find(self, service: str) -> Sequence[Instance]:
        self.asked += 1
        return self.places if service == SHOP.registered else ()


def instance(url: str) -> Instance:
    """The instance at `url`."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    return Instance(id=f"shop-{parts.port}", host=parts.hostname, port=parts.port)


def kit(clock: Clock | None = None) -> Kit:
    """Of a service on the loopback that everybody there may use."""
    return Kit(
        "gateway",
        "1.2.3",
        clock or SystemClock(),
        RandomIds(),
        OpenAccess(),
        InMemoryAuditLog(),
        Drain(),
    )


def gateway_of(
    kit: Kit,
    deployment: Deployment,
    *,
    services: Sequence[GatewayService] = (SHOP,),
    settings: GatewaySettings | None = None,
    limits: Sequence[RouteLimit] = (),
) -> Module:
    """The gateway's module."""
    return module(
        clock=kit.clock,
        rng=Random(7),
        drain=kit.drain,
        deployment=deployment,
        services=services,
        settings=settings,
        limits=limits,
    )


@contextlib.contextmanager
def gateway(
    *urls: str,
    settings: GatewaySettings | None = None,
    local: Mapping[str, ASGIApp] | None = None,
    of: Kit | None = None,
    registry: Instances | None = None,
) -> Iterator[str]:
    """The URL of a gateway in front of the instances at `urls`, or in `registry`."""
    used = of or kit()
    found = registry or Registered([instance(one) for one in urls])
    deployment = Deployment(found, local or {})

    @contextlib.asynccontextmanager
    async def opened() -> AsyncIterator[ASGIApp]:
        app = create_app([gateway_of(used, deployment, settings=settings)], used)
        async with app.router.lifespan_context(app):
            yield app

    with hosted(opened) as url:
        yield url


@contextlib.contextmanager
def served(app: ASGIApp) -> Iterator[str]:
    """The URL of an application that needs no opening."""

    @contextlib.asynccontextmanager
    async def opened() -> AsyncIterator[ASGIApp]:
        yield app

    with hosted(opened) as url:
        yield url


def with_limits(used: Kit, **limits: int) -> Kit:
    """A kit with other limits."""
    return replace(used, limits=replace(used.limits, **limits))
