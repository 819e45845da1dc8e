# SPDX-License-Identifier: Apache-2.0
"""robots.txt as sites have it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from rollcall.testing.clock import FrozenClock
from rollcall.tools.scraper import robots_cache
from rollcall.tools.scraper.addresses import AllowedHosts
from rollcall.tools.scraper.errors import AddressRefused, DisallowedByRobots, FetchFailed
from rollcall.tools.scraper.fetching import Fetcher, secure_transport
from rollcall.tools.scraper.guard import Guard
from rollcall.tools.scraper.robots_cache import RobotsCache
from rollcall.tools.scraper.settings import ScraperSettings
from rollcall.tools.scraper.targets import parse_url
from support.pages import Names, answer, redirect, website

FORBIDDING = answer("User-agent: *\nDisallow: /private\n", "text/plain")


@asynccontextmanager
async def cache(clock: FrozenClock, *allowed: str) -> AsyncIterator[RobotsCache]:
    settings = ScraperSettings()
    guard = Guard(AllowedHosts.parse(allowed), frozenset(), Names({}))
    async with secure_transport() as transport:
        yield RobotsCache(Fetcher(settings, guard, transport), clock, settings.product)


async def test_what_a_site_does_not_want_read_is_not_read() -> None:
    async with (
        website({"/robots.txt": FORBIDDING}) as site,
        cache(FrozenClock(), site.place) as one,
    ):
        await one.check(parse_url(site.url("/public")))
        with pytest.raises(DisallowedByRobots, match="asks programs not to read"):
            await one.check(parse_url(site.url("/private/x")))


async def test_it_is_read_once_an_hour() -> None:
    clock = FrozenClock()
    async with website({"/robots.txt": FORBIDDING}) as site, cache(clock, site.place) as one:
        page = parse_url(site.url("/page"))
        await asyncio.gather(*(one.check(page) for _ in range(5)))
        clock.jump(robots_cache.KEPT - 1)
        await one.check(page)
        assert site.asked == ["/robots.txt"]
        clock.jump(1)
        site.answers["/robots.txt"] = answer("User-agent: *\nDisallow: /", "text/plain")
        with pytest.raises(DisallowedByRobots):
            await one.check(page)
        assert site.asked == ["/robots.txt"] * 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 429])
async def test_a_site_without_one_may_be_read(status: int) -> None:
    async with (
        website({"/robots.txt": answer(status=status)}) as site,
        cache(FrozenClock(), site.place) as one,
    ):
        await one.check(parse_url(site.url("/page")))


async def test_a_site_that_fails_to_give_it_is_not_read_until_it_does() -> None:
    clock = FrozenClock()
    async with (
        website({"/robots.txt": answer(status=503)}) as site,
        cache(clock, site.place) as one,
    ):
        page = parse_url(site.url("/page"))
        for _ in range(2):
            with pytest.raises(DisallowedByRobots, match="cannot be had now"):
                await one.check(page)
        assert site.asked == ["/robots.txt"]
        site.answers["/robots.txt"] = FORBIDDING
        clock.jump(robots_cache.KEPT_UNREACHABLE)
        await one.check(page)


async def test_redirects_of_it_are_followed_and_checked() -> None:
    pages = {"/robots.txt": redirect("/other.txt"), "/other.txt": FORBIDDING}
    async with website(pages) as site, cache(FrozenClock(), site.place) as one:
        with pytest.raises(DisallowedByRobots):
            await one.check(parse_url(site.url("/private")))
    async with (
        website({"/robots.txt": redirect("http://127.0.0.1:1/")}) as site,
        cache(FrozenClock(), site.place) as one,
    ):
        with pytest.raises(AddressRefused):
            await one.check(parse_url(site.url("/page")))


async def test_one_that_redirects_without_end_is_none() -> None:
    async with (
        website({"/robots.txt": redirect("/robots.txt")}) as site,
        cache(FrozenClock(), site.place) as one,
    ):
        await one.check(parse_url(site.url("/page")))


async def test_a_site_that_does_not_answer_is_said_not_to() -> None:
    async with cache(FrozenClock()) as one:
        with pytest.raises(FetchFailed, match="nobody knows"):
            await one.check(parse_url("http://nobody.example/page"))


async def test_what_is_too_long_counts_as_far_as_it_is_read() -> None:
    text = "User-agent: *\nDisallow: /a\n" + "# x\n" * 200_000 + "Disallow: /b\n"
    async with (
        website({"/robots.txt": answer(text, "text/plain")}) as site,
        cache(FrozenClock(), site.place) as one,
    ):
        await one.check(parse_url(site.url("/b")))
        with pytest.raises(DisallowedByRobots):
            await one.check(parse_url(site.url("/a")))


async def test_no_more_sites_are_kept_than_there_is_room_for() -> None:
    async with cache(FrozenClock()) as one:
        for number in range(robots_cache.MOST_SITES + 10):
            with pytest.raises(FetchFailed):
                await one.check(parse_url(f"http://site{number}.example/"))
        assert len(one) == robots_cache.MOST_SITES
