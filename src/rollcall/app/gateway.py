# SPDX-License-Identifier: Apache-2.0
"""The gateway of this process, with definitions, memories and the graph among its own routes."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from ipaddress import IPv4Network, IPv6Network, ip_network
from random import Random
from typing import TYPE_CHECKING, Final

from rollcall.agents.module import module as definitions
from rollcall.app.instances import LocalGuests, LocalInstances, RemoteGuests, RemoteInstances
from rollcall.app.own import Registration
from rollcall.app.settings import Settings, named
from rollcall.gateway.catalogue import SERVICES
from rollcall.gateway.guests import guests
from rollcall.gateway.instances_api import module as instances_told
from rollcall.gateway.limiting import route_limits
from rollcall.gateway.models import GatewayService
from rollcall.gateway.module import module as gateway
from rollcall.gateway.nginx import NginxOptions
from rollcall.gateway.ports import Instances, NoInstances
from rollcall.gateway.settings import GatewaySettings
from rollcall.gateway.targets import Deployment
from rollcall.kernel.errors import InvalidInput
from rollcall.memory.graph_api import graph_parts
from rollcall.memory.module import module as memories
from rollcall.web.cors import CorsPolicy
from rollcall.web.module import Module

if TYPE_CHECKING:
    from rollcall.app.compose import Platform

GATEWAY: Final = Registration(
    "api-gateway",
    "gateway",
    "One address for every service, with definitions of agents, memories and the knowledge graph",
    capabilities=("agent definitions", "memory", "knowledge graph", "routing"),
    tags=("gateway",),
)
_HERE: Final = ("agents", "memory")
"""What the gateway's own application answers, by the names of its catalogue."""
_REGISTRY: Final = "SERVICE_REGISTRY_URL"


def gateway_service(platform: Platform) -> Sequence[Module]:
    """The gateway (documents 3 and 4).

    Raises:
        InvalidInput: A setting is no URL, no network, or no route that is free.
    """
    settings, shared = platform.settings, platform.shared
    instances = instances_of(platform)
    own = guests_in(settings)
    others = guests_of(platform, [one.name for one in own]) if own else None

    @asynccontextmanager
    async def asking() -> AsyncGenerator[None]:
        try:
            yield
        finally:
            await instances.close()
            if others is not None:
                await others.close()

    return (
        gateway(
            clock=platform.clock,
            rng=Random(),
            drain=platform.drain,
            deployment=Deployment(
                instances=instances,
                local=platform.apps,
                here=_HERE,
                urls=urls_of(platform),
                guests=others or NoInstances(),
            ),
            services=(*SERVICES, *own),
            limits=route_limits(settings.gateway_limits),
            settings=GatewaySettings(trusted_proxies=proxies(settings.trusted_proxies)),
        ),
        definitions(),
        memories(shared.memories.upkeep, platform.clock, graph_parts(shared.extractor)),
        Module(name="shared", lifespans=(asking, shared.lifespan)),
    )


def check(settings: Settings) -> None:
    """Whether the gateway's settings make sense, but for each single URL.

    Raises:
        InvalidInput: One does not.
    """
    settings.urls()
    origins(settings)
    proxies(settings.trusted_proxies)
    guests_in(settings)
    route_limits(settings.gateway_limits)


def guests_in(settings: Settings) -> Sequence[GatewayService]:
    """The services of an operator's own that the settings name.

    Raises:
        InvalidInput: A route is none, or is taken.
    """
    return guests(settings.gateway_routes, SERVICES, ("gateway", GATEWAY.name))


def origins(settings: Settings) -> CorsPolicy | None:
    """Whose pages may ask the gateway; None: nobody's.

    Raises:
        InvalidInput: An origin is none.
    """
    some = tuple(one.strip() for one in settings.cors_origins.split(",") if one.strip())
    with named({"origins": "ROLLCALL_CORS_ORIGINS"}):
        return CorsPolicy(some) if some else None


def proxies(text: str) -> Sequence[IPv4Network | IPv6Network]:
    """Networks, written with commas.

    Raises:
        InvalidInput: One is none.
    """
    found: list[IPv4Network | IPv6Network] = []
    for one in text.split(","):
        if one.strip():
            try:
                found.append(ip_network(one.strip()))
            except ValueError as error:
                raise InvalidInput("ROLLCALL_TRUSTED_PROXIES", str(error)) from None
    return found


def instances_of(platform: Platform) -> LocalInstances | RemoteInstances:
    """Where services of this installation are, by the registry; to be closed."""
    url = platform.registry_url
    if url is None:
        return LocalInstances(platform.registry, platform.passes)
    return RemoteInstances(url, platform.passes, platform.clock)


def own_instances(instances: Instances) -> Module:
    """Tells operators where services of this installation are."""
    names = [one.registered for one in SERVICES if one.registered is not None]
    return instances_told(instances, [*names, GATEWAY.name])


def nginx_options(
    settings: Settings,
    listen: str,
    names: Sequence[str],
    certificate: str | None,
    key: str | None,
) -> NginxOptions:
    """What nginx is to do where it stands in the gateway's place.

    Raises:
        InvalidInput: A setting or an option makes no sense.
    """
    if (certificate is None) != (key is None):
        raise InvalidInput("tls-cert", "and --tls-key belong together")
    urls = settings.urls()
    rate = settings.rate_per_second
    return NginxOptions(
        listen=listen,
        server_names=names,
        certificate=None if certificate is None or key is None else (certificate, key),
        rate=None if rate is None else (rate, settings.rate_burst),
        limits=route_limits(settings.gateway_limits),
        cross_origin=origins(settings) is not None,
        proxies=proxies(settings.trusted_proxies),
        apart=[one.name for one in SERVICES if one.variable in urls],
    )


def guests_of(platform: Platform, names: Collection[str]) -> LocalGuests | RemoteGuests:
    """Where services of an operator's own are, by the registry; to be closed."""
    url = platform.registry_url
    if url is None:
        return LocalGuests(platform.registry, names)
    return RemoteGuests(url, platform.clock)


def urls_of(platform: Platform) -> Mapping[str, str]:
    """Fixed addresses. The registry's counts where this process has none itself, as everywhere."""
    urls = dict(platform.settings.urls())
    if platform.registry_url is not None:
        urls[_REGISTRY] = platform.registry_url
    return urls
