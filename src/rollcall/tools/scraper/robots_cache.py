# SPDX-License-Identifier: Apache-2.0
"""Sites' robots.txt, read through the same guard as pages and kept for a while."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from rollcall.kernel.clock import Clock
from rollcall.tools.scraper.errors import (
    AddressRefused,
    DisallowedByRobots,
    FetchFailed,
    UnsupportedContent,
)
from rollcall.tools.scraper.fetching import Fetcher, TooManyRedirects
from rollcall.tools.scraper.robots import (
    ALLOW_ALL,
    ALLOW_NONE,
    MOST_BYTES,
    Rules,
    parse_robots,
)
from rollcall.tools.scraper.targets import Target

KEPT: Final = 3600.0
"""Seconds for which what a site said counts (RFC 9309 wants at most a day)."""
KEPT_UNREACHABLE: Final = 60.0
"""Seconds until a robots.txt that could not be had is tried again."""
MOST_SITES: Final = 512


@dataclass(slots=True)
class _Site:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    rules: Rules | None = None
    reached: bool = True
    until: float = 0.0


class RobotsCache:
    """Says whether pages may be read.

    Args:
        fetcher: Gets the files.
        clock: Tells when to get them anew.
        product: What a robots.txt may call the scraper.
    """

    def __init__(self, fetcher: Fetcher, clock: Clock, product: str) -> None:
        self._fetcher = fetcher
        self._clock = clock
        self._product = product
        self._sites: OrderedDict[str, _Site] = OrderedDict()

    def __len__(self) -> int:
        """How many sites are kept."""
        return len(self._sites)

    async def check(self, target: Target) -> None:
        """Return if `target` may be read.

        Raises:
            DisallowedByRobots: It may not, or the site fails to say whether it may.
            AddressRefused: The site, or what its robots.txt redirects to, may not be connected to.
            FetchFailed: The site does not answer.
        """
        site = self._sites.setdefault(target.origin, _Site())
        self._sites.move_to_end(target.origin)
        while len(self._sites) > MOST_SITES:
            self._sites.popitem(last=False)
        # Those who ask for the same site wait for one answer.
        async with site.lock:
            if site.rules is None or site.until <= self._clock.monotonic():
                site.rules, site.reached = await self._fetch(target)
                kept = KEPT if site.reached else KEPT_UNREACHABLE
                site.until = self._clock.monotonic() + kept
        if site.rules.allow(target.path):
            return
        if site.reached:
            raise DisallowedByRobots(
                target.url, "the site's robots.txt asks programs not to read it; try another page"
            )
        raise DisallowedByRobots(
            target.url,
            "the site's robots.txt, which says whether programs may read it, cannot be had now;"
            " try again later",
        )

    async def _fetch(self, target: Target) -> tuple[Rules, bool]:
        try:
            found = await self._fetcher.get(
                target.beside("/robots.txt"), most_bytes=MOST_BYTES, accept="text/plain, */*;q=0.1"
            )
        except TooManyRedirects:
            return ALLOW_ALL, True
        except FetchFailed as error:
            status = error.status_code
            if status is None:
                # Nobody answers there, neither for the page: say that.
                raise type(error)(target.url, error.problem) from error
            return (ALLOW_ALL, True) if 400 <= status < 500 else (ALLOW_NONE, False)
        except AddressRefused as error:
            raise AddressRefused(target.url, error.problem) from error
        except UnsupportedContent:
            return ALLOW_NONE, False
        text = found.body.decode("utf-8", "replace")
        # Half a megabyte of rules takes a while.
        return await asyncio.to_thread(parse_robots, text, self._product), True
