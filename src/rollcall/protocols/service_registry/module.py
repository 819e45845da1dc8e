# SPDX-License-Identifier: Apache-2.0
"""How document 1 plugs into an application."""

from __future__ import annotations

from rollcall.protocols import service_discovery
from rollcall.protocols.registry_metrics import RegistryMetrics
from rollcall.protocols.service_registry import express, streams
from rollcall.protocols.service_registry.api import PREFIX, front_page, router
from rollcall.protocols.service_registry.operations import ServiceOperations
from rollcall.protocols.store_ping import store_ping
from rollcall.registry.service import RegistryService
from rollcall.web.drain import Drain
from rollcall.web.module import Module

HEALTH_PATHS = ("/health", f"{PREFIX}/health")
"""Where document 1 wants health to be told: what to give the kit as its `health_paths`."""


def module(service: RegistryService, *, store: str, drain: Drain | None = None) -> Module:
    """The service registry over a core.

    Args:
        service: The core; started and stopped by its owner.
        store: What kind of store it has, as in the scheme of its URL.
        drain: Says when its streams must end; None: with their readers.
    """
    services = ServiceOperations(service, store=store)
    return Module(
        name="service-registry",
        routers=(
            streams.router(service, drain or Drain()),
            service_discovery.router(service),
            router(services),
        ),
        public_routers=(front_page(services),),
        pings=(store_ping(service),),
        facts=(services.facts,),
        collectors=(RegistryMetrics(service),),
        express=express.routes(services, PREFIX),
        unaudited=(
            f"{PREFIX}/heartbeat/{{service_id}}",
            f"{PREFIX}/discover",
        ),
    )
