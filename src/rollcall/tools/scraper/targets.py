# SPDX-License-Identifier: Apache-2.0
"""A page's URL taken apart, once: what is checked is what is connected to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final

import httpx

from rollcall.kernel.errors import InvalidInput
from rollcall.tools.scraper.addresses import IPAddress
from rollcall.tools.scraper.errors import AddressRefused

LONGEST_URL: Final = 2048

_PORTS: Final = {"http": 80, "https": 443}
_LABEL: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")


@dataclass(frozen=True, slots=True)
class Target:
    """Where a page is.

    Args:
        scheme: `http` or `https`.
        host: A name in ASCII, lower case, without a final dot; or an IP address without brackets.
        port: 1 to 65535.
        path: What is asked for there: the path with the query, escaped as HTTP wants it.
        address: The IP address, if the host is one.
    """

    scheme: str
    host: str
    port: int
    path: str
    address: IPAddress | None = None

    @property
    def authority(self) -> str:
        """Host and port as the `Host` header has them: the scheme's own port is left out."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """What a robots.txt holds for: scheme, host and port."""
        return f"{self.scheme}://{self.authority}"

    @property
    def url(self) -> str:
        """The whole, in its one spelling, without a fragment."""
        return self.origin + self.path

    def beside(self, path: str) -> Target:
        """Another path at the same server."""
        return Target(self.scheme, self.host, self.port, path, self.address)

    def joined(self, location: str) -> Target:
        """Where a `Location` header of this page leads.

        Raises:
            InvalidInput: It is no URL of the web.
            AddressRefused: As for `parse_url`.
        """
        try:
            return parse_url(str(httpx.URL(self.url).join(location)))
        except httpx.InvalidURL as error:
            raise InvalidInput("url", f"is no URL: {error}") from error


def parse_url(url: str) -> Target:
    """Take a URL apart.

    Raises:
        InvalidInput: It is no http or https URL, or holds a user or a password.
        AddressRefused: Its host is an IP address in a spelling that hides it: a single number,
            octal or hexadecimal ones, or with a zone.
    """
    text = url.strip(" \t\r\n")
    if not 0 < len(text) <= LONGEST_URL:
        raise InvalidInput("url", f"must have 1 to {LONGEST_URL} characters, not {len(text)}")
    try:
        parts = httpx.URL(text)
        port = parts.port
    except (httpx.InvalidURL, ValueError) as error:
        raise InvalidInput("url", f"is no URL: {error}") from None
    if parts.scheme not in _PORTS:
        raise InvalidInput("url", "must begin with http:// or https://")
    if parts.userinfo:
        raise InvalidInput("url", "must hold no user and no password")
    if port is None:
        port = _PORTS[parts.scheme]
    if not 1 <= port <= 65_535:
        raise InvalidInput("url", f"must have a port from 1 to 65535, not {port}")
    host, address = _host(parts.raw_host.decode("ascii"), text)
    path = parts.raw_path.decode("ascii") or "/"
    return Target(parts.scheme, host, port, path, address)


def _host(raw: str, url: str) -> tuple[str, IPAddress | None]:
    name = raw.lower()
    if ":" in name:
        return _ipv6(name, url)
    name = name.removesuffix(".")
    labels = name.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        return _ipv4(name, url)
    if not 0 < len(name) <= 253 or not all(map(_LABEL.fullmatch, labels)):
        raise InvalidInput("url", f"must name a host; {raw[:100]!r} is none")
    return name, None


def _ipv4(name: str, url: str) -> tuple[str, IPAddress]:
    try:
        address = IPv4Address(name)
    except ValueError:
        # Resolvers read 2130706433, 0x7f.1 and 0177.0.0.1 as 127.0.0.1.
        raise AddressRefused(
            url, f"{name!r} is no host name; an IP address must be four decimal numbers"
        ) from None
    return str(address), address


def _ipv6(name: str, url: str) -> tuple[str, IPAddress]:
    try:
        address = IPv6Address(name)
    except ValueError:
        raise InvalidInput("url", f"{name[:100]!r} is no IPv6 address") from None
    if address.scope_id is not None:
        raise AddressRefused(url, "an address with a zone is of this machine's own networks")
    return str(address), address
