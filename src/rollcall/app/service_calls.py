# SPDX-License-Identifier: Apache-2.0
"""How services of this installation ask each other for whoever asked them: found as the gateway
finds them, and shown a pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import msgspec
from starlette.types import ASGIApp

from rollcall.dashboard.models import Question, Said
from rollcall.dashboard.ports import NotAnswered, NotHere
from rollcall.gateway import catalogue
from rollcall.gateway.connections import Connections
from rollcall.gateway.errors import ServiceNotHere
from rollcall.gateway.line import ConnectionLost, NoConnection, NotSendable, Order
from rollcall.gateway.models import GatewayService
from rollcall.gateway.ports import Instance, Instances
from rollcall.gateway.targets import Deployment, Targets
from rollcall.kernel.caller import Caller
from rollcall.kernel.clock import Clock
from rollcall.kernel.errors import Unavailable
from rollcall.web.inside import Inside, ask_inside
from rollcall.web.passes import Passes

GATEWAY: Final = "gateway"
HOUSED: Final = frozenset({"agents", "memory"})
"""Services whose routes are in the gateway's own application."""
_SERVICES: Final = {
    **{one.name: one for one in catalogue.SERVICES},
    GATEWAY: GatewayService(GATEWAY, "gateway", prefix="/", registered="api-gateway"),
}
NAMES: Final = tuple(_SERVICES)
"""Every service that there may be."""
_CONNECTIONS: Final = 100
_CONNECT_SECONDS: Final = 1.0
_LONGEST: Final = 8 << 20
"""Bytes of an answer."""


class ServiceCalls:
    """`Services` of the dashboard: in this process, at a fixed address, or by the registry.

    Args:
        instances: The registry.
        local: Applications of this process by the service's name; filled later.
        urls: Fixed addresses by the setting's name.
        passes: What others are shown.
        clock: Time.

    Raises:
        InvalidInput: An address is none.
    """

    def __init__(
        self,
        instances: Instances,
        local: Mapping[str, ASGIApp],
        urls: Mapping[str, str],
        passes: Passes,
        clock: Clock,
    ) -> None:
        self._fixed = frozenset(
            name for name, one in _SERVICES.items() if one.variable and urls.get(one.variable)
        )
        self._targets = Targets(_SERVICES, Deployment(instances, local, urls=urls))
        self._connections = Connections(_CONNECTIONS, _CONNECT_SECONDS, clock)
        self._passes = passes
        self._turn = 0

    async def get(self, caller: Caller, question: Question) -> Said:
        """See `Services`."""
        where = question.service
        if where in HOUSED and where not in self._fixed:
            where = GATEWAY
        query = urlencode(question.params).encode()
        pass_ = self._passes.issue(caller.subject, caller.namespace)
        fields = [(b"authorization", f"Bearer {pass_}".encode())]
        app = self._targets.local(where)
        if app is not None:
            return _said(await ask_inside(app, question.path, query, fields))
        try:
            instances = await self._targets.instances(where)
        except ServiceNotHere:
            raise NotHere from None
        except Unavailable as error:
            raise NotAnswered("the registry does not say where it is") from error
        # Each time another one, and where it cannot be reached the next.
        self._turn += 1
        path = quote(question.path)
        target = f"{path}?{query.decode()}" if query else path
        for place in range(len(instances)):
            instance = instances[(self._turn + place) % len(instances)]
            found = await self._fetched(instance, target, fields)
            if found is not None:
                return _said(found)
        raise NotAnswered("does not answer")

    def close(self) -> None:
        """Let go of the connections."""
        self._connections.close()

    async def _fetched(
        self, instance: Instance, target: str, fields: list[tuple[bytes, bytes]]
    ) -> Inside | None:
        """The answer of an instance; None: it gives none."""
        head = [
            (b"host", instance.authority.encode()),
            (b"accept", b"application/json"),
            *fields,
        ]
        order = Order("GET", f"{instance.base}{target}".encode(), head)
        # A connection that was kept may just be closing; a new one is not.
        for fresh in (False, True):
            try:
                reply = await self._connections.send(order, instance, fresh=fresh)
                body = bytearray()
                try:
                    async for piece in reply.pieces():
                        body += piece
                        if len(body) > _LONGEST:
                            raise NotAnswered("says too much")
                finally:
                    reply.close()
                return Inside(reply.status, reply.fields, bytes(body))
            except (NoConnection, NotSendable):
                return None
            except ConnectionLost:
                continue
        return None


def _said(answer: Inside) -> Said:
    """An answer as its JSON and the way to its next page.

    Raises:
        NotAnswered: It is none.
    """
    try:
        body: Any = msgspec.json.decode(answer.body) if answer.body else None
    except msgspec.DecodeError:
        if answer.status == HTTPStatus.OK:
            raise NotAnswered("answers, but not in JSON") from None
        body = None
    links = (value.decode("latin-1") for name, value in answer.fields if name == b"link")
    return Said(answer.status, body, _cursor(next(links, "")))


def _cursor(link: str) -> str | None:
    """Where a `Link` header of a list leads."""
    target, _, relation = link.partition(">")
    if 'rel="next"' not in relation:
        return None
    return parse_qs(urlsplit(target.lstrip("<")).query).get("cursor", [None])[0]
