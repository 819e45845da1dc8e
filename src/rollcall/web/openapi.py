# SPDX-License-Identifier: Apache-2.0
"""What the OpenAPI description says of every service."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI

from rollcall.web.problems import MEDIA_TYPE

_TEXT = {"type": "string"}
_PROBLEM: dict[str, Any] = {
    "title": "Problem",
    "description": "Problem details (RFC 9457)",
    "type": "object",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": _TEXT,
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": _TEXT,
        "request_id": _TEXT,
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "problem"],
                "properties": {"field": _TEXT, "problem": _TEXT},
            },
        },
    },
}


def _problem(description: str) -> dict[str, Any]:
    return {"description": description, "content": {MEDIA_TYPE: {"schema": _PROBLEM}}}


RESPONSES: dict[int | str, dict[str, Any]] = {
    422: _problem("Something in the request cannot be used; `errors` names the fields"),
    "4XX": _problem("The request was refused"),
    "5XX": _problem("Something does not work here"),
}
"""For every route: what may come instead of the answer."""

_STATUS: dict[str, Any] = {
    "type": "object",
    "required": ["status", "timestamp", "service", "version", "failed", "checks"],
    "properties": {
        "status": {"enum": ["healthy", "degraded", "unhealthy"]},
        "timestamp": {"type": "string", "format": "date-time"},
        "service": _TEXT,
        "version": _TEXT,
        "failed": {"type": "array", "items": _TEXT},
        "checks": {"type": "object", "additionalProperties": _TEXT},
    },
}

HEALTH: dict[int | str, dict[str, Any]] = {
    status: {"description": description, "content": {"application/json": {"schema": _STATUS}}}
    for status, description in ((200, "It can do its work"), (503, "It cannot"))
}

METRICS: dict[int | str, dict[str, Any]] = {
    200: {"description": "Prometheus's figures", "content": {"text/plain": {"schema": _TEXT}}}
}


def declare_bearer(app: FastAPI) -> None:
    """Say that callers show who they are, so that `/docs` can do it too."""
    describe: Callable[[], dict[str, Any]] = app.openapi

    def described() -> dict[str, Any]:
        schema = describe()
        schemes = schema.setdefault("components", {}).setdefault("securitySchemes", {})
        schemes["bearer"] = {"type": "http", "scheme": "bearer"}
        schema["security"] = [{"bearer": []}]
        return schema

    app.openapi = described
