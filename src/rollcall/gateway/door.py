# SPDX-License-Identifier: Apache-2.0
"""Where requests for other services leave the gateway's own application."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from rollcall.gateway.forwarding import Forwarder
from rollcall.gateway.limiting import LimitTable, telling
from rollcall.gateway.local import call
from rollcall.gateway.metrics import GatewayMetrics
from rollcall.gateway.models import RouteTable
from rollcall.gateway.passing import passage
from rollcall.gateway.paths import segments
from rollcall.gateway.settings import GatewaySettings
from rollcall.gateway.showing import Showing
from rollcall.gateway.sockets import Sockets
from rollcall.gateway.targets import Targets
from rollcall.kernel.caller import READ, REGISTER
from rollcall.web.auth import permitted_caller
from rollcall.web.limits import rate_key
from rollcall.web.routes import ROUTE

_NEVER: Final = frozenset({"TRACE", "CONNECT"})
"""Methods that would show a caller's credentials, or make a tunnel."""
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing (RFC 9110, section 9.2.1)."""
_DESCRIPTION: Final = ("openapi.json",)


class Door:
    """Passes on what the table has a route for; all else, the gateway's own `/health` and `/docs`
    among it, is for the application behind.

    Who asks, and how often, was found out before; what they may do the services ask again.

    Args:
        app: The application behind.
        table: Which paths are whose.
        targets: Where services are.
        settings: Whose word counts.
        forwarder: For services elsewhere.
        sockets: For their WebSockets.
        showing: What the gateway describes.
        metrics: Takes note.
        limits: How often single routes may be asked for.
    """

    def __init__(
        self,
        app: ASGIApp,
        table: RouteTable,
        targets: Targets,
        settings: GatewaySettings,
        forwarder: Forwarder,
        sockets: Sockets,
        showing: Showing,
        metrics: GatewayMetrics,
        limits: LimitTable,
    ) -> None:
        self._app = app
        self._table = table
        self._targets = targets
        self._settings = settings
        self._forwarder = forwarder
        self._sockets = sockets
        self._showing = showing
        self._metrics = metrics
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        raw: bytes = scope.get("raw_path") or scope["path"].encode()
        path = segments(raw)
        limited = self._limits.of(path)
        if limited is None:
            await self._answer(scope, receive, send, raw, path)
            return
        key = rate_key(scope)
        with limited.counted(key):
            told = telling(send, limited, key)
            await self._answer(scope, receive, told, raw, path)

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, raw: bytes, path: Sequence[str]
    ) -> None:
        route = self._table.match(path)
        if route is None or self._targets.is_here(route.service):
            if path == _DESCRIPTION and scope.get("method") == "GET":
                await self._showing.show(self._app, scope, receive, send)
            else:
                await self._app(scope, receive, send)
            return
        scope[ROUTE] = route.pattern
        if scope.get("method") in _NEVER:
            raise HTTPException(405, headers={"Allow": "GET, HEAD, POST, PUT, PATCH, DELETE"})
        caller = None
        if not route.public:
            # Ours ask again what a caller may do; guests cannot.
            reads = not route.guest or scope.get("method") in _SAFE
            caller = permitted_caller(scope, READ if reads else REGISTER)
        one = passage(scope, route, raw, path, self._settings.trusted_proxies, caller)
        app = self._targets.local(route.service)
        if app is not None:
            await call(app, one, scope, receive, send, self._metrics)
        elif scope["type"] == "websocket":
            await self._sockets.relay(one, scope, receive, send)
        else:
            await self._forwarder.forward(one, receive, send)
