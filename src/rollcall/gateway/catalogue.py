# SPDX-License-Identifier: Apache-2.0
"""The services of the documents, and their paths on the gateway (contracts, sections 3 and 4).

Services of documents 1 and 2 are found under a prefix, since their paths were never meant to stand
beside each other. `/api/agents` is one resource of documents 3 and 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rollcall.gateway.models import GatewayService

_OPEN: Final = ("health", "openapi.json")
"""What every service tells everybody."""


def _prefixed(
    name: str, title: str, short: str, *, registered: str | None, variable: str
) -> GatewayService:
    prefix = f"/services/{short}"
    return GatewayService(
        name,
        title,
        prefix=prefix,
        registered=registered,
        variable=variable,
        public=tuple(f"{prefix}/{path}" for path in _OPEN),
    )


SERVICES: Final[Sequence[GatewayService]] = (
    _prefixed(
        "service-registry",
        "service registry",
        "registry",
        registered=None,
        variable="SERVICE_REGISTRY_URL",
    ),
    _prefixed(
        "agent-registry",
        "agent registry",
        "agent-registry",
        registered=None,
        variable="AGENT_REGISTRY_URL",
    ),
    _prefixed(
        "agent",
        "agent service",
        "agent",
        registered="agent-service",
        variable="CONVERSATIONS_URL",
    ),
    _prefixed(
        "tools",
        "tools service",
        "tools",
        registered="tools-service",
        variable="TOOLS_SERVICE_URL",
    ),
    GatewayService(
        "agents",
        "agent definitions",
        ("/api/agents/**", "/api/capabilities/**"),
        registered="agent-definitions",
        variable="AGENT_DEFINITIONS_URL",
    ),
    GatewayService(
        "memory",
        "memory and knowledge",
        ("/api/memories/**", "/api/graph/**", "/api/agents/{id}/memories"),
        registered="memory-service",
        variable="MEMORY_SERVICE_URL",
    ),
    GatewayService(
        "wizard",
        "agent wizard",
        (
            "/api/agents/{id}/system-prompt",
            "/api/agents/{id}/validate-deployment",
            "/api/agents/{id}/yaml",
            "/api/industries/**",
            "/api/models/**",
            "/api/interfaces/**",
            "/api/config/**",
            "/api/runtime/**",
        ),
        registered="agent-wizard",
        variable="AGENT_SERVICE_URL",
    ),
    GatewayService(
        "analytics",
        "analytics",
        (
            "/api/conversations/**",
            "/api/usage/stats",
            "/api/agents/performance",
            "/api/agents/{id}/performance",
            "/api/industries/metrics",
            "/api/analytics/**",
        ),
        registered="analytics-service",
        variable="ANALYTICS_SERVICE_URL",
    ),
    GatewayService(
        "billing",
        "billing",
        (
            "/api/usage/**",
            "/api/pricing/**",
            "/api/billing/**",
            "/api/invoices/**",
            "/api/payments/**",
            "/api/reports/**",
        ),
        registered="billing-service",
        variable="BILLING_SERVICE_URL",
        # Payment providers sign what they send.
        public=("/api/payments/webhooks/{provider}",),
    ),
    GatewayService(
        "dashboard",
        "dashboard",
        ("/api/dashboard/**",),
        registered="dashboard-service",
        variable="DASHBOARD_SERVICE_URL",
    ),
    GatewayService(
        "widgets",
        "widgets",
        ("/api/widgets/**", "/api/templates/**"),
        registered="widget-service",
        variable="WIDGET_SERVICE_URL",
        # Visitors of others' pages have no keys, and each widget says which pages those are.
        public=("/widget/v1/**",),
        cross_origin=("/widget/v1",),
    ),
    GatewayService(
        "my-agents",
        "my agents",
        ("/api/my-agents/**",),
        registered="my-agents-service",
        variable="MY_AGENTS_SERVICE_URL",
    ),
)
"""Every service that the gateway has paths of. One that runs nowhere is a 503 that says so."""
