# SPDX-License-Identifier: Apache-2.0
"""Where a name leads, and whether anybody may be sent there.

A name is looked up once, what it leads to is checked, and that very address is connected to:
nobody can have a name answer one thing to the check and another to the connection.
"""

from __future__ import annotations

import asyncio
import socket
from ipaddress import ip_address

import httpx

from rollcall.kernel.addresses import refusal

FRESH = "rollcall.fresh"
"""The extension of a request that has to have a connection of its own."""


class NotReached(OSError):
    """A host cannot be looked up, or is where nobody may be sent."""


async def places(host: str, port: int) -> list[str]:
    """The IP addresses of a host that anybody may be sent to, in the system's order.

    Raises:
        NotReached: There are none.
    """
    try:
        literal = ip_address(host)
    except ValueError:
        return await _looked_up(host, port)
    why = refusal(literal)
    if why is not None:
        raise NotReached(f"nobody may be sent there: {why}")
    return [host]


async def _looked_up(host: str, port: int) -> list[str]:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NotReached(f"{host} cannot be looked up: {error}") from error
    good: list[str] = []
    why: str | None = "it has no address"
    for *_, place in found:
        one = str(place[0])
        refused = refusal(ip_address(one.partition("%")[0]))
        if refused is None:
            good.append(one)
        else:
            why = refused
    if not good:
        raise NotReached(f"nobody may be sent there: {why}")
    return good


class GuardedTransport(httpx.AsyncBaseTransport):
    """Sends requests to where anybody may be sent, and nowhere else.

    Of several addresses of a name the first that takes a connection is used, and tried first from
    then on. A request with the extension `FRESH` has a connection of its own: where a kept one
    turns out to be closed, nobody knows whether the request was read.

    Args:
        connections: Connections at the same time.
    """

    def __init__(self, connections: int = 256) -> None:
        self._kept = httpx.AsyncHTTPTransport(
            trust_env=False,
            limits=httpx.Limits(max_connections=connections, keepalive_expiry=15.0),
        )
        self._fresh = httpx.AsyncHTTPTransport(
            trust_env=False,
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=0),
        )
        self._best: dict[str, str] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        transport = self._fresh if request.extensions.get(FRESH) else self._kept
        url = request.url
        host = url.host
        try:
            found = await places(host, url.port or 80)
        except NotReached as error:
            raise httpx.ConnectError(str(error), request=request) from error
        if found == [host]:
            return await transport.handle_async_request(request)
        best = self._best.get(host)
        found = sorted(dict.fromkeys(found), key=lambda one: one != best)
        request.extensions = {**request.extensions, "sni_hostname": host}
        for place in found:
            # The header with the host's name was made from the URL as it was.
            request.url = url.copy_with(host=place)
            try:
                response = await transport.handle_async_request(request)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                if place == found[-1]:
                    raise
                continue
            self._remember(host, place)
            return response
        raise AssertionError("unreachable")

    def _remember(self, host: str, place: str) -> None:
        if self._best.get(host) != place:
            if len(self._best) >= 1024:
                self._best.clear()
            self._best[host] = place

    async def aclose(self) -> None:
        await self._kept.aclose()
        await self._fresh.aclose()
