"""The service registry behind a socket."""

from __future__ import annotations

import asyncio
import socket

import uvicorn

from rollcall.kernel.clock import Clock
from rollcall.kernel.ids import RandomIds
from rollcall.protocols.service_registry.module import module
from rollcall.registry.service import RegistryService
from rollcall.web.audit import InMemoryAuditLog
from rollcall.web.auth import OpenAccess
from rollcall.web.drain import Drain
from rollcall.web.module import Kit, create_app
from support.hosting import Server


class RegistryHost:
    """The service registry behind a socket, that can go away and come back."""

    def __init__(self, registry: RegistryService, clock: Clock) -> None:
        kit = Kit("registry", "1", clock, RandomIds(), OpenAccess(), InMemoryAuditLog(), Drain())
        self._app = create_app([module(registry, store="memory")], kit)
        self.port = 0
        self._server: Server | None = None
        self._serving: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        config = uvicorn.Config(
            self._app,
            log_config=None,
            lifespan="off",
            timeout_graceful_shutdown=0,
        )
        self._server = Server(config)
        listening = socket.create_server(("127.0.0.1", self.port))
        self.port = listening.getsockname()[1]
        # Who connects before it has started waits until it has.
        self._serving = asyncio.create_task(self._server.serve([listening]))

    async def stop(self) -> None:
        if self._server is not None and self._serving is not None:
            self._server.should_exit = True
            await self._serving
            self._server = None
