# SPDX-License-Identifier: Apache-2.0
"""Where the scraper may connect to: the public web, and what an operator has opened.

A name is looked up once, here, and the connection is made to an address that was checked: nobody
can have a name answer one thing to the check and another to the connection. All addresses of an
answer must pass. A name that leads to a public and to a private address at once is a trick or a
mistake, and which of them a connection ends at would be chance.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import Final

from rollcall.kernel.addresses import refusal
from rollcall.tools.scraper.addresses import AllowedHosts, IPAddress, is_public, parse_address
from rollcall.tools.scraper.errors import AddressRefused, FetchFailed
from rollcall.tools.scraper.targets import Target

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""From a host name and a port to IP addresses, the best first; OSError where there are none."""

_LOCAL_NAMES: Final = frozenset(
    {
        "home.arpa",
        "internal",
        "intranet",
        "invalid",
        "lan",
        "local",
        "localdomain",
        "localhost",
        "onion",
    }
)
_METADATA_NAMES: Final = frozenset(
    {
        "instance-data",
        "instance-data.ec2.internal",
        "metadata",
        "metadata.azure.internal",
        "metadata.goog",
        "metadata.google.internal",
    }
)
_OPENED_BY = "an operator may list the host among the scraper's allowed hosts"


class MachineResolver:
    """What the machine's own resolver says (`Resolver`).

    Args:
        threads: Where it waits. Not the loop's own: a name server of a stranger's that never
            answers would keep everybody else waiting there.
    """

    def __init__(self, threads: Executor) -> None:
        self._threads = threads

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(
            self._threads, partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        )
        return [str(place[0]) for *_, place in found]


class Guard:
    """Decides where connections may go.

    Args:
        allowed: What was opened beside the public web.
        ports: Where public pages may be; empty: anywhere.
        resolver: Asked once for each connection.
    """

    def __init__(self, allowed: AllowedHosts, ports: frozenset[int], resolver: Resolver) -> None:
        self._allowed = allowed
        self._ports = ports
        self._resolver = resolver

    async def addresses(self, target: Target) -> list[IPAddress]:
        """The addresses that may be connected to for `target`, the best first; one at least.

        Raises:
            AddressRefused: One of them may not.
            FetchFailed: The name leads nowhere.
        """
        if target.address is not None:
            found = [target.address]
        else:
            self._check_name(target)
            found = await self._looked_up(target)
        for address in found:
            self._check(address, target)
        return found

    def _check_name(self, target: Target) -> None:
        host = target.host
        if self._allowed.has_name(host, target.port):
            return
        if host in _METADATA_NAMES:
            raise AddressRefused(target.url, "it is a cloud's metadata service")
        local = "." not in host or any(host.endswith(f".{name}") for name in _LOCAL_NAMES)
        # In an opened network, names that are known there alone are as good as addresses.
        if local and not self._allowed.networks:
            raise AddressRefused(
                target.url, f"{host!r} is a name of a private network; {_OPENED_BY}"
            )

    async def _looked_up(self, target: Target) -> list[IPAddress]:
        try:
            found = await self._resolver(target.host, target.port)
        except (OSError, UnicodeError) as error:
            raise FetchFailed(
                target.url, f"nobody knows the host {target.host!r}; check its spelling"
            ) from error
        addresses = [parse_address(one) for one in dict.fromkeys(found)]
        if not addresses or None in addresses:
            raise FetchFailed(target.url, f"the host {target.host!r} has no address")
        return [one for one in addresses if one is not None]

    def _check(self, address: IPAddress, target: Target) -> None:
        if self._allowed.has_address(address, target.port):
            return
        if target.address is None and self._allowed.has_name(target.host, target.port):
            if refusal(address) is None:
                return
            raise AddressRefused(target.url, "it leads to a link-local or metadata address")
        if not is_public(address):
            raise AddressRefused(
                target.url, f"{target.host!r} is not on the public internet; {_OPENED_BY}"
            )
        if self._ports and target.port not in self._ports:
            usual = ", ".join(map(str, sorted(self._ports)))
            raise AddressRefused(
                target.url, f"pages are read at the ports {usual} alone; {_OPENED_BY}"
            )
