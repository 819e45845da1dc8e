# SPDX-License-Identifier: Apache-2.0
"""URLs taken apart."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.kernel.errors import InvalidInput
from rollcall.tools.scraper.errors import AddressRefused
from rollcall.tools.scraper.targets import parse_url


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("http://Example.COM", "http://example.com/"),
        ("  https://example.com/a?b=c#d \n", "https://example.com/a?b=c"),
        ("https://example.com.:443/", "https://example.com/"),
        ("http://example.com:8080/x y", "http://example.com:8080/x%20y"),
        ("http://bücher.example/ä", "http://xn--bcher-kva.example/%C3%A4"),
        ("http://[2606:4700:4700:0::1111]/", "http://[2606:4700:4700::1111]/"),
        ("http://1.1.1.1./", "http://1.1.1.1/"),
        ("http://1。1。1。1/", "http://1.1.1.1/"),
    ],
)
def test_a_url_has_one_spelling(url: str, normal: str) -> None:
    assert parse_url(url).url == normal


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "/etc/passwd",
        "file:///etc/passwd",
        "ftp://example.com/",
        "gopher://example.com/",
        "javascript:alert(1)",
        "http://",
        "http:///path",
        "http://user:password@example.com/",
        "http://user@example.com/",
        "http://example.com:0/",
        "http://example.com:65536/",
        "http://example.com:x/",
        "http://example.com\\@127.0.0.1/",
        "http://exa mple.com/",
        "http://exa%6dple.com/",
        "http://-example.com/",
        "http://example..com/",
        "http://[::1",
        "http://[1.2.3.4]/",
        "http://①②⑦.⓪.⓪.①/",
        "http://ⓛocalhost/",
        "http://example.com/\x00",
        "http://example.com/" + "a" * 2048,
    ],
)
def test_what_is_no_url_of_the_web_is_refused_by_name(url: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_url(url)
    assert caught.value.field == "url"


def spellings(address: IPv4Address) -> list[str]:
    """Ways to write an address that resolvers understand."""
    number = int(address)
    a, b, c, d = address.packed
    return [
        str(number),
        hex(number),
        hex(number).upper(),
        oct(number).replace("o", ""),
        f"{a}.{number & 0xFFFFFF}",
        f"{a}.{b}.{number & 0xFFFF}",
        f"{a:#x}.{b:#x}.{c:#x}.{d:#x}",
        f"{a:#06x}.{b}.{c}.{d:#x}",
        f"0{a:o}.0{b:o}.0{c:o}.0{d:o}",
        f"{a:04d}.{b}.{c}.{d}",
        f"{a}.{b}.{c}.0x{d:x}.",
    ]


@given(st.ip_addresses(v=4), st.integers(0, 10))
def test_an_address_is_written_in_one_way_or_refused(address: IPv4Address, way: int) -> None:
    with pytest.raises((AddressRefused, InvalidInput)):
        parse_url(f"http://{spellings(address)[way]}/")


@pytest.mark.parametrize("zone", ["%eth0", "%25eth0", "%251"])
def test_an_address_with_a_zone_is_refused(zone: str) -> None:
    with pytest.raises((AddressRefused, InvalidInput)):
        parse_url(f"http://[fe80::1{zone}]/")


def test_a_redirect_is_read_from_where_it_was_found() -> None:
    target = parse_url("https://example.com/a/b?c")
    assert target.joined("../d?e#f").url == "https://example.com/d?e"
    assert target.joined("//other.example/x").url == "https://other.example/x"
    with pytest.raises(InvalidInput):
        target.joined("file:///etc/passwd")


@given(st.text(max_size=80))
def test_any_text_is_taken_apart_or_refused(text: str) -> None:
    for url in (text, f"http://{text}", f"http://example.com/{text}"):
        try:
            target = parse_url(url)
        except (InvalidInput, AddressRefused):
            continue
        assert target.url.isascii()
        assert target.url.isprintable()
        assert parse_url(target.url) == target
