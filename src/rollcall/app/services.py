# SPDX-License-Identifier: Apache-2.0
"""The services that Rollcall is made of: their names, their ports, and who makes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rollcall.app.dashboard import DASHBOARD, dashboard_service
from rollcall.app.features import AGENT, TOOLS, agent_service, tools_service
from rollcall.app.gateway import GATEWAY, gateway_service
from rollcall.app.my_agents import MY_AGENTS, my_agents_service
from rollcall.app.numbers import ANALYTICS, BILLING, analytics_service, billing_service
from rollcall.app.own import Registration
from rollcall.app.settings import Settings
from rollcall.app.widgets import WIDGETS, widgets_service
from rollcall.app.wizard import WIZARD, wizard_service
from rollcall.kernel.errors import InvalidInput
from rollcall.protocols.agent_registry.module import module as agent_registry
from rollcall.protocols.service_registry.module import HEALTH_PATHS
from rollcall.protocols.service_registry.module import module as service_registry
from rollcall.web.module import Module

if TYPE_CHECKING:
    from rollcall.app.compose import Platform

GATEWAY_NAME: Final = "gateway"
Build = Callable[["Platform"], Sequence[Module]]


@dataclass(frozen=True)
class Service:
    """One of the services that Rollcall is made of.

    Args:
        name: What `rollcall serve` calls it.
        title: What people call it.
        port: Its port by the settings.
        variable: The setting that says so.
        build: Makes its modules.
        health_paths: Where its health is told.
        registration: How it stands in the registry; None: it is a registry itself.
    """

    name: str
    title: str
    port: Callable[[Settings], int]
    variable: str
    build: Build
    health_paths: Sequence[str] = ("/health",)
    registration: Registration | None = None


SERVICES: Final[Mapping[str, Service]] = {
    one.name: one
    for one in (
        Service(
            "service-registry",
            "service registry",
            lambda settings: settings.service_registry_port,
            "SERVICE_REGISTRY_PORT",
            lambda platform: (
                service_registry(
                    platform.registry, store=platform.places.kind, drain=platform.drain
                ),
            ),
            HEALTH_PATHS,
        ),
        Service(
            "agent-registry",
            "agent registry",
            lambda settings: settings.agent_registry_port,
            "ROLLCALL_AGENT_REGISTRY_PORT",
            lambda platform: (
                agent_registry(
                    platform.registry,
                    heartbeat_timeout=platform.settings.heartbeat_timeout,
                    drain=platform.drain,
                ),
            ),
        ),
        Service(
            "agent",
            "agent service",
            lambda settings: settings.agent_port,
            "AGENT_PORT",
            agent_service,
            registration=AGENT,
        ),
        Service(
            "tools",
            "tools service",
            lambda settings: settings.ext_tool_port,
            "EXT_TOOL_PORT",
            tools_service,
            registration=TOOLS,
        ),
        Service(
            GATEWAY_NAME,
            "gateway",
            lambda settings: settings.gateway_port,
            "GATEWAY_PORT",
            gateway_service,
            registration=GATEWAY,
        ),
        Service(
            "wizard",
            "agent wizard",
            lambda settings: settings.wizard_port,
            "AGENT_WIZARD_PORT",
            wizard_service,
            registration=WIZARD,
        ),
        Service(
            "analytics",
            "analytics",
            lambda settings: settings.analytics_port,
            "ANALYTICS_PORT",
            analytics_service,
            registration=ANALYTICS,
        ),
        Service(
            "billing",
            "billing",
            lambda settings: settings.billing_port,
            "BILLING_PORT",
            billing_service,
            registration=BILLING,
        ),
        Service(
            "dashboard",
            "dashboard",
            lambda settings: settings.dashboard_port,
            "DASHBOARD_PORT",
            dashboard_service,
            registration=DASHBOARD,
        ),
        Service(
            "widgets",
            "widgets",
            lambda settings: settings.widget_port,
            "WIDGET_PORT",
            widgets_service,
            registration=WIDGETS,
        ),
        Service(
            "my-agents",
            "my agents",
            lambda settings: settings.my_agents_port,
            "MY_AGENTS_PORT",
            my_agents_service,
            registration=MY_AGENTS,
        ),
    )
}
"""Every service, in the order in which they are shown."""


def service(name: str) -> Service:
    """The service called `name`.

    Raises:
        InvalidInput: There is none.
    """
    try:
        return SERVICES[name]
    except KeyError:
        raise InvalidInput(
            "service", f"{name!r} is not the name of one; there are {', '.join(SERVICES)}"
        ) from None
