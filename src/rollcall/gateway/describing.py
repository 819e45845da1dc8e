# SPDX-License-Identifier: Apache-2.0
"""One OpenAPI description of all services, with their paths as the gateway shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from rollcall.gateway.models import GatewayService, RouteTable
from rollcall.web.openapi import RESPONSES

Described = Mapping[str, Any]
_COMPONENTS: Final = "#/components/"
_METHODS: Final = frozenset(
    ("get", "put", "post", "delete", "options", "head", "patch", "trace", "query")
)


def merged(own: Described, others: Mapping[str, Described], table: RouteTable) -> dict[str, Any]:
    """The gateway's description with those of its services in it.

    A path is in it if the gateway passes it to that very service, with the problems that may be
    the gateway's own answer. Components carry their service's name, so that two of one name do not
    meet.

    Args:
        own: The gateway's.
        others: Those of services, by their names.
        table: Which paths are whose.
    """
    paths: dict[str, Any] = dict(own.get("paths", {}))
    components: dict[str, dict[str, Any]] = {
        kind: dict(some) for kind, some in own.get("components", {}).items()
    }
    for name, described in others.items():
        service = table.services[name]
        for path, item in described.get("paths", {}).items():
            shown = _shown(service, path)
            route = table.match(shown[1:].split("/"))
            if route is not None and route.service == name:
                paths[shown] = _item(item, service)
        for kind, some in described.get("components", {}).items():
            if kind != "securitySchemes":
                there = components.setdefault(kind, {})
                there.update({f"{name}.{key}": _renamed(one, name) for key, one in some.items()})
    return {**own, "paths": paths, "components": components}


def _shown(service: GatewayService, path: str) -> str:
    if service.prefix is None:
        return path
    return service.prefix + ("" if path == "/" else path)


def _item(item: Described, service: GatewayService) -> dict[str, Any]:
    found: dict[str, Any] = _renamed(item, service.name)
    for method, operation in found.items():
        if method in _METHODS:
            operation["tags"] = [service.title]
            operation["responses"] = _with_refusals(operation.get("responses", {}))
            if "operationId" in operation:
                operation["operationId"] = f"{service.name}.{operation['operationId']}"
    return found


def _with_refusals(responses: Described) -> Described:
    """What a service answers, and what the gateway does in its place."""
    found = {status: RESPONSES[status] for status in ("4XX", "5XX")} | dict(responses)
    for status, response in responses.items():
        if status[0] in "45":
            problem = RESPONSES[f"{status[0]}XX"]["content"]
            found[status] = {**response, "content": {**problem, **response.get("content", {})}}
    return found


def _renamed(value: Any, name: str) -> Any:
    """A copy in which references to components name those of the service."""
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value)
        return {key: _renamed(one, name) for key, one in members.items()}
    if isinstance(value, list):
        return [_renamed(one, name) for one in cast("list[Any]", value)]
    if isinstance(value, str) and value.startswith(_COMPONENTS):
        kind, _, key = value.removeprefix(_COMPONENTS).partition("/")
        return f"{_COMPONENTS}{kind}/{name}.{key}"
    return value
