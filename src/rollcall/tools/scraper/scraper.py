# SPDX-License-Identifier: Apache-2.0
"""Reading web pages: what an agent asks for when it is given an address."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Final, Self, get_args

import httpx
from pydantic import Field

from rollcall.kernel.clock import Clock, utc, within
from rollcall.kernel.errors import Closed, InvalidInput
from rollcall.tools.scraper.addresses import AllowedHosts
from rollcall.tools.scraper.errors import FetchTimedOut
from rollcall.tools.scraper.fetching import Fetched, Fetcher, secure_transport
from rollcall.tools.scraper.guard import Guard, MachineResolver, Resolver
from rollcall.tools.scraper.models import Page, PageText, Part
from rollcall.tools.scraper.robots_cache import RobotsCache
from rollcall.tools.scraper.settings import ScraperSettings
from rollcall.tools.scraper.targets import LONGEST_URL, Target, parse_url

if TYPE_CHECKING:
    from rollcall.tools.scraper.reading import Reading
    from rollcall.tools.scraper.selectors import FieldSelector

MOST_CHARS: Final = 200_000

_PARTS: Final[tuple[Part, ...]] = get_args(Part)
_READING: Final = "rollcall.tools.scraper.reading"
_SELECTORS: Final = "rollcall.tools.scraper.selectors"

Url = Annotated[
    str,
    Field(
        description="The address of the web page (its URL or link), beginning with http:// or"
        " https://, such as https://example.com/news.",
        min_length=1,
        max_length=LONGEST_URL,
    ),
]
MaxChars = Annotated[
    int | None,
    Field(
        description="How many characters of text to give at most; without it a sensible number.",
        ge=1,
        le=MOST_CHARS,
    ),
]
Include = Annotated[
    Sequence[Part] | None,
    Field(
        description="Which parts of the page to give: title, text, links, metadata. Without it all."
    ),
]
Selectors = Annotated[
    Mapping[str, str] | None,
    Field(
        description="CSS selectors for particular pieces of the page, each under a name of your"
        ' choice, such as {"price": ".price", "images": "img::attr(src)"}; each gives a list of'
        " the texts that it finds, or of an attribute's values."
    ),
]


class Scraper:
    """Reads pages of the public web. Open while it is entered; safe for many calls at once.

    Args:
        settings: Its limits, and what it may read beside the public web.
        clock: Bounds its time.
        resolver: From names to addresses; without it the machine's own.
        transport: Makes the connections, each to an IP address that was checked, and is closed
            with the scraper; without it HTTP/1.1 and TLS with the usual authorities.
    """

    def __init__(
        self,
        settings: ScraperSettings,
        clock: Clock,
        resolver: Resolver | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._resolver = resolver
        self._transport = transport
        self._turns = asyncio.Semaphore(settings.concurrency)
        self._open: _Open | None = None

    async def __aenter__(self) -> Self:
        transport = self._transport or secure_transport()
        self._open = _Open(self._settings, self._clock, self._resolver, transport)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        opened, self._open = self._open, None
        if opened is not None:
            await opened.close()

    async def scrape(
        self,
        url: Url,
        *,
        selectors: Selectors = None,
        include: Include = None,
        max_chars: MaxChars = None,
    ) -> Page:
        """Scrapes a web page: fetches, opens or downloads the page at an internet address and tells
        what is there: its title, main text, links and metadata (author, date, language), and
        particular pieces of it by CSS selectors.

        Raises:
            InvalidInput: An argument cannot be used; names it.
            AddressRefused: The address is not on the public web.
            DisallowedByRobots: The site does not want it.
            FetchFailed: Its server does not give the page.
            UnsupportedContent: It is no text.
        """
        parts = frozenset(_PARTS if include is None else include)
        if not parts <= frozenset(_PARTS):
            raise InvalidInput("include", f"must be of {', '.join(_PARTS)}")
        started = self._clock.monotonic()
        page, found = await self._read(url, parts, selectors or {}, max_chars)
        return Page(
            url=url.strip(),
            final_url=page.target.url,
            status_code=page.status_code,
            content_type=found.content_type,
            charset=found.charset,
            title=found.title,
            text=found.text,
            links=found.links,
            metadata=found.metadata,
            fields=found.fields,
            truncated=found.truncated,
            fetched_at=utc(self._clock.now()),
            duration_ms=round((self._clock.monotonic() - started) * 1000, 3),
        )

    async def extract_text(self, url: Url, max_chars: MaxChars = None) -> PageText:
        """Reads a web page and tells what it says: gives the main text (the content or article) and
        the title of the page, website or document at an internet address, as plain text to read,
        quote or summarise.

        Raises:
            InvalidInput: An argument cannot be used; names it.
            AddressRefused: The address is not on the public web.
            DisallowedByRobots: The site does not want it.
            FetchFailed: Its server does not give the page.
            UnsupportedContent: It is no text.
        """
        page, found = await self._read(url, frozenset({"title", "text"}), {}, max_chars)
        return PageText(
            url=page.target.url, title=found.title, text=found.text, truncated=found.truncated
        )

    async def _read(
        self,
        url: str,
        parts: frozenset[Part],
        selectors: Mapping[str, str],
        max_chars: int | None,
    ) -> tuple[Fetched, Reading]:
        opened = self._open
        if opened is None:
            raise Closed("the scraper is not open")
        longest = self._settings.max_chars if max_chars is None else max_chars
        if not 1 <= longest <= MOST_CHARS:
            raise InvalidInput("max_chars", f"must be 1 to {MOST_CHARS}, not {longest}")
        target = parse_url(url)
        compiled = _compiled(selectors)

        async def work() -> tuple[Fetched, Reading]:
            async with self._turns:
                page = await opened.fetch(target)
                return page, await opened.read(page, parts, compiled, longest)

        try:
            return await within(self._clock, self._settings.timeout, work())
        except FetchTimedOut:
            raise
        except TimeoutError as error:
            raise FetchTimedOut(
                target.url, f"it took more than {self._settings.timeout:g} s; try again later"
            ) from error


class _Open:
    """What a scraper has while it is open."""

    def __init__(
        self,
        settings: ScraperSettings,
        clock: Clock,
        resolver: Resolver | None,
        transport: httpx.AsyncBaseTransport,
    ) -> None:
        allowed = AllowedHosts.parse(settings.allowed_hosts)
        self._names = ThreadPoolExecutor(settings.concurrency, thread_name_prefix="scraper-names")
        guard = Guard(allowed, settings.ports, resolver or MachineResolver(self._names))
        self._settings = settings
        self._transport = transport
        self._fetcher = Fetcher(settings, guard, transport)
        self._robots = RobotsCache(self._fetcher, clock, settings.product)
        self._threads = ThreadPoolExecutor(settings.parsers, thread_name_prefix="scraper")

    async def close(self) -> None:
        for threads in (self._threads, self._names):
            threads.shutdown(wait=False, cancel_futures=True)
        await self._transport.aclose()

    async def fetch(self, target: Target) -> Fetched:
        return await self._fetcher.get(
            target,
            most_bytes=self._settings.max_bytes,
            text_only=True,
            check=self._robots.check if self._settings.respect_robots else None,
        )

    async def read(
        self,
        page: Fetched,
        parts: frozenset[Part],
        selectors: Mapping[str, FieldSelector],
        longest: int,
    ) -> Reading:
        loop = asyncio.get_running_loop()
        # A page that takes too long goes on in its thread, but nobody waits for it.
        return await loop.run_in_executor(
            self._threads, _read_page, page, parts, selectors, longest
        )


def _read_page(
    page: Fetched, parts: frozenset[Part], selectors: Mapping[str, FieldSelector], longest: int
) -> Reading:
    # Imported by the first page: the parsers are large, and most processes never read one.
    return importlib.import_module(_READING).read(page, parts, selectors, longest)


def _compiled(selectors: Mapping[str, str]) -> dict[str, FieldSelector]:
    if not selectors:
        return {}
    return importlib.import_module(_SELECTORS).compile_selectors(selectors)
