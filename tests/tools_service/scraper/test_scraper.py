# SPDX-License-Identifier: Apache-2.0
"""The scraper as its callers see it, on real pages of a website on this machine."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import get_type_hints

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import TypeAdapter

from rollcall.kernel.clock import SystemClock
from rollcall.kernel.errors import Closed, InvalidInput
from rollcall.testing.clock import FrozenClock
from rollcall.tools.scraper.errors import (
    AddressRefused,
    DisallowedByRobots,
    FetchFailed,
    FetchTimedOut,
    UnsupportedContent,
)
from rollcall.tools.scraper.models import Link, PageText
from rollcall.tools.scraper.scraper import Scraper
from rollcall.tools.scraper.settings import ScraperSettings
from support.pages import Names, Site, answer, redirect, website

PAGE = """<html lang=en><head><title>Opening hours</title></head><body><h1>Opening hours</h1>
<p class=days>Monday to Friday</p><p>9 to 5</p><a href=/contact>Contact</a></body></html>"""


@asynccontextmanager
async def scraper(site: Site, **settings: bool | float) -> AsyncIterator[Scraper]:
    options = ScraperSettings(allowed_hosts=(site.place,), **settings)  # type: ignore[arg-type]
    async with Scraper(options, SystemClock(), Names({})) as one:
        yield one


async def test_a_page_is_taken_apart() -> None:
    pages = {"/old": redirect("/hours"), "/hours": answer(PAGE)}
    async with website(pages) as site, scraper(site) as one:
        page = await one.scrape(f" {site.url('/old')} ", selectors={"days": ".days"})
    assert page.url == site.url("/old")
    assert page.final_url == site.url("/hours")
    assert (page.status_code, page.content_type, page.charset) == (200, "text/html", "utf-8")
    assert page.title == "Opening hours"
    assert "Monday to Friday" in page.text
    assert page.links == [Link(url=site.url("/contact"), text="Contact")]
    assert page.metadata is not None
    assert page.metadata.language == "en"
    assert page.fields == {"days": ["Monday to Friday"]}
    assert not page.truncated
    assert page.fetched_at.tzinfo is not None
    assert page.duration_ms > 0
    assert "Monday" in page.model_dump_json()


async def test_the_text_of_a_page_is_told() -> None:
    async with website({"/": answer(PAGE)}) as site, scraper(site) as one:
        found = await one.extract_text(site.url(), max_chars=20)
    assert found == PageText(
        url=site.url(), title="Opening hours", text="Opening hours\n\nMonda", truncated=True
    )


async def test_only_the_parts_asked_for_are_told() -> None:
    async with website({"/": answer(PAGE)}) as site, scraper(site) as one:
        page = await one.scrape(site.url(), include=["links"])
    assert (page.title, page.text, page.metadata) == ("", "", None)
    assert page.links


async def test_without_being_told_nothing_on_this_machine_is_read() -> None:
    names = Names({"page.example": [["127.0.0.1"]]})
    async with (
        website({"/": answer("secret")}) as site,
        Scraper(ScraperSettings(ports=frozenset()), SystemClock(), names) as one,
    ):
        for host in ("127.0.0.1", "localhost", "page.example", "[::ffff:127.0.0.1]", "127.1"):
            with pytest.raises(AddressRefused):
                await one.scrape(f"http://{host}:{site.port}/")
    assert site.asked == []


async def test_robots_txt_is_obeyed_at_every_step_of_the_way() -> None:
    pages = {
        "/robots.txt": answer("User-agent: Rollcall\nDisallow: /private", "text/plain"),
        "/private": answer(PAGE),
        "/way": redirect("/private"),
    }
    async with website(pages) as site, scraper(site) as one:
        for path in ("/private", "/way"):
            with pytest.raises(DisallowedByRobots):
                await one.extract_text(site.url(path))
    assert "/private" not in site.asked


async def test_robots_txt_is_not_asked_for_where_settings_say_so() -> None:
    pages = {"/robots.txt": answer("User-agent: *\nDisallow: /"), "/": answer(PAGE)}
    async with website(pages) as site, scraper(site, respect_robots=False) as one:
        assert (await one.extract_text(site.url())).title == "Opening hours"
    assert site.asked == ["/"]


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"url": "file:///etc/passwd"}, "url"),
        ({"selectors": {"bad": "a["}}, "selectors.bad"),
        ({"include": ["titel"]}, "include"),
        ({"max_chars": 0}, "max_chars"),
        ({"max_chars": 10**9}, "max_chars"),
    ],
)
async def test_what_cannot_be_used_is_named_before_anything_is_fetched(
    arguments: dict[str, object], field: str
) -> None:
    async with website({"/": answer(PAGE)}) as site, scraper(site) as one:
        with pytest.raises(InvalidInput) as caught:
            await one.scrape(**{"url": site.url(), **arguments})  # type: ignore[arg-type]
        assert caught.value.field == field
    assert site.asked == []


async def test_a_picture_is_no_page() -> None:
    async with website({"/": answer(b"\x89PNG", "image/png")}) as site, scraper(site) as one:
        with pytest.raises(UnsupportedContent, match="image/png"):
            await one.scrape(site.url())


async def test_a_page_that_is_not_there_is_told_with_its_status() -> None:
    async with website({}) as site, scraper(site) as one:
        with pytest.raises(FetchFailed, match="404") as caught:
            await one.extract_text(site.url("/nothing"))
    assert caught.value.status_code == 404
    assert caught.value.url == site.url("/nothing")


async def test_a_page_larger_than_allowed_is_cut() -> None:
    async with (
        website({"/": answer("<p>" + "word " * 10_000)}) as site,
        scraper(site, max_bytes=1000) as one,
    ):
        page = await one.scrape(site.url())
    assert page.truncated
    assert len(page.text) <= 1000


async def test_a_page_that_takes_too_long_is_given_up() -> None:
    clock, asked, never = FrozenClock(), asyncio.Event(), asyncio.Event()

    async def silent(_: asyncio.StreamWriter) -> None:
        asked.set()
        await never.wait()

    async with website({"/": silent}) as site:
        settings = ScraperSettings(allowed_hosts=(site.place,), respect_robots=False, timeout=7)
        async with Scraper(settings, clock, Names({})) as one:
            reading = asyncio.create_task(one.extract_text(site.url()))
            await asked.wait()
            await clock.advance(6.9)
            assert not reading.done()
            await clock.advance(0.1)
            with pytest.raises(FetchTimedOut, match="more than 7 s"):
                await reading
        never.set()


async def test_no_more_pages_are_read_at_once_than_settings_say() -> None:
    three_there, go_on = asyncio.Event(), asyncio.Event()
    sites: list[Site] = []

    async def slow(writer: asyncio.StreamWriter) -> None:
        if sites[0].at_once == 3:
            three_there.set()
        await go_on.wait()
        writer.write(answer(PAGE))

    async with website({"/": slow}) as site:
        sites.append(site)
        async with scraper(site, respect_robots=False, concurrency=3, per_host=10) as one:
            tasks = [asyncio.create_task(one.extract_text(site.url())) for _ in range(8)]
            await three_there.wait()
            go_on.set()
            assert len(await asyncio.gather(*tasks)) == 8
    assert site.most_at_once == 3


async def test_cookies_are_not_kept() -> None:
    pages = {"/": answer(PAGE, headers={"Set-Cookie": "id=1; Path=/"})}
    async with website(pages) as site, scraper(site) as one:
        await one.extract_text(site.url())
        await one.extract_text(site.url())
    assert len(site.pages_asked()) == 2
    assert not any("cookie" in request.lower() for request in site.requests)


async def test_a_scraper_that_is_not_open_reads_nothing() -> None:
    one = Scraper(ScraperSettings(), SystemClock())
    with pytest.raises(Closed):
        await one.extract_text("http://page.example/")
    async with one:
        pass
    with pytest.raises(Closed):
        await one.extract_text("http://page.example/")


def certificate(folder: Path, name: str) -> Path:
    """A key and a certificate for `name`, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("127.0.0.9"))]
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "certificate.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return path


async def test_over_tls_the_name_is_what_must_be_right(tmp_path: Path) -> None:
    path = certificate(tmp_path, "page.example")
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(path)
    trusting = ssl.create_default_context(cafile=str(path))
    names = Names({"page.example": [["127.0.0.1"]], "other.example": [["127.0.0.1"]]})
    settings = ScraperSettings(allowed_hosts=("page.example", "other.example"))
    async with website({"/": answer(PAGE)}, tls=serving) as site:
        transport = httpx.AsyncHTTPTransport(verify=trusting, trust_env=False)
        async with Scraper(settings, SystemClock(), names, transport) as one:
            found = await one.extract_text(f"https://page.example:{site.port}/")
            assert found.title == "Opening hours"
            with pytest.raises(FetchFailed, match="certificate cannot be trusted"):
                await one.extract_text(f"https://other.example:{site.port}/")
        async with Scraper(settings, SystemClock(), names) as one:
            with pytest.raises(FetchFailed, match="certificate cannot be trusted"):
                await one.extract_text(f"https://page.example:{site.port}/")


def test_both_tools_describe_their_arguments_and_their_results() -> None:
    for method, names in (
        (Scraper.scrape, {"url", "selectors", "include", "max_chars"}),
        (Scraper.extract_text, {"url", "max_chars"}),
    ):
        hints = get_type_hints(method, include_extras=True)
        told = hints.pop("return")
        assert set(hints) == names
        for hint in hints.values():
            assert TypeAdapter(hint).json_schema()["description"]
        properties = told.model_json_schema(mode="serialization")["properties"]
        assert all(one["description"] for one in properties.values())
        assert "web page" in (method.__doc__ or "")


def test_the_parsers_are_not_loaded_before_the_first_page() -> None:
    program = (
        "import sys, rollcall.tools.scraper.scraper;"
        "print([n for n in ('trafilatura', 'lxml', 'cssselect', 'charset_normalizer', 'courlan')"
        " if n in sys.modules])"
    )
    said = subprocess.check_output([sys.executable, "-c", program], text=True)
    assert said.strip() == "[]"
