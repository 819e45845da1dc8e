# SPDX-License-Identifier: Apache-2.0
"""IP addresses that nobody may be sent to, however they are written.

Private addresses are welcome, since containers have them. Link-local and metadata addresses never
are: whoever follows a registration would hand its cloud's credentials to whoever wrote it. Source:
`spec/contracts.md`, section 0.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

_METADATA: Final = frozenset(
    map(ip_address, ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254"))
)
_TRANSLATED: Final = (IPv6Network("64:ff9b::/96"), IPv6Network("::/96"))
"""IPv6 networks whose last four bytes are the IPv4 address that is reached."""
_BROADCAST: Final = IPv4Address("255.255.255.255")


def refusal(address: IPv4Address | IPv6Address) -> str | None:
    """Why nobody may be sent to `address`, as a clause about it; None: they may."""
    reached = [address]
    if isinstance(address, IPv6Address):
        reached += _embedded(address)
    for one in reached:
        if one.is_link_local or one in _METADATA:
            return f"{one} is a link-local or metadata address"
        if one.is_unspecified or one.is_multicast or one == _BROADCAST:
            return f"{one} cannot be called; give the address at which others reach you"
    return None


def sender_address(text: str) -> IPv4Address | IPv6Address:
    """A sender's address as a socket tells it, without its zone. A socket for IPv6 that takes IPv4
    as well tells `::ffff:192.0.2.1` of 192.0.2.1.

    Raises:
        ValueError: It is none.
    """
    address = ip_address(text.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return address if mapped is None else mapped


def _embedded(address: IPv6Address) -> list[IPv4Address]:
    """The IPv4 addresses that traffic to `address` may end at."""
    found = [one for one in (address.ipv4_mapped, address.sixtofour) if one is not None]
    if address.teredo is not None:
        found.extend(address.teredo)
    if int(address) > 0xFFFF and any(address in network for network in _TRANSLATED):
        found.append(IPv4Address(int(address) & 0xFFFF_FFFF))
    return found
