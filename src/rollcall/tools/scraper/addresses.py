# SPDX-License-Identifier: Apache-2.0
"""Which IP addresses are on the public internet, and which of the others an operator has opened.

IPv4 is public unless it is set aside; IPv6 is not unless it is global unicast. Source: the IANA
registries of special-purpose addresses (RFC 6890), which newer versions of Python know and older
ones do not; and the addresses at which clouds answer on every machine.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final, Self

from rollcall.kernel.addresses import refusal
from rollcall.kernel.errors import InvalidInput

IPAddress = IPv4Address | IPv6Address

_SET_ASIDE_4: Final = tuple(
    map(
        IPv4Network,
        """
        0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24
        192.0.2.0/24 192.31.196.0/24 192.52.193.0/24 192.88.99.0/24 192.168.0.0/16 192.175.48.0/24
        198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4
        """.split(),
    )
)
_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
_SET_ASIDE_6: Final = tuple(
    map(IPv6Network, "2001::/23 2001:db8::/32 2002::/16 2620:4f:8000::/48 3fff::/20".split())
)
"""With Teredo in the first and 6to4 in the third: IPv4 in disguise, and nobody's website."""
_NAT64: Final = IPv6Network("64:ff9b::/96")


def is_public(address: IPAddress) -> bool:
    """Whether `address` is of the public internet, where anybody can look.

    IPv4 addresses in IPv6 (mapped, compatible, 6to4, Teredo) are not. The one exception is NAT64's
    well-known prefix, as networks without IPv4 reach every IPv4 address by it: there the IPv4
    address counts.
    """
    if refusal(address) is not None:
        return False
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _SET_ASIDE_4)
    if address.scope_id is not None:
        return False
    if address in _NAT64:
        return is_public(IPv4Address(int(address) & 0xFFFF_FFFF))
    return address in _GLOBAL_UNICAST and not any(address in one for one in _SET_ASIDE_6)


@dataclass(frozen=True, slots=True)
class AllowedHosts:
    """What an operator has opened beside the public web.

    Args:
        names: Host names, each with a port or None for any.
        networks: Networks, each with a port or None for any.
    """

    names: frozenset[tuple[str, int | None]] = frozenset()
    networks: tuple[tuple[IPv4Network | IPv6Network, int | None], ...] = ()

    @classmethod
    def parse(cls, entries: Iterable[str], field: str = "allowed_hosts") -> Self:
        """From entries such as `wiki.example`, `wiki:8080`, `10.1.2.3`, `[::1]:80`, `10.0.0.0/8`.

        Raises:
            InvalidInput: An entry is none of these.
        """
        names: set[tuple[str, int | None]] = set()
        networks: list[tuple[IPv4Network | IPv6Network, int | None]] = []
        for entry in entries:
            host, port = _split(entry.strip().lower(), field)
            try:
                networks.append((ip_network(host), port))
            except ValueError:
                if not host or any(one in host for one in "/:@*[] "):
                    raise InvalidInput(
                        field,
                        f"{entry!r} is none of: a host name, an IP address, either with a port"
                        " behind a colon, or a network such as 10.0.0.0/8",
                    ) from None
                names.add((host.removesuffix("."), port))
        return cls(frozenset(names), tuple(networks))

    def has_name(self, host: str, port: int) -> bool:
        """Whether a host, as URLs write it, was opened by its name."""
        return (host, port) in self.names or (host, None) in self.names

    def has_address(self, address: IPAddress, port: int) -> bool:
        """Whether an address was opened, whatever name led to it."""
        return any(
            number in {None, port} and address.version == network.version and address in network
            for network, number in self.networks
        )


def _split(entry: str, field: str) -> tuple[str, int | None]:
    if entry.startswith("["):
        host, _, rest = entry[1:].partition("]")
        port = rest.removeprefix(":") if rest else None
    elif entry.count(":") == 1:
        host, _, port = entry.partition(":")
    else:
        host, port = entry, None
    if port is None:
        return host, None
    if not (port.isascii() and port.isdecimal() and 1 <= int(port) <= 65_535):
        raise InvalidInput(field, f"{entry!r} must end in a port from 1 to 65535")
    return host, int(port)


def parse_address(text: str) -> IPAddress | None:
    """The address that `text` writes; None: it writes none."""
    try:
        return ip_address(text)
    except ValueError:
        return None
