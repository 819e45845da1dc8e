# SPDX-License-Identifier: Apache-2.0
"""Who can reach an address."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address

from rollcall.kernel.errors import RollcallError


class UnsafeBinding(RollcallError):
    """Others could reach the service, and it would let everybody in."""

    def __init__(self, host: str) -> None:
        super().__init__(
            f"refusing to listen on {host or 'all addresses'}: others can reach it, and neither"
            " API keys nor a token issuer are set up. Make a key first, or listen on 127.0.0.1"
        )
        self.host = host


def check_binding(host: str, *, authenticated: bool) -> None:
    """Refuse to serve strangers.

    Args:
        host: What the service is about to listen on; empty: every address.
        authenticated: Whether callers must show who they are.

    Raises:
        UnsafeBinding: The address is not on the loopback, and they need not.
    """
    if not authenticated and not is_loopback(host):
        raise UnsafeBinding(host)


def is_loopback(host: str | None) -> bool:
    """Whether only this machine is meant. Other names than `localhost` are not looked up: no."""
    if not host:
        return False
    name = host.removeprefix("[").removesuffix("]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ip_address(name.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped.is_loopback
    return address.is_loopback
