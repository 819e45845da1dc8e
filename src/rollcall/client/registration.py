# SPDX-License-Identifier: Apache-2.0
"""A service's own registration in the service registry (document 1)."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping
from random import Random
from typing import TYPE_CHECKING, Any, Self

import msgspec

from rollcall.client.connection import Connection, segment
from rollcall.client.errors import RegistryUnavailable
from rollcall.client.heartbeat import HeartbeatingClient
from rollcall.client.models import HealthCheck, ServiceMetadata
from rollcall.client.registry_client import RETRY
from rollcall.kernel.caller import RateLimited
from rollcall.kernel.clock import Clock, SystemClock, within
from rollcall.kernel.record_errors import RecordNotFound
from rollcall.policies.retry import RetryPolicy

if TYPE_CHECKING:
    import httpx

REGISTRY_URL_VARIABLE = "SERVICE_REGISTRY_URL"
"""Says where the service registry is (document 1)."""

DEFAULT_REGISTRY_URL = "http://service-registry:3003"
"""Where it is without that variable (document 1)."""

HEARTBEAT_INTERVAL = 25.0
"""Seconds from one heartbeat to the next: two of them fit into the registry's lease of 60 s."""

_KNOCKING = 0.2
"""Seconds between two looks whether a service takes connections yet."""

_PREFIX = "/api/v1"

_log = logging.getLogger(__name__)


class _Registered(msgspec.Struct):
    service_id: str


class RegistrationClient(HeartbeatingClient):
    """Registers one service and keeps it alive. `get_registration_client` has one for the process.

    Use it in `async with`, or `close` it. It belongs to the event loop that it was used in first.

    Args:
        registry_url: Where the service registry is; None: what `SERVICE_REGISTRY_URL` holds, else
            `http://service-registry:3003`.
        heartbeat_interval: Seconds from one heartbeat to the next.
        api_key: None: what the variable `ROLLCALL_API_KEY` holds.
        timeout: Seconds for one attempt of a request.
        retry: How often and how patiently a request is repeated that was not answered.
        clock: Time.
        rng: Spreads the delays.
        transport: How requests travel; None: over the network.

    Raises:
        InvalidInput: The URL is none, or a number is out of its range.
    """

    service_id: str | None = None
    """The id that the registry gave to the service; None: it has given none yet."""

    def __init__(
        self,
        registry_url: str | None = None,
        heartbeat_interval: float = HEARTBEAT_INTERVAL,
        *,
        api_key: str | None = None,
        timeout: float = 10.0,
        retry: RetryPolicy = RETRY,
        clock: Clock | None = None,
        rng: Random | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        clock, rng = clock or SystemClock(), rng or Random()
        super().__init__("service", heartbeat_interval, clock, rng)
        if registry_url is None:
            registry_url = os.environ.get(REGISTRY_URL_VARIABLE) or DEFAULT_REGISTRY_URL
        self._connection = Connection(
            registry_url,
            api_key=api_key,
            timeout=timeout,
            retry=retry,
            clock=clock,
            rng=rng,
            transport=transport,
        )
        self._body: dict[str, Any] | None = None
        self._waiting: asyncio.Task[None] | None = None
        self.closed = False

    async def register(
        self,
        service_name: str,
        service_port: int,
        service_host: str,
        service_type: str = "tool",
        *,
        metadata: ServiceMetadata | Mapping[str, Any] | None = None,
        health_check: HealthCheck | Mapping[str, Any] | None = None,
        wait_ready: bool = False,
    ) -> str | None:
        """Register the service and heartbeat from now on. Done again, it replaces what was there.

        Args:
            service_name: What it is called; several instances may have the same name.
            service_port: Where it listens.
            service_host: The host that others reach it at.
            service_type: agent, tool, api, database, gateway or other.
            metadata: description, version, tags, capabilities, dependencies, extra.
            health_check: How the registry is to probe it; None: as the registry does by default.
            wait_ready: True: return at once, and register as soon as the service accepts
                connections. What calls this while it starts up accepts none yet.

        Returns:
            The id of the service; None: it is waited for, and `service_id` will say.

        Raises:
            InvalidInput: The registry refuses a field; the error names it.
            RegistryUnavailable: The registry did not answer, after all attempts. The heartbeats
                have begun all the same: the first that reaches the registry registers.
        """
        await self._stop_waiting()
        await self.stop_heartbeat()
        self._name = f"service {service_name!r}"
        self.service_id = None
        self._body = {
            "name": service_name,
            "service_type": service_type,
            "host": service_host,
            "port": service_port,
        }
        if metadata is not None:
            self._body["metadata"] = metadata
        if health_check is not None:
            self._body["health_check"] = health_check
        if wait_ready:
            beginning = self._begin_when_ready(service_host, service_port)
            self._waiting = self._in_background(beginning)
            return None
        try:
            await self._reregister()
        except (RegistryUnavailable, RateLimited):
            await self.start_heartbeat()
            raise
        await self.start_heartbeat()
        return self.service_id

    async def unregister(self) -> None:
        """Take the service off the registry, and stop its heartbeats. Twice is once."""
        await self._stop_waiting()
        await self.stop_heartbeat()
        service_id, self.service_id, self._body = self.service_id, None, None
        if service_id is None:
            return
        path = f"{_PREFIX}/unregister/{segment('service_id', service_id)}"
        try:
            await self._connection.call("DELETE", path, object, record_id=service_id)
        except RecordNotFound:
            return

    async def close(self) -> None:
        """Stop the heartbeats and close the connections. The service stays registered."""
        self.closed = True
        await self._stop_waiting()
        await self.stop_heartbeat()
        await self._connection.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _begin_when_ready(self, host: str, port: int) -> None:
        _log.info("%s registers when %s:%d takes connections", self._name, host, port)
        while not await self._accepts(host, port):
            await self._clock.sleep(_KNOCKING)
        # The heartbeats register, and go on trying for as long as it takes.
        await self.start_heartbeat()

    async def _accepts(self, host: str, port: int) -> bool:
        try:
            _, writer = await within(self._clock, 1.0, asyncio.open_connection(host, port))
        except (OSError, TimeoutError):
            return False
        writer.close()
        return True

    async def _stop_waiting(self) -> None:
        task, self._waiting = self._waiting, None
        await self._break_off(task)

    async def _renew(self) -> None:
        if self.service_id is None:
            # Not registered yet: to register renews the lease as well.
            await self._reregister()
            return
        path = f"{_PREFIX}/heartbeat/{segment('service_id', self.service_id)}"
        await self._connection.call("POST", path, object, record_id=self.service_id, retry=False)

    def _can_reregister(self) -> bool:
        return self._body is not None

    async def _reregister(self) -> None:
        path = f"{_PREFIX}/register"
        answer = await self._connection.call("POST", path, _Registered, body=self._body)
        self.service_id = answer.service_id


_client: RegistrationClient | None = None


def get_registration_client() -> RegistrationClient:
    """The registration of this process (document 1): the same object until it is closed."""
    global _client  # noqa: PLW0603 - one for each process is what document 1 asks for
    if _client is None or _client.closed:
        _client = RegistrationClient()
    return _client
