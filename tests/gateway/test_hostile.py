"""What no client library would send, byte by byte."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from support import raw
from support.gateways import gateway, served

seen: list[str] = []


async def spy(scope: Scope, receive: Receive, send: Send) -> None:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    seen.append(f"{scope['method']} {scope['raw_path'].decode()}")
    await JSONResponse(len(body))(scope, receive, send)


@pytest.fixture(scope="module")
def hosts() -> Iterator[str]:
    with served(spy) as instance, gateway(instance) as url:
        yield url


@pytest.fixture
def url(hosts: str) -> str:
    seen.clear()
    return hosts


@pytest.mark.parametrize(
    "path",
    [
        "/services/shop/../../metrics",
        "/services/shop/%2e%2e/metrics",
        "/services/shop/%252e%252e/metrics",
        "/services/shop/..%2fmetrics",
        "/services/shop/..;/metrics",
        "/services//shop/x",
        "//services/shop/x",
        "/services/shop\\x",
        "/services/shop/%5cx",
        "/services/shop/%00",
        "/services/shop/%0d%0aX-Evil:%201",
        "/services/shop/%",
        "/health/../services/shop/x",
    ],
)
def test_a_hostile_path_reaches_nobody(url: str, path: str) -> None:
    answer = raw.exchange(url, "GET", [raw.head("GET", path)])
    assert answer.status == 400
    assert answer.kind == "application/problem+json"
    assert answer.json()["type"] == "urn:rollcall:problem:ambiguous-request"
    assert seen == []


def test_a_path_that_is_no_text_reaches_nobody(url: str) -> None:
    path = "/services/shop/%c0%ae%c0%ae/metrics"
    assert raw.exchange(url, "GET", [raw.head("GET", path)]).status == 422
    assert seen == []


def test_an_absolute_form_leads_to_the_same_place_as_its_path(url: str) -> None:
    answer = raw.exchange(url, "GET", [raw.head("GET", "http://elsewhere.example/services/shop/x")])
    assert answer.status in (200, 400)
    assert seen == (["GET /x"] if answer.status == 200 else [])


@pytest.mark.parametrize(
    "headers",
    [
        ("Content-Length: 5", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked", "Content-Length: 5"),
        ("Content-Length: 5", "Content-Length: 6"),
        ("Content-Length: 5, 6",),
        ("Content-Length: +5",),
        ("Content-Length: 0x5",),
        ("Content-Length: -5",),
        ("Transfer-Encoding: xchunked",),
        ("Transfer-Encoding: chunked, identity",),
        ("Transfer-Encoding : chunked",),
        ("Transfer-Encoding: identity", "Content-Length: 5"),
        ("Content-Length: 5", " folded: 1"),
        ("Host: other.example", "Content-Length: 5"),
    ],
)
def test_a_body_that_could_be_two_requests_is_none(url: str, headers: tuple[str, ...]) -> None:
    smuggled = b"0\r\n\r\nGET /services/shop/smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
    answer = raw.exchange(url, "POST", [raw.head("POST", "/services/shop/x", *headers) + smuggled])
    assert answer.status in (0, 400, 501), (answer, seen)
    assert seen == []


@pytest.mark.parametrize("end", ["\n", "\r", "\x00"])
def test_a_field_that_hides_another_reaches_nobody(url: str, end: str) -> None:
    head = f"GET /services/shop/x HTTP/1.1\r\nHost: localhost\r\nX-One: 1{end}X-Two: 2\r\n\r\n"
    answer = raw.exchange(url, "GET", [head.encode()])
    if end == "\n" and answer.status == 200:
        # A bare LF may count as the end of a line (RFC 9112, section 2.2), if it does so once.
        assert seen == ["GET /x"]
    else:
        assert answer.status in (0, 400)
        assert seen == []


def test_a_chunk_extension_is_not_passed_on(url: str) -> None:
    body = b'5;x="1"\r\nhello\r\n0\r\n\r\n'
    head = raw.head("POST", "/services/shop/x", "Transfer-Encoding: chunked")
    answer = raw.exchange(url, "POST", [head + body])
    assert (answer.status, json.loads(answer.body)) == (200, 5)


@pytest.mark.parametrize("method", ["TRACE", "CONNECT"])
def test_methods_that_show_or_tunnel_are_refused(url: str, method: str) -> None:
    answer = raw.exchange(url, method, [raw.head(method, "/services/shop/x")])
    assert answer.status in (0, 400, 405)
    assert seen == []


def test_a_query_with_control_characters_reaches_nobody(url: str) -> None:
    answer = raw.exchange(url, "GET", [raw.head("GET", "/services/shop/x?a=\x7f\x01")])
    assert answer.status in (0, 400)
    assert seen == []
