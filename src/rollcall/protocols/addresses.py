# SPDX-License-Identifier: Apache-2.0
"""Where a record says it is reached: read, normalised, and refused where nobody may be sent.

Private addresses are welcome, since containers have them. Link-local and metadata addresses never
are: whoever follows a registration would hand its cloud's credentials to whoever wrote it. A name
may still lead to such an address when it is looked up; who connects checks that. Source:
`spec/contracts.md`, section 0.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import Final
from urllib.parse import SplitResult, urlsplit

from rollcall.kernel.addresses import refusal
from rollcall.kernel.errors import InvalidInput
from rollcall.registry.models import Address

MAX_URL: Final = 2048
MAX_HOST: Final = 253

_LABEL: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")

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
_PORTS: Final = {"http": 80, "https": 443}


# Fleets register the same few hosts again and again.
@lru_cache(maxsize=4096)
def parse_host(host: str, field: str = "host") -> str:
    """A host as it is kept: lower case, without a final dot or brackets; an IP in its one spelling.

    Raises:
        InvalidInput: It is none, or one that nobody may be sent to. Names `field`.
    """
    if not 0 < len(host) <= MAX_HOST + 2:
        raise InvalidInput(field, f"must have 1 to {MAX_HOST} characters, not {len(host)}")
    name = host.lower()
    if name.startswith("[") and name.endswith("]"):
        name = name[1:-1]
    name = name.removesuffix(".")
    if ":" in name:
        return _ipv6(name, field)
    labels = name.split(".")
    # Whoever resolves it would read 0xA9FEA9FE and 2852039166 as addresses, too.
    if _NUMBER.fullmatch(labels[-1]):
        return _ipv4(name, field)
    if len(name) > MAX_HOST or not all(map(_LABEL.fullmatch, labels)):
        raise InvalidInput(
            field, f"{host!r} is neither a host name (in ASCII, as in DNS) nor an IP address"
        )
    if name in _METADATA_NAMES:
        raise InvalidInput(field, f"{host!r} is a metadata service; register where you are reached")
    return name


def parse_address(host: str, port: int) -> Address:
    """The address of a service (document 1).

    Raises:
        InvalidInput: Host or port cannot be used.
    """
    if not 1 <= port <= 65_535:
        raise InvalidInput("port", f"must be 1 to 65535, not {port}")
    return Address(parse_host(host), port)


def parse_base_url(url: str, field: str = "base_url") -> Address:
    """The address of an agent (document 2); the URL itself is kept as it was given.

    Raises:
        InvalidInput: It is no http or https URL, holds a password, a query or a fragment, or leads
            where nobody may be sent. Names `field`.
    """
    if not 0 < len(url) <= MAX_URL:
        raise InvalidInput(field, f"must have 1 to {MAX_URL} characters, not {len(url)}")
    if not (url.isascii() and url.isprintable()) or any(c in ' "<>\\^`{|}' for c in url):
        raise InvalidInput(field, "must be printable ASCII without blanks or \\; escape the rest")
    parts = _split(url, field)
    if parts.scheme not in _PORTS:
        raise InvalidInput(field, "must begin with http:// or https://")
    if "@" in parts.netloc:
        raise InvalidInput(field, "must hold no user and no password")
    if "?" in url or "#" in url:
        raise InvalidInput(field, "must hold no query and no fragment")
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0 or not parts.hostname:
        raise InvalidInput(field, "must name a host and, if any, a port from 1 to 65535")
    return Address(parse_host(parts.hostname, field), port or _PORTS[parts.scheme], url)


def base_url(address: Address | None) -> str | None:
    """The URL under which a record is reached; None: it is not reached from outside its process."""
    if address is None or address.base_url:
        return address.base_url if address else None
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"http://{host}:{address.port}"


def _split(url: str, field: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError as error:
        raise InvalidInput(field, f"is no URL: {error}") from error


def _ipv4(name: str, field: str) -> str:
    try:
        address = IPv4Address(name)
    except ValueError:
        raise InvalidInput(
            field, f"{name!r} must be four decimal numbers if it is an IP address"
        ) from None
    _refuse(address, field)
    return str(address)


def _ipv6(name: str, field: str) -> str:
    try:
        address = IPv6Address(name)
    except ValueError:
        raise InvalidInput(field, f"{name!r} is no IPv6 address") from None
    if address.scope_id is not None:
        raise InvalidInput(field, "must have no zone: it means nothing to others")
    _refuse(address, field)
    return str(address)


def _refuse(address: IPv4Address | IPv6Address, field: str) -> None:
    why = refusal(address)
    if why is not None:
        raise InvalidInput(field, why)
