# SPDX-License-Identifier: Apache-2.0
"""A tool service as a process of its own."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from contextlib import AsyncExitStack
from types import FrameType
from typing import Final

import uvicorn

from rollcall.tools.serving import ToolService, development
from rollcall.web import logs
from rollcall.web.drain import DrainingServer

KEEP_ALIVE: Final = 75
"""Seconds that an idle connection stays open: longer than most proxies keep theirs."""
_ENDING: Final = (signal.SIGINT, signal.SIGTERM)
_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR")
_QUIET: Final = ("httpx", "uvicorn.error")


def run(service: ToolService) -> None:
    """Serve until a signal ends it.

    Raises:
        SystemExit: The address cannot be listened on, or a variable makes no sense.
    """
    level = (os.environ.get("LOG_LEVEL") or "INFO").upper()
    if level not in _LEVELS:
        sys.exit(f"{service.name}: LOG_LEVEL: must be one of {', '.join(_LEVELS)}")
    logs.install(logs.handler(sys.stderr, development=development()), level)
    for talkative in _QUIET:
        logging.getLogger(talkative).setLevel(logging.WARNING)
    # Uvicorn raises signals again when it has ended, which would make a clean end look like a
    # process that was killed: they end here.
    noted: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        noted.append(number)

    before = {number: signal.signal(number, note) for number in _ENDING}
    try:
        with _bound(service) as listening:
            asyncio.run(_serve(service, listening, noted))
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _bound(service: ToolService) -> socket.socket:
    family = socket.AF_INET6 if ":" in service.host else socket.AF_INET
    try:
        made = socket.create_server((service.host, service.port), family=family, backlog=2048)
    except OSError as error:
        place = f"{service.host or 'every address'}, port {service.port}"
        sys.exit(f"{service.name}: cannot listen on {place}: {error.strerror or error}")
    # What it accepts inherits it; without, each answer waits 40 ms for the next packet.
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


async def _serve(service: ToolService, listening: socket.socket, noted: list[int]) -> None:
    config = uvicorn.Config(
        service.app,
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=round(service.drain_seconds),
    )
    server = _Server(config, service, listening.getsockname()[1])
    if not noted:
        await server.serve([listening])


class _Server(DrainingServer):
    """A server that is registered from its first request on, and no longer before its last."""

    def __init__(self, config: uvicorn.Config, service: ToolService, port: int) -> None:
        super().__init__(config, service.drain)
        self._service = service
        self._port = port
        self._registration = AsyncExitStack()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            service = self._service
            await self._registration.enter_async_context(
                service.registered(port=self._port, accepting=True)
            )
            shown = f"[{service.host}]" if ":" in service.host else service.host
            count = len(service.tools)
            print(  # noqa: T201
                f"{service.name}: {count} tool{'' if count == 1 else 's'}"
                f" at http://{shown}:{self._port}/tools, MCP at /mcp. Ctrl-C ends it.",
                flush=True,
            )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Nobody new is sent here while those who are here are still served.
        await self._registration.aclose()
        await super().shutdown(sockets)
