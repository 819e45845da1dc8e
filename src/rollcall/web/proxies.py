# SPDX-License-Identifier: Apache-2.0
"""From whose address a request comes when it came through proxies."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from ipaddress import IPv4Network, IPv6Network
from typing import Final, TypeAlias

from starlette.types import ASGIApp, Receive, Scope, Send

from rollcall.kernel.addresses import sender_address

Networks: TypeAlias = Collection[IPv4Network | IPv6Network]

PEER: Final = "rollcall.peer"
"""The scope's key for the address at the other end of the connection, where a proxy has it."""

_FIELD: Final = b"x-forwarded-for"
_HOP: Final = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::[0-9]+)?|([0-9.]+)(?::[0-9]+)?|([0-9A-Fa-f:.]+)")
"""An address as proxies write it: with a port or without."""


class ProxyMiddleware:
    """Says that a request comes from where the trusted proxies say that it does.

    Args:
        app: The application behind.
        trusted: The networks of those proxies.
    """

    def __init__(self, app: ASGIApp, trusted: Networks) -> None:
        self._app = app
        self._trusted = trusted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = scope.get("client")
        if scope["type"] in ("http", "websocket") and client is not None:
            address = sender(client[0], scope["headers"], self._trusted)
            if address != client[0]:
                scope["client"] = (address, 0)
                scope[PEER] = client[0]
        await self._app(scope, receive, send)


def peer(scope: Scope) -> str | None:
    """The address at the other end of the connection; None: unknown."""
    client = scope.get("client")
    found: str | None = scope.get(PEER) or (client[0] if client else None)
    return found


def sender(client: str, fields: Iterable[tuple[bytes, bytes]], trusted: Networks) -> str:
    """The address that is the nearest of those that no trusted proxy has.

    Each proxy adds to `X-Forwarded-For` whom it heard, so that list is read from its end, and no
    further than trusted proxies wrote it: what stands before that anybody may have made up.

    Args:
        client: The other end of the connection.
        fields: The request's header fields.
        trusted: Networks of proxies.
    """
    if not trusts(client, trusted):
        return client
    hops = b",".join(value for name, value in fields if name == _FIELD).split(b",")
    nearest = client
    for hop in reversed(hops):
        found = _HOP.fullmatch(hop.decode("latin-1").strip())
        text = next(filter(None, found.groups())) if found else ""
        try:
            nearest = str(sender_address(text))
        except ValueError:
            break
        if not trusts(nearest, trusted):
            break
    return nearest


def trusts(client: str | None, networks: Networks) -> bool:
    """Whether an address belongs to one of the networks."""
    if client is None or not networks:
        return False
    try:
        address = sender_address(client)
    except ValueError:
        return False
    return any(address in network for network in networks)
