# SPDX-License-Identifier: Apache-2.0
"""What an operator decides about the scraper."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from rollcall import __version__
from rollcall.kernel.errors import InvalidInput
from rollcall.tools.scraper.addresses import AllowedHosts

WEB_PORTS: Final = frozenset({80, 443, 8080, 8443})
"""Where public web pages are. What listens elsewhere is seldom meant to be read by strangers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScraperSettings:
    """The scraper's limits, and what it may read beside the public web.

    Args:
        allowed_hosts: What may be read though it is not public, or at another port: host names,
            IP addresses, either with a port (`wiki:8080`, `[::1]:80`), and networks in CIDR. A
            name opens whatever it leads to, link-local and metadata addresses excepted.
        ports: Where public pages may be; empty: anywhere.
        respect_robots: Whether a site's robots.txt is obeyed (RFC 9309).
        user_agent: What servers are told; its first word is the name that robots.txt may use.
        timeout: Seconds for everything that one call does.
        connect_timeout: Seconds for one connection.
        max_bytes: How much of a page is read, before and after decompression.
        max_chars: How much text an answer has where the caller does not say.
        max_redirects: How many are followed.
        concurrency: How many pages are read at once; others wait.
        per_host: How many requests one host gets at once.
        parsers: How many threads take pages apart.

    Raises:
        InvalidInput: A value that cannot be used; names the field.
    """

    allowed_hosts: tuple[str, ...] = ()
    ports: frozenset[int] = WEB_PORTS
    respect_robots: bool = True
    user_agent: str = f"Rollcall/{__version__} (reads pages for AI agents)"
    timeout: float = 20.0
    connect_timeout: float = 5.0
    max_bytes: int = 5_000_000
    max_chars: int = 20_000
    max_redirects: int = 5
    concurrency: int = 16
    per_host: int = 2
    parsers: int = 2

    def __post_init__(self) -> None:
        AllowedHosts.parse(self.allowed_hosts)
        if not (self.user_agent.isascii() and self.user_agent.isprintable() and self.product):
            raise InvalidInput("user_agent", "must be printable ASCII and begin with a name")
        for name in ("timeout", "connect_timeout"):
            if not 0 < getattr(self, name) <= 600:
                raise InvalidInput(name, "must be more than 0 and at most 600 seconds")
        for name in ("max_bytes", "max_chars", "concurrency", "per_host", "parsers"):
            if getattr(self, name) < 1:
                raise InvalidInput(name, "must be 1 or more")
        if not 0 <= self.max_redirects <= 20:
            raise InvalidInput("max_redirects", "must be 0 to 20")

    @property
    def product(self) -> str:
        """The name that a robots.txt may call the scraper by, such as `Rollcall`."""
        name = self.user_agent.split("/", 1)[0].split(" ", 1)[0]
        return name if all(one.isalpha() or one in "-_" for one in name) else ""
