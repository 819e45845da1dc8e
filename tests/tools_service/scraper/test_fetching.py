# SPDX-License-Identifier: Apache-2.0
"""Getting pages: over real sockets, and over a transport that notes where it was sent."""

from __future__ import annotations

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import httpx
import pytest

from rollcall.tools.scraper.addresses import AllowedHosts
from rollcall.tools.scraper.errors import (
    AddressRefused,
    FetchFailed,
    FetchTimedOut,
    UnsupportedContent,
)
from rollcall.tools.scraper.fetching import Fetched, Fetcher, TooManyRedirects, secure_transport
from rollcall.tools.scraper.guard import Guard
from rollcall.tools.scraper.settings import ScraperSettings
from rollcall.tools.scraper.targets import parse_url
from support.pages import Names, Site, answer, redirect, website
from support.servers.ports import free_ports


class Noting(httpx.AsyncBaseTransport):
    """Answers every request with a page, and notes it."""

    def __init__(self, answers: Sequence[httpx.Response] = ()) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self.answers:
            return self.answers.pop(0)
        return httpx.Response(200, headers={"content-type": "text/plain"}, content=b"page")

    @property
    def places(self) -> list[str]:
        return [request.url.host for request in self.requests]


@asynccontextmanager
async def fetcher(
    *allowed: str, names: Names | None = None, **settings: float
) -> AsyncIterator[Fetcher]:
    options = ScraperSettings(**settings)  # type: ignore[arg-type]
    guard = Guard(AllowedHosts.parse(allowed), options.ports, names or Names({}))
    transport = secure_transport()
    async with transport:
        yield Fetcher(options, guard, transport)


async def get(one: Fetcher, url: str, most_bytes: int = 100_000) -> Fetched:
    return await one.get(parse_url(url), most_bytes=most_bytes, text_only=True)


async def test_a_page_is_had_from_the_address_that_was_checked_in_the_name_of_its_host() -> None:
    names = Names({"page.example": [["127.0.0.1"]]})
    async with (
        website({"/a?b=%20c": answer("hello")}) as site,
        fetcher("page.example", names=names) as one,
    ):
        found = await get(one, f"http://page.example:{site.port}/a?b= c")
    assert found.body == b"hello"
    assert not found.cut
    assert names.asked == ["page.example"]
    head = site.requests[0].lower()
    assert f"host: page.example:{site.port}\r\n" in head
    assert "user-agent: rollcall/" in head
    assert "accept-encoding: gzip, deflate\r\n" in head
    assert "cookie" not in head
    assert "authorization" not in head


async def test_tls_is_checked_for_the_name_and_not_for_the_address() -> None:
    noting = Noting()
    guard = Guard(AllowedHosts(), frozenset(), Names({"page.example": [["93.184.215.14"]]}))
    await Fetcher(ScraperSettings(), guard, noting).get(
        parse_url("https://page.example/x"), most_bytes=10
    )
    (request,) = noting.requests
    assert str(request.url) == "https://93.184.215.14/x"
    assert request.extensions["sni_hostname"] == "page.example"
    assert request.headers["host"] == "page.example"


async def test_an_answer_that_changes_after_the_check_changes_nothing() -> None:
    noting = Noting()
    names = Names({"page.example": [["93.184.215.14"], ["127.0.0.1"]]})
    one = Fetcher(ScraperSettings(), Guard(AllowedHosts(), frozenset(), names), noting)
    await get(one, "http://page.example/")
    assert noting.places == ["93.184.215.14"]
    with pytest.raises(AddressRefused):
        await get(one, "http://page.example/")
    assert noting.places == ["93.184.215.14"]


async def test_a_redirect_to_its_own_name_is_looked_up_and_checked_anew() -> None:
    noting = Noting([httpx.Response(302, headers={"location": "/again"})])
    names = Names({"page.example": [["93.184.215.14"], ["10.0.0.1"]]})
    one = Fetcher(ScraperSettings(), Guard(AllowedHosts(), frozenset(), names), noting)
    with pytest.raises(AddressRefused):
        await get(one, "http://page.example/")
    assert noting.places == ["93.184.215.14"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_followed(status: int) -> None:
    pages = {"/": redirect("/b/", status), "/b/": redirect("c", status), "/b/c": answer("there")}
    async with website(pages) as site, fetcher(site.place) as one:
        found = await get(one, site.url())
    assert found.body == b"there"
    assert found.target.url == site.url("/b/c")


async def test_redirects_come_to_an_end() -> None:
    async with website({"/": redirect("/")}) as site, fetcher(site.place, max_redirects=5) as one:
        with pytest.raises(TooManyRedirects, match="more than 5"):
            await get(one, site.url())
    assert len(site.asked) == 6


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "rebound.example"]
)
async def test_a_redirect_of_an_opened_host_leads_to_no_other_private_one(host: str) -> None:
    names = Names({"open.example": [["127.0.0.1"]], "rebound.example": [["127.0.0.1"]]})
    async with website({"/": answer("secret")}) as inner:
        away = redirect(f"http://{host}:{inner.port}/")
        async with website({"/": away}) as outer, fetcher("open.example", names=names) as one:
            with pytest.raises(AddressRefused):
                await get(one, f"http://open.example:{outer.port}/")
            assert outer.asked == ["/"]
    assert inner.asked == []


@pytest.mark.parametrize(
    "location",
    ["file:///etc/passwd", "gopher://x/", "http://u:p@x/", "javascript:alert(1)", "http://[::1"],
)
async def test_a_redirect_out_of_the_web_is_not_followed(location: str) -> None:
    async with website({"/": redirect(location)}) as site, fetcher(site.place) as one:
        with pytest.raises(FetchFailed, match="redirects"):
            await get(one, site.url())


async def test_a_redirect_to_a_hidden_address_is_not_followed() -> None:
    async with (
        website({"/": redirect("http://2130706433/")}) as site,
        fetcher("127.0.0.0/8") as one,
    ):
        with pytest.raises(AddressRefused, match="four decimal numbers"):
            await get(one, site.url())


async def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    (nobody,) = free_ports(1)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{nobody}")
    async with website({"/": answer("direct")}) as site, fetcher(site.place) as one:
        assert (await get(one, site.url())).body == b"direct"


async def test_where_one_address_does_not_answer_the_next_is_tried() -> None:
    names = Names({"page.example": [["127.0.0.9", "127.0.0.1"]]})
    async with (
        website({"/": answer("hello")}) as site,
        fetcher("page.example", names=names) as one,
    ):
        assert (await get(one, f"http://page.example:{site.port}/")).body == b"hello"


async def test_nobody_there_is_said_to_be_nobody() -> None:
    (port,) = free_ports(1)
    async with fetcher("127.0.0.1") as one:
        with pytest.raises(FetchFailed, match="nothing answers") as caught:
            await get(one, f"http://127.0.0.1:{port}/")
    assert caught.value.status_code is None


@pytest.mark.parametrize(("status", "words"), [(404, "404 Not Found"), (503, "503"), (599, "599")])
async def test_an_error_of_the_server_is_told(status: int, words: str) -> None:
    async with (
        website({"/": answer("sorry", status=status)}) as site,
        fetcher(site.place) as one,
    ):
        with pytest.raises(FetchFailed, match=words) as caught:
            await get(one, site.url())
    assert caught.value.status_code == status


async def test_what_is_no_http_is_said_to_be_none() -> None:
    async with website({"/": b"220 smtp ready\r\n"}) as site, fetcher(site.place) as one:
        with pytest.raises(FetchFailed, match="no HTTP"):
            await get(one, site.url())


async def test_an_answer_that_breaks_off_is_no_page() -> None:
    torn = answer("hello").replace(b"Content-Length: 5", b"Content-Length: 50")
    async with website({"/": torn}) as site, fetcher(site.place) as one:
        with pytest.raises(FetchFailed, match="broke off"):
            await get(one, site.url())


async def test_a_page_without_end_is_read_as_far_as_there_is_room() -> None:
    async def endless(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
        while True:
            writer.write(b"x" * 10_000)
            await writer.drain()

    async with website({"/": endless}) as site, fetcher(site.place) as one:
        found = await get(one, site.url(), most_bytes=50_000)
    assert found.body == b"x" * 50_000
    assert found.cut


@pytest.mark.parametrize(("size", "cut"), [(999, False), (1000, False), (1001, True)])
async def test_a_page_is_cut_only_where_there_is_more(size: int, cut: bool) -> None:
    async with website({"/": answer(b"x" * size)}) as site, fetcher(site.place) as one:
        found = await get(one, site.url(), most_bytes=1000)
    assert (len(found.body), found.cut) == (min(size, 1000), cut)


async def test_a_compressed_page_is_read_and_a_bomb_is_cut() -> None:
    packed = {"Content-Encoding": "gzip"}
    pages = {
        "/page": answer(gzip.compress(b"hello"), headers=packed),
        "/bomb": answer(gzip.compress(bytes(20_000_000)), headers=packed),
        "/empty": answer(gzip.compress(b"") * 1000, headers=packed),
    }
    async with website(pages) as site, fetcher(site.place) as one:
        assert (await get(one, site.url("/page"))).body == b"hello"
        bomb = await get(one, site.url("/bomb"), most_bytes=10_000)
        empty = await get(one, site.url("/empty"), most_bytes=10_000)
    assert (len(bomb.body), bomb.cut) == (10_000, True)
    assert (empty.body, empty.cut) == (b"", True)


async def test_a_compression_that_was_not_asked_for_is_refused() -> None:
    pages = {
        "/br": answer(b"x", headers={"Content-Encoding": "br"}),
        "/broken": answer(b"no gzip", headers={"Content-Encoding": "gzip"}),
    }
    async with website(pages) as site, fetcher(site.place) as one:
        with pytest.raises(UnsupportedContent, match="'br'"):
            await get(one, site.url("/br"))
        with pytest.raises(FetchFailed, match="compressed wrongly"):
            await get(one, site.url("/broken"))


async def test_what_says_that_it_is_no_text_is_not_even_read() -> None:
    hung_up = asyncio.Event()

    async def picture(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n")
        try:
            while True:
                writer.write(b"x" * 100_000)
                await writer.drain()
        except ConnectionError:
            hung_up.set()

    async with website({"/": picture}) as site, fetcher(site.place) as one:
        with pytest.raises(UnsupportedContent, match="image/png"):
            await get(one, site.url())
        await hung_up.wait()


async def test_an_error_of_tls_in_the_middle_is_no_page() -> None:
    class Torn(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield b"half a "
            raise ssl.SSLError("decryption failed")

    noting = Noting([httpx.Response(200, stream=Torn())])
    one = Fetcher(ScraperSettings(), Guard(AllowedHosts(), frozenset(), Names({})), noting)
    with pytest.raises(FetchFailed, match="TLS"):
        await get(one, "https://93.184.215.14/")


async def test_a_server_that_is_silent_for_too_long_is_left() -> None:
    class Silent(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            assert request.extensions["timeout"]["connect"] == 1.5
            raise httpx.ReadTimeout("silent")

    guard = Guard(AllowedHosts(), frozenset(), Names({}))
    one = Fetcher(ScraperSettings(connect_timeout=1.5), guard, Silent())
    with pytest.raises(FetchTimedOut, match="in time"):
        await get(one, "http://93.184.215.14/")


async def test_a_host_gets_two_requests_at_once() -> None:
    two_there, go_on = asyncio.Event(), asyncio.Event()
    sites: list[Site] = []

    async def slow(writer: asyncio.StreamWriter) -> None:
        if sites[0].at_once == 2:
            two_there.set()
        await go_on.wait()
        writer.write(answer("done"))

    async with website({"/": slow}) as site, fetcher(site.place, per_host=2) as one:
        sites.append(site)
        tasks = [asyncio.create_task(get(one, site.url())) for _ in range(6)]
        await two_there.wait()
        go_on.set()
        assert len(await asyncio.gather(*tasks)) == 6
    assert site.most_at_once == 2
