# SPDX-License-Identifier: Apache-2.0
"""Health checks over HTTP and TCP."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from ipaddress import ip_address
from urllib.parse import urlsplit

import httpx

from rollcall import __version__
from rollcall.kernel.addresses import refusal
from rollcall.registry.models import Address, HealthCheck
from rollcall.registry.probing import ProbeFailed


class NetworkProber:
    """Asks records at their addresses; open while it is entered.

    A name is looked up once, what it leads to is checked, and that very address is connected to:
    nobody can have a name answer one thing to the check and another to the connection. Redirects
    are not followed, bodies are not read, connections are not kept.
    """

    def __init__(self) -> None:
        self._client = httpx.AsyncClient(
            follow_redirects=False,
            trust_env=False,
            timeout=None,  # noqa: S113 - whoever asks bounds the whole of it
            limits=httpx.Limits(max_keepalive_connections=0, max_connections=None),
            headers={"user-agent": f"rollcall/{__version__}", "accept": "*/*"},
        )

    async def close(self) -> None:
        """Let go of everything."""
        await self._client.aclose()

    async def probe(self, address: Address, check: HealthCheck) -> None:
        """Ask; return if it is well.

        Raises:
            ProbeFailed: It is not, or does not answer, or is where nobody may be sent.
        """
        place = await _looked_up(address)
        if check.type == "tcp":
            await _connect(place, address.port)
        else:
            await self._request(place, address, check)

    async def _request(self, place: str, address: Address, check: HealthCheck) -> None:
        scheme = urlsplit(address.base_url).scheme or "http"
        host = f"[{place}]" if ":" in place else place
        named = f"[{address.host}]" if ":" in address.host else address.host
        request = self._client.build_request(
            "GET",
            f"{scheme}://{host}:{address.port}{check.endpoint}",
            headers={"host": f"{named}:{address.port}", "connection": "close"},
            extensions={"sni_hostname": address.host},
        )
        try:
            response = await self._client.send(request, stream=True)
        except httpx.HTTPError as error:
            raise ProbeFailed(f"{type(error).__name__}: {error}".rstrip(": ")) from error
        status = response.status_code
        await response.aclose()
        wanted = check.expected_status
        if (status != wanted) if wanted is not None else not 200 <= status < 300:
            expected = wanted or "200 to 299"
            raise ProbeFailed(f"GET {check.endpoint} gave {status}, and {expected} is expected")


async def _looked_up(address: Address) -> str:
    """The IP address that a record is reached at now."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ProbeFailed(f"{address.host} cannot be looked up: {error}") from error
    refused = ""
    for *_, place in found:
        host = str(place[0])
        why = refusal(ip_address(host.partition("%")[0]))
        if why is None:
            return host
        refused = why
    raise ProbeFailed(f"nobody may be sent there: {refused}")


async def _connect(place: str, port: int) -> None:
    try:
        _, writer = await asyncio.open_connection(place, port)
    except OSError as error:
        raise ProbeFailed(f"no connection: {error.strerror or error}") from error
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
