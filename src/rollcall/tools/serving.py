# SPDX-License-Identifier: Apache-2.0
"""A tool service of one's own, in five lines."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import socket
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from functools import cached_property
from typing import Final, Unpack, overload

from fastapi import FastAPI

from rollcall.client import HealthCheck, RegistrationClient, ServiceMetadata
from rollcall.client.connection import checked_url
from rollcall.client.registration import REGISTRY_URL_VARIABLE
from rollcall.kernel.clock import Clock, SystemClock, within
from rollcall.kernel.errors import InvalidInput, RollcallError, Unavailable
from rollcall.kernel.ids import RandomIds
from rollcall.tools import declaration
from rollcall.tools.access import AnonymousAccess, SharedKeyAccess
from rollcall.tools.mcp_server import PATH as MCP_PATH
from rollcall.tools.models import P, R, Tool, ToolOptions
from rollcall.tools.module import module
from rollcall.tools.service import ToolSet
from rollcall.web.audit import InMemoryAuditLog
from rollcall.web.auth import Access, OpenAccess
from rollcall.web.binding import is_loopback
from rollcall.web.drain import Drain
from rollcall.web.module import Kit, create_app

KEY_VARIABLE: Final = "ROLLCALL_TOOL_KEY"
"""Holds what callers of a tool service must show; several keys with commas."""

LOCAL_REGISTRY: Final = "http://127.0.0.1:3003"
"""Where a service that only this machine can reach registers, unless it is told."""

PATIENCE: Final = 5.0
"""Seconds that the registry may take to let a service go that ends."""

_EVERYWHERE: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - compared, not listened on
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_log = logging.getLogger(__name__)


class ToolService:
    """Functions as a service: `/tools`, `/mcp`, `/health`, `/metrics`, `/docs`, and registered.

        service = ToolService("weather", port=8080)

        @service.tool(idempotent=True)
        async def forecast(city: str, days: int = 3) -> dict[str, float]:
            \"\"\"The temperatures expected in a city.\"\"\"

        service.run()

    Args:
        name: What the service is called; several instances may have the same name.
        port: Where it listens; 0: any port that is free.
        host: The address it listens on. Others than this machine can reach it only by another,
            and then it must have keys, or be told that it needs none.
        address: The host that it is registered as; None: `host`, or this machine's name where
            that is every address.
        description: What it is for.
        version: Its version.
        tags: Further words to be found by.
        keys: What callers must show, one of them (`Authorization: Bearer`); None: what the
            variable `ROLLCALL_TOOL_KEY` holds.
        allow_anonymous: Whether everybody who can reach it may call it, without a key.
        registry_url: Where the service registry is; None: what `SERVICE_REGISTRY_URL` holds, else
            this machine's, or `http://service-registry:3003` where others can reach the service.
        api_key: The service's own key to the registry; None: what `ROLLCALL_API_KEY` holds.
        drain_seconds: How long calls may go on when the service ends.
        clock: Time.

    Raises:
        InvalidInput: An argument cannot be used; or others could reach the service, and nothing
            says who may.
    """

    def __init__(  # noqa: PLR0913 - each is a choice of its own
        self,
        name: str,
        port: int = 8080,
        *,
        host: str = "127.0.0.1",
        address: str | None = None,
        description: str = "",
        version: str = "0.1.0",
        tags: Iterable[str] = (),
        keys: Iterable[str] | None = None,
        allow_anonymous: bool = False,
        registry_url: str | None = None,
        api_key: str | None = None,
        drain_seconds: float = 10.0,
        clock: Clock | None = None,
    ) -> None:
        if not _NAME.fullmatch(name):
            raise InvalidInput("name", f"must be of letters, digits, '.', '_' and '-': {name!r}")
        if not 0 <= port <= 65_535:
            raise InvalidInput("port", f"must be from 0 to 65535, not {port}")
        self.name = name
        self.port = port
        self.host = host
        self.address = address or (socket.gethostname() if host in _EVERYWHERE else host)
        self.description = description
        self.version = version
        self.tags = ("tools", *tags)
        self.drain = Drain()
        self.drain_seconds = drain_seconds
        self._clock = clock or SystemClock()
        self.tools = ToolSet(clock=self._clock)
        self._registry_url = registry_url or os.environ.get(REGISTRY_URL_VARIABLE) or None
        if self._registry_url is not None:
            named = "registry_url" if registry_url else REGISTRY_URL_VARIABLE
            self._registry_url = checked_url(self._registry_url, named)
        if self._registry_url is None and is_loopback(host):
            self._registry_url = LOCAL_REGISTRY
        self._api_key = api_key
        self._access = self._entrance(keys, allow_anonymous=allow_anonymous)

    @overload
    def tool(self, function: Callable[P, R], /) -> Tool[P, R]: ...

    @overload
    def tool(self, /, **options: Unpack[ToolOptions]) -> Callable[[Callable[P, R]], Tool[P, R]]: ...

    def tool(
        self, function: Callable[P, R] | None = None, /, **options: Unpack[ToolOptions]
    ) -> Tool[P, R] | Callable[[Callable[P, R]], Tool[P, R]]:
        """Make a function a tool of this service; see `rollcall.tools.tool`.

        Raises:
            InvalidTool: It is not fit for one, or has another tool's name or path.
        """

        def add(function: Callable[P, R]) -> Tool[P, R]:
            return self.add(declaration.tool(**options)(function))

        return add if function is None else add(function)

    def add(self, tool: Tool[P, R]) -> Tool[P, R]:
        """Have a tool that was made elsewhere.

        Raises:
            InvalidTool: It has another tool's name or path, or the application was made already.
        """
        if "app" in self.__dict__:
            raise declaration.InvalidTool(tool.name, "comes too late: declare it before the start")
        self.tools.add(tool)
        return tool

    @cached_property
    def app(self) -> FastAPI:
        """The ASGI application, for whoever runs a server of their own. It does not register:
        see `registered`.
        """
        kit = Kit(
            self.name,
            self.version,
            self._clock,
            RandomIds(),
            self._access,
            InMemoryAuditLog(),
            self.drain,
            development=development(),
        )
        tools = module(
            self.tools,
            name=self.name,
            version=self.version,
            instructions=self.description or None,
        )
        return create_app([tools], kit)

    @asynccontextmanager
    async def registered(
        self, *, port: int | None = None, accepting: bool = False
    ) -> AsyncGenerator[RegistrationClient]:
        """Be in the registry for as long as the block lasts, as soon as the service can be called.

        While the registry is away that is tried again and again, and nothing else waits for it.

        Args:
            port: Where the service listens; None: as it was told.
            accepting: Whether it accepts connections already; else they are waited for.
        """
        client = RegistrationClient(self._registry_url, api_key=self._api_key, clock=self._clock)
        registering = asyncio.create_task(self._register(client, port or self.port, accepting))
        try:
            yield client
        finally:
            registering.cancel()
            await asyncio.wait({registering})
            await self._leave(client)

    def run(self) -> None:
        """Serve, be registered, and end by SIGTERM or Ctrl-C: leave the registry, let calls that
        are under way end, and return.

        Raises:
            SystemExit: The address cannot be listened on.
        """
        from rollcall.tools.running import run  # noqa: PLC0415 - it needs this module

        run(self)

    async def _register(self, client: RegistrationClient, port: int, accepting: bool) -> None:
        metadata = ServiceMetadata(
            description=self.description or None,
            version=self.version,
            tags=list(self.tags),
            capabilities=[one.name for one in self.tools],
            extra={"tools": "/tools", "mcp": MCP_PATH},
        )
        try:
            await client.register(
                self.name,
                port,
                self.address,
                metadata=metadata,
                health_check=HealthCheck(),
                wait_ready=not accepting,
            )
        except Unavailable as error:
            _log.warning("%s is not registered yet: %s", self.name, error)
        except RollcallError as error:
            _log.error("%s cannot be registered: %s", self.name, error)
        else:
            if client.service_id is not None:
                _log.info("%s is registered as %s", self.name, client.service_id)

    async def _leave(self, client: RegistrationClient) -> None:
        try:
            await within(self._clock, PATIENCE, client.unregister())
        except (RollcallError, TimeoutError) as error:
            _log.warning("%s could not leave the registry, which will notice: %s", self.name, error)
        finally:
            await client.close()

    def _entrance(self, keys: Iterable[str] | None, *, allow_anonymous: bool) -> Access:
        told = os.environ.get(KEY_VARIABLE, "").split(",")
        given = [key for one in told if (key := one.strip())] if keys is None else list(keys)
        if given:
            try:
                return SharedKeyAccess(given)
            except InvalidInput as error:
                field = KEY_VARIABLE if keys is None else error.field
                raise InvalidInput(field, error.problem) from None
        if is_loopback(self.host):
            return OpenAccess()
        if not allow_anonymous:
            raise InvalidInput(
                "host",
                f"others can reach {self.host or 'every address'!r}: set {KEY_VARIABLE} to a key"
                " that callers must show, or say allow_anonymous=True",
            )
        return AnonymousAccess({self.address, self.host})


def development() -> bool:
    """Whether answers may show what went wrong inside (`ENVIRONMENT`)."""
    return os.environ.get("ENVIRONMENT", "").lower() != "production"
