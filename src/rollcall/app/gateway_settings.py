# SPDX-License-Identifier: Apache-2.0
"""The variables of the gateway: where services are that are neither here nor in the registry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import Field
from pydantic_settings import BaseSettings

from rollcall.kernel.errors import InvalidInput

WIZARD: Final = "AGENT_SERVICE_URL"
"""What document 4 calls where the wizard is."""
_ALSO: Final = "AGENT_WIZARD_URL"


def _url(variable: str, what: str) -> Any:
    return Field(
        default=None,
        validation_alias=variable,
        description=f"Where the gateway finds the {what}; empty: by the registry",
    )


class GatewayVariables(BaseSettings):
    """Addresses by the names that document 4 gives them, and who may ask from where."""

    gateway_port: int = Field(
        8000, validation_alias="GATEWAY_PORT", description="Port of the gateway", ge=0, le=65535
    )
    cors_origins: str = Field(
        "",
        validation_alias="ROLLCALL_CORS_ORIGINS",
        description="Origins whose pages may ask the gateway, with commas; * for all",
    )
    trusted_proxies: str = Field(
        "",
        validation_alias="ROLLCALL_TRUSTED_PROXIES",
        description="Networks of proxies whose X-Forwarded-* count, with commas: 10.0.0.0/8",
    )
    gateway_limits: str = Field(
        "",
        validation_alias="ROLLCALL_GATEWAY_LIMITS",
        description="What each caller may ask of single paths, with commas:"
        " /api/runtime/**=5/s burst 10 at once 2",
    )
    gateway_routes: str = Field(
        "",
        validation_alias="ROLLCALL_GATEWAY_ROUTES",
        description="Paths of services of your own, with commas: /api/quotes/**=quote-service",
    )
    agent_registry_url: str | None = _url("AGENT_REGISTRY_URL", "agent registry")
    conversations_url: str | None = _url("CONVERSATIONS_URL", "agent service")
    tools_service_url: str | None = _url("TOOLS_SERVICE_URL", "tools service")
    agent_definitions_url: str | None = _url("AGENT_DEFINITIONS_URL", "definitions of agents")
    memory_service_url: str | None = _url("MEMORY_SERVICE_URL", "memories")
    agent_service_url: str | None = _url(WIZARD, "agent wizard")
    agent_wizard_url: str | None = _url(_ALSO, "agent wizard, by its other name")
    analytics_service_url: str | None = _url("ANALYTICS_SERVICE_URL", "analytics service")
    billing_service_url: str | None = _url("BILLING_SERVICE_URL", "billing service")
    dashboard_service_url: str | None = _url("DASHBOARD_SERVICE_URL", "dashboard service")
    widget_service_url: str | None = _url("WIDGET_SERVICE_URL", "widget service")
    my_agents_service_url: str | None = _url("MY_AGENTS_SERVICE_URL", "my-agents service")

    def urls(self) -> Mapping[str, str]:
        """Those that are set, by variable; the wizard's by `AGENT_SERVICE_URL` alone.

        Raises:
            InvalidInput: The wizard is said to be in two places.
        """
        found: dict[str, str] = {}
        for name, field in GatewayVariables.model_fields.items():
            value = getattr(self, name)
            if name.endswith("_url") and value:
                found[str(field.validation_alias)] = value
        also = found.pop(_ALSO, None)
        if also is not None and found.setdefault(WIZARD, also).rstrip("/") != also.rstrip("/"):
            raise InvalidInput(
                _ALSO, f"is where the agent wizard is, and so is {WIZARD}: set one, or both alike"
            )
        return found
