# SPDX-License-Identifier: Apache-2.0
"""Passing a request on to an application of this process, without a socket."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rollcall.gateway.headers import answered, relocated
from rollcall.gateway.metrics import GatewayMetrics
from rollcall.gateway.passing import Passage
from rollcall.web.limits import COUNTED
from rollcall.web.proxies import PEER

_STARTS = ("http.response.start", "websocket.http.response.start")


async def call(
    app: ASGIApp,
    one: Passage,
    outer: Scope,
    receive: Receive,
    send: Send,
    metrics: GatewayMetrics,
) -> None:
    """Answer a request, or a WebSocket, with what `app` says.

    It goes through all of that service's own doors, as if it had come over the network.
    """
    # Without a length the service's limits must hear that there is a body all the same.
    framing = [(b"transfer-encoding", b"chunked")] if one.length is None else []
    scope: Scope = {
        "type": outer["type"],
        "asgi": outer["asgi"],
        "http_version": outer["http_version"],
        "scheme": outer["scheme"],
        "path": one.path,
        "raw_path": one.raw_path,
        "query_string": one.query,
        "root_path": "",
        "headers": [*one.fields, *framing],
        "client": outer.get("client"),
        "server": outer.get("server"),
        "extensions": outer.get("extensions", {}),
        # The gateway's own limit is the same process's.
        COUNTED: True,
    }
    for key in ("method", "subprotocols", PEER):
        if key in outer:
            scope[key] = outer[key]
    hosts = {one.host.decode("latin-1").lower()}
    service = one.route.service
    begun = False

    async def back(message: Message) -> None:
        nonlocal begun
        begun = True
        if message["type"] in _STARTS:
            fields = answered(message.get("headers", []), message["status"])
            message = {**message, "headers": relocated(fields, one.route.prefix, hosts)}
        await send(message)

    metrics.begun(service)
    try:
        await app(scope, receive, back)
    finally:
        metrics.ended(service, "answered" if begun else "broken")
