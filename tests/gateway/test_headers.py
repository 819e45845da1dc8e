from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.gateway.errors import HostileRequest
from rollcall.gateway.headers import (
    Arrival,
    answered,
    body_length,
    forwarded,
    host_of,
    relocated,
)
from rollcall.web.proxies import trusts

HERE = Arrival("192.0.2.7", "http", b"gateway.example:8000")
HOP = (b"connection", b"keep-alive", b"te", b"trailer", b"upgrade", b"proxy-authorization")
names = st.sampled_from([*HOP, b"x-one", b"x-two", b"authorization", b"accept", b"forwarded"])
values = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20).map(str.encode)
fields = st.lists(st.tuples(names, values))


@given(fields)
def test_what_is_for_the_neighbour_goes_no_further_and_all_else_does(
    some: list[tuple[bytes, bytes]],
) -> None:
    named = {
        token.strip().lower()
        for name, value in some
        if name == b"connection"
        for token in value.split(b",")
    }
    for kept in (forwarded(some, HERE), answered(some, 200)):
        assert not {name for name, _ in kept} & {*HOP}
    onward = [one for one in forwarded(some, HERE) if one[0] in (b"x-one", b"x-two", b"accept")]
    assert onward == [
        one for one in some if one[0] in (b"x-one", b"x-two", b"accept") and one[0] not in named
    ]
    wanted = [one for one in some if one[0] == b"authorization"]
    assert [one for one in forwarded(some, HERE) if one[0] == b"authorization"] == wanted


@given(fields)
def test_what_the_service_hears_of_the_sender_is_ours_alone(
    some: list[tuple[bytes, bytes]],
) -> None:
    onward = forwarded([*some, (b"x-forwarded-for", b"203.0.113.9")], HERE)
    assert [value for name, value in onward if name == b"x-forwarded-for"] == [b"192.0.2.7"]
    assert [value for name, value in onward if name == b"forwarded"] == [
        b'for=192.0.2.7;proto=http;host="gateway.example:8000"'
    ]


def test_a_proxy_that_is_trusted_is_believed() -> None:
    before = [(b"x-forwarded-for", b"203.0.113.9"), (b"x-forwarded-proto", b"https")]
    arrival = Arrival("2001:db8::1", "http", b"inside", prefix="/services/shop", trusted=True)
    told = dict(forwarded(before, arrival))
    assert told[b"x-forwarded-for"] == b"203.0.113.9, 2001:db8::1"
    assert told[b"x-forwarded-proto"] == b"https"
    assert told[b"forwarded"].startswith(b'for="[2001:db8::1]"')
    assert told[b"x-forwarded-prefix"] == b"/services/shop"


@pytest.mark.parametrize(
    ("client", "trusted"),
    [("10.1.2.3", True), ("11.1.2.3", False), (None, False), ("a name", False)],
)
def test_only_proxies_of_the_settings_are_trusted(client: str | None, trusted: bool) -> None:
    assert trusts(client, [ip_network("10.0.0.0/8")]) is trusted


@pytest.mark.parametrize(
    ("some", "length"),
    [
        ([], 0),
        ([(b"content-length", b"12")], 12),
        ([(b"content-length", b"12"), (b"content-length", b"12")], 12),
        ([(b"transfer-encoding", b"chunked")], None),
    ],
)
def test_how_long_a_body_is(some, length) -> None:
    assert body_length(some) == length


@pytest.mark.parametrize(
    "some",
    [
        [(b"content-length", b"1"), (b"content-length", b"2")],
        [(b"content-length", b"+1")],
        [(b"content-length", b"1_0")],
        [(b"content-length", b"0x1")],
        [(b"content-length", b"1, 1")],
        [(b"content-length", b"")],
        [(b"content-length", b"1"), (b"transfer-encoding", b"chunked")],
        [(b"transfer-encoding", b"gzip, chunked")],
        [(b"transfer-encoding", b"identity")],
        [(b"transfer-encoding", b"chunked"), (b"transfer-encoding", b"chunked")],
        [(b"transfer-encoding", b"\x0bchunked")],
    ],
)
def test_a_length_that_can_be_read_in_two_ways_is_refused(some) -> None:
    with pytest.raises(HostileRequest):
        body_length(some)


@pytest.mark.parametrize("host", [b"a b", b"a/b", b"a@b", b"a:b", b"[::1", b"a,b:1:2", b"a\x00"])
def test_a_host_that_is_none_is_refused(host: bytes) -> None:
    with pytest.raises(HostileRequest):
        host_of([(b"host", host)])


def test_two_hosts_are_refused() -> None:
    with pytest.raises(HostileRequest):
        host_of([(b"host", b"a"), (b"host", b"a")])


@pytest.mark.parametrize("value", [b"a\nb", b"a\rb", b"a\x00b", b"\x7f"])
def test_a_field_that_could_end_early_is_refused(value: bytes) -> None:
    with pytest.raises(HostileRequest):
        forwarded([(b"x-one", value)], HERE)


@pytest.mark.parametrize(
    ("place", "shown"),
    [
        ("/basket", "/services/shop/basket"),
        ("/", "/services/shop/"),
        ("basket?x=1", "basket?x=1"),
        ("", ""),
        ("http://shop-1:8080/basket#top", "/services/shop/basket#top"),
        ("https://SHOP-1:8080", "/services/shop/"),
        ("//shop-1:8080/basket", "/services/shop/basket"),
        ("http://elsewhere.example/basket", "http://elsewhere.example/basket"),
        ("//elsewhere.example/", "//elsewhere.example/"),
        ("mailto:a@shop-1:8080", "mailto:a@shop-1:8080"),
        ("http://[bad", "http://[bad"),
    ],
)
def test_a_place_is_shown_as_callers_reach_it(place: str, shown: str) -> None:
    found = relocated([(b"location", place.encode())], "/services/shop", {"shop-1:8080"})
    assert found == [(b"location", shown.encode())]


def test_a_place_never_leads_to_another_host() -> None:
    said = b"http://shop-1:8080//elsewhere.example/"
    found = relocated([(b"location", said)], "", {"shop-1:8080"})
    assert found == [(b"location", said)]


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (b"a=1; Path=/; Secure", b"a=1; Path=/services/shop; Secure"),
        (b"a=1; path=/x", b"a=1; path=/services/shop/x"),
        (b"a=1; HttpOnly", b"a=1; HttpOnly"),
        (b"path=/x; Secure", b"path=/x; Secure"),
    ],
)
def test_a_cookie_stays_with_its_service(said: bytes, shown: bytes) -> None:
    assert relocated([(b"set-cookie", said)], "/services/shop", ()) == [(b"set-cookie", shown)]


def test_answers_without_a_body_have_no_length() -> None:
    assert answered([(b"content-length", b"10"), (b"etag", b"x")], 304) == [(b"etag", b"x")]
