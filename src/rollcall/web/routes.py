# SPDX-License-Identifier: Apache-2.0
"""Which route answered a request."""

from __future__ import annotations

from typing import Any

from starlette.types import Scope

ROUTE = "rollcall.route"
"""The scope's key under which an endpoint that FastAPI does not know of names its route."""


def route_template(scope: Scope) -> str | None:
    """The route as it was declared (`/agents/{agent_id}`); None: no route fitted, or not yet."""
    named = scope.get(ROUTE)
    if isinstance(named, str):
        return named
    # Of a router inside a router FastAPI keeps the whole path beside the route, which has its end.
    inner: Any = scope.get("fastapi", {}).get("effective_route_context")
    for one in (inner, scope.get("route")):
        path = getattr(one, "path_format", None)
        if isinstance(path, str) and path:
            return path
    return None
