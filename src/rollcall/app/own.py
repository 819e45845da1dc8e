# SPDX-License-Identifier: Apache-2.0
"""Rollcall's own services in the registry, like anybody else's: registered, alive, removed."""

from __future__ import annotations

import asyncio
import hmac
import logging
import re
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from msgspec.structs import replace

from rollcall import __version__
from rollcall.client.registration import RegistrationClient
from rollcall.kernel.clock import Clock
from rollcall.kernel.errors import InvalidInput, RollcallError, Unavailable
from rollcall.kernel.record_errors import RecordNotFound
from rollcall.protocols.service_registry.translate import record_from
from rollcall.protocols.service_registry.wire import ServiceRegistration
from rollcall.registry.models import DEFAULT_NAMESPACE, Record
from rollcall.registry.service import RegistryService
from rollcall.web.passes import Passes

_HOST: Final = re.compile(r"[\w.-]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")
OWNER: Final = "rollcall"
"""Whose records these are: with a mark behind it, which nobody else can make."""
MARK: Final = "rollcall_mark"
"""Where in the extra metadata a service shows a registry elsewhere whose it is."""
INTERVAL: Final = 20.0
"""Seconds from one heartbeat to the next: the lease is 60 s."""

_log = logging.getLogger("rollcall.app")
_WILDCARDS: Final = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - what is listened on, not asked


@dataclass(frozen=True, slots=True)
class Registration:
    """How one of the services is registered.

    Args:
        name: The service's name in the registry.
        service_type: As in document 1.
        description: What it is.
        capabilities: What it can do.
        tags: Its tags.
        extra: Its extra metadata.
    """

    name: str
    service_type: str
    description: str
    capabilities: Sequence[str] = ()
    tags: Sequence[str] = ()
    extra: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Own:
    """A service of this process, and where others reach it."""

    registration: Registration
    host: str
    port: int

    def metadata(self) -> dict[str, Any]:
        """What document 1 calls metadata."""
        return {
            "description": self.registration.description,
            "version": __version__,
            "tags": list(self.registration.tags),
            "capabilities": list(self.registration.capabilities),
            "extra": dict(self.registration.extra),
        }


def advertised(host: str, told: str | None) -> str:
    """The host that others reach this process at.

    Args:
        host: What it listens on.
        told: What the settings say.

    Raises:
        InvalidInput: That is no host.
    """
    if told and not _HOST.fullmatch(told):
        raise InvalidInput(
            "ROLLCALL_ADVERTISE_HOST", "must be a host's name or address, without a port"
        )
    return told or (socket.gethostname() if host in _WILDCARDS else host)


def owner_of(record: Record, passes: Passes) -> str:
    """The owner of a record of ours. It is for this record at this address alone: whoever copies
    it to another record, or gives ours another address, has none of ours.
    """
    address = record.address
    where = ("", "") if address is None else (address.host, str(address.port))
    return f"{OWNER}:{passes.mark(record.namespace, record.id, *where)}"


def is_own(record: Record, passes: Passes) -> bool:
    """Whether a service of this installation registered it, by `LocalRegistrations`."""
    # Most are not, and show it at once.
    return (
        record.namespace == DEFAULT_NAMESPACE
        and record.owner.startswith(f"{OWNER}:")
        and hmac.compare_digest(record.owner.encode(), owner_of(record, passes).encode())
    )


def mark_of(name: str, host: str, port: int, passes: Passes) -> str:
    """What shows that a service of this name at this address is ours. Copied to a record with
    another name or address it shows nothing.
    """
    return passes.mark("instance", name, host, str(port))


class Announced(Protocol):
    """What stands in a registry for as long as this process serves."""

    async def begin(self, services: Sequence[Own]) -> None:
        """Register, once the services accept connections."""
        ...

    async def end(self) -> None:
        """Remove it all."""
        ...


class LocalRegistrations:
    """Registers services in the registry of this process, or of others on the same store.

    Args:
        registry: The core.
        clock: Times the heartbeats.
        passes: Marks the records as ours.
    """

    def __init__(self, registry: RegistryService, clock: Clock, passes: Passes) -> None:
        self._registry = registry
        self._passes = passes
        self._clock = clock
        self._records: list[Record] = []
        self._beating: asyncio.Task[None] | None = None

    async def begin(self, services: Sequence[Own]) -> None:
        """Register, once they accept connections."""
        for one in services:
            asked = ServiceRegistration.model_validate(
                {
                    "name": one.registration.name,
                    "service_type": one.registration.service_type,
                    "host": one.host,
                    "port": one.port,
                    "metadata": one.metadata(),
                }
            )
            now = self._clock.now()
            record = record_from(asked, namespace=DEFAULT_NAMESPACE, owner="", now=now)
            self._records.append(replace(record, owner=owner_of(record, self._passes)))
        self._beating = asyncio.create_task(self._beat(), name="own registrations")

    async def end(self) -> None:
        """Remove them."""
        beating, self._beating = self._beating, None
        if beating is None:
            return
        beating.cancel()
        await asyncio.gather(beating, return_exceptions=True)
        for record in self._records:
            try:
                await self._registry.deregister(record.namespace, record.id)
            except RecordNotFound:
                pass
            except RollcallError as error:
                _log.warning(
                    "%s stays in the registry until its lease ends: %s", record.name, error
                )

    async def _beat(self) -> None:
        for record in self._records:
            await self._kept(record, new=True)
        while True:
            await self._clock.sleep(INTERVAL)
            for record in self._records:
                await self._kept(record, new=False)

    async def _kept(self, record: Record, *, new: bool) -> None:
        try:
            if not new:
                try:
                    await self._registry.renew(record.namespace, record.id)
                except RecordNotFound:
                    new = True
            if new:
                await self._registry.register(record)
        except Unavailable as error:
            _log.warning("%s could not be registered: %s", record.name, error)
        except RollcallError as error:
            _log.error("%s cannot be registered: %s", record.name, error)


class RemoteRegistrations:
    """Registers services in a registry elsewhere, with the client that everybody has.

    Args:
        url: Where it is (`SERVICE_REGISTRY_URL`).
        clock: Times the heartbeats.
        passes: Marks the records as ours.
    """

    def __init__(self, url: str, clock: Clock, passes: Passes) -> None:
        self._url = url
        self._clock = clock
        self._passes = passes
        self._clients: list[RegistrationClient] = []

    async def begin(self, services: Sequence[Own]) -> None:
        """Register, once they accept connections. An absent registry is tried again behind this."""
        for one in services:
            client = RegistrationClient(self._url, INTERVAL, clock=self._clock)
            self._clients.append(client)
            name = one.registration.name
            metadata = one.metadata()
            metadata["extra"][MARK] = mark_of(name, one.host, one.port, self._passes)
            await client.register(
                name,
                one.port,
                one.host,
                one.registration.service_type,
                metadata=metadata,
                wait_ready=True,
            )

    async def end(self) -> None:
        """Remove them."""
        for client in self._clients:
            try:
                await client.unregister()
            except RollcallError as error:
                _log.warning("a service stays registered until its lease ends: %s", error)
            await client.close()
