# SPDX-License-Identifier: Apache-2.0
"""Where a service is: in this process, at a fixed address, or where the registry says."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from starlette.types import ASGIApp

from rollcall.gateway.errors import ServiceNotHere
from rollcall.gateway.models import GatewayService
from rollcall.gateway.ports import Instance, Instances, NoInstances
from rollcall.kernel.errors import InvalidInput

_PORTS: Final = {"http": 80, "https": 443}


def fixed(variable: str, url: str) -> Instance:
    """The one instance that a setting names.

    Raises:
        InvalidInput: It is no `http` or `https` URL of a host, or it holds a password or a query.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InvalidInput(variable, f"is no URL: {error}") from None
    if parts.scheme not in _PORTS or not parts.hostname:
        raise InvalidInput(variable, "must be a URL such as http://analytics-service:8002")
    if parts.username is not None or parts.query or parts.fragment:
        raise InvalidInput(variable, "must hold scheme, host, port and path alone")
    return Instance(
        id=url,
        host=parts.hostname,
        port=_PORTS[parts.scheme] if port is None else port,
        secure=parts.scheme == "https",
        base=parts.path.rstrip("/"),
        own_name=True,
    )


@dataclass(frozen=True, slots=True)
class Deployment:
    """Where services run.

    Args:
        instances: The registry.
        local: Applications of this process, called without a socket, by the service's name. It may
            be filled until the first request: the gateway is one of them itself.
        here: Services whose routes are in the gateway's own application.
        urls: Fixed addresses, by the setting's name (`ANALYTICS_SERVICE_URL`).
        guests: The registry for services that are not ours: whoever registered as one.
    """

    instances: Instances = field(default_factory=NoInstances)
    local: Mapping[str, ASGIApp] = field(default_factory=dict[str, ASGIApp])
    here: Collection[str] = ()
    urls: Mapping[str, str] = field(default_factory=dict[str, str])
    guests: Instances = field(default_factory=NoInstances)


class Targets:
    """Finds services. A setting goes before this process, and this process before the registry.

    Args:
        services: All of them.
        deployment: Where they run.

    Raises:
        InvalidInput: A URL is none.
    """

    def __init__(
        self,
        services: Mapping[str, GatewayService],
        deployment: Deployment,
    ) -> None:
        self._services = services
        self._instances = deployment.instances
        self._guests = deployment.guests
        urls = deployment.urls
        self._fixed = {
            name: fixed(one.variable, urls[one.variable])
            for name, one in services.items()
            if one.variable is not None and urls.get(one.variable)
        }
        self._local = deployment.local
        self._here = frozenset(deployment.here) - self._fixed.keys()

    def is_here(self, service: str) -> bool:
        """Whether the gateway's own application answers."""
        return service in self._here

    def local(self, service: str) -> ASGIApp | None:
        """The application of this process that answers; None: there is none, or a setting names
        somebody else.
        """
        if service in self._fixed or self._services[service].guest:
            return None
        return self._local.get(service)

    async def instances(self, service: str) -> Sequence[Instance]:
        """Where it answers; at least one place.

        Raises:
            ServiceNotHere: Nowhere.
            Unavailable: The registry does not say.
        """
        one = self._fixed.get(service)
        if one is not None:
            return (one,)
        asked = self._services[service]
        registry = self._guests if asked.guest else self._instances
        found = await registry.find(asked.registered) if asked.registered is not None else ()
        if not found:
            raise ServiceNotHere(service)
        return found
