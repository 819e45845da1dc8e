# SPDX-License-Identifier: Apache-2.0
"""A process of the measurement: a service that answers at once, or the gateway in front of it."""

from __future__ import annotations

import sys
from random import Random

import uvicorn
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from rollcall.gateway.models import GatewayService
from rollcall.gateway.module import module
from rollcall.gateway.targets import Deployment
from rollcall.kernel.clock import SystemClock
from rollcall.kernel.ids import RandomIds
from rollcall.web.audit import InMemoryAuditLog
from rollcall.web.auth import OpenAccess
from rollcall.web.drain import Drain
from rollcall.web.module import Kit, create_app

SHOP = GatewayService("shop", "a service", prefix="/services/shop", variable="SHOP_URL")


async def service(scope: Scope, receive: Receive, send: Send) -> None:
    """Says a few words."""
    await Response(b'{"status": "ok"}', media_type="application/json")(scope, receive, send)


def gateway(url: str) -> ASGIApp:
    """The gateway in front of the service at `url`."""
    drain = Drain()
    clock = SystemClock()
    kit = Kit("gateway", "1", clock, RandomIds(), OpenAccess(), InMemoryAuditLog(), drain)
    deployment = Deployment(urls={"SHOP_URL": url})
    part = module(clock=clock, rng=Random(), drain=drain, deployment=deployment, services=[SHOP])
    return create_app([part], kit)


def main(port: str, url: str | None = None) -> None:
    """Serve on `port`."""
    app = service if url is None else gateway(url)
    lifespan = "off" if url is None else "on"
    uvicorn.run(
        app,
        port=int(port),
        lifespan=lifespan,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=75,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
