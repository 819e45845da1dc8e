# SPDX-License-Identifier: Apache-2.0
"""Questions that the gateway has itself: how a service is, and what it can be asked."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from typing import Any, Final, cast

import msgspec

from rollcall.gateway.connections import Connections
from rollcall.gateway.errors import ServiceNotHere
from rollcall.gateway.line import Order
from rollcall.gateway.ports import Instance
from rollcall.gateway.targets import Targets
from rollcall.kernel.clock import Clock, within
from rollcall.kernel.errors import Unavailable
from rollcall.web.health import Ping
from rollcall.web.inside import ask_inside

PATIENCE: Final = 2.0
"""Seconds that a service may take to say how it is."""
_FRESH: Final = 1.0
"""Seconds for which that is believed: strangers may ask the gateway, and it asks everybody."""
_LONGEST: Final = 4 << 20
_INSTANCES: Final = 8


class ServiceIll(Unavailable):
    """A service says that it cannot do its work, or says nothing."""


@dataclass(frozen=True, slots=True)
class Said:
    """An answer to the gateway itself.

    Args:
        status: Its status.
        body: Its body.
    """

    status: int
    body: bytes


class Asking:
    """Asks services, in this process and elsewhere.

    Args:
        targets: Where they are.
        connections: How requests travel.
        clock: Time.
    """

    def __init__(self, targets: Targets, connections: Connections, clock: Clock) -> None:
        self._targets = targets
        self._connections = connections
        self._clock = clock

    async def ask(self, service: str, path: str) -> list[Said]:
        """What a service says at one of its own paths: the application in this process, or each of
        the first few instances that answer.

        Raises:
            ServiceNotHere: It runs nowhere.
            ServiceIll: Nobody answers.
        """
        app = self._targets.local(service)
        if app is not None:
            found = await ask_inside(app, path)
            return [Said(found.status, found.body)]
        instances = (await self._targets.instances(service))[:_INSTANCES]
        answers = await asyncio.gather(
            *(self._fetched(one, path) for one in instances), return_exceptions=True
        )
        found = [one for one in answers if isinstance(one, Said)]
        if not found:
            raise ServiceIll(f"{service} does not answer")
        return found

    async def _fetched(self, instance: Instance, path: str) -> Said:
        fields = [(b"host", instance.authority.encode()), (b"accept", b"application/json")]
        order = Order("GET", f"{instance.base}{path}".encode(), fields)

        async def read() -> Said:
            reply = await self._connections.send(order, instance, fresh=False)
            body = bytearray()
            try:
                async for piece in reply.pieces():
                    body += piece
                    if len(body) > _LONGEST:
                        raise ServiceIll(f"{path} is too long")
            finally:
                reply.close()
            return Said(reply.status, bytes(body))

        return await within(self._clock, PATIENCE, read())


class Wellness:
    """How services are: one `Ping` for each.

    Args:
        asking: Asks them.
        targets: Where they are.
        clock: Time.
    """

    def __init__(self, asking: Asking, targets: Targets, clock: Clock) -> None:
        self._asking = asking
        self._targets = targets
        self._clock = clock
        self._known: dict[str, tuple[float, str | Exception]] = {}
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def ping(self, service: str) -> Ping:
        """Asks a service how it is; one that is nowhere is no failure, and is called absent."""

        async def ask() -> str | None:
            # Who asks meanwhile hears the same answer.
            async with self._turns[service]:
                now = self._clock.monotonic()
                at, told = self._known.get(service, (float("-inf"), ""))
                if now - at >= _FRESH:
                    told = await self._told(service)
                    self._known[service] = now, told
            if isinstance(told, Exception):
                raise told.with_traceback(None)
            return told

        # A little more than the service itself has, so that it is named by what it did.
        return Ping(service, ask, timeout=PATIENCE * 1.25, vital=False)

    async def _told(self, service: str) -> str | Exception:
        if self._targets.is_here(service):
            return "ok"
        try:
            said = await self._asking.ask(service, "/health")
        except ServiceNotHere:
            return "absent"
        except Exception as error:
            return error
        well = sum(one.status == 200 for one in said)
        return "ok" if well else ServiceIll(f"{service} says that it is not well")


async def described(asking: Asking, service: str) -> dict[str, Any] | None:
    """The OpenAPI description of a service; None: it gives none that can be read."""
    try:
        for said in await asking.ask(service, "/openapi.json"):
            if said.status == 200:
                found = msgspec.json.decode(said.body)
                return cast("dict[str, Any]", found) if isinstance(found, dict) else None
    except Exception:
        return None
    return None
