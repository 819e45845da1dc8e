# SPDX-License-Identifier: Apache-2.0
"""Bodies and ids that nobody would send by accident, and the ways in which they may come."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from support.raw import Answer, abort, chunked, exchange, head
from support.serving import Serving

MILLION = "x" * 1_000_000


@dataclass(frozen=True)
class Route:
    """A route that takes a body.

    Args:
        side: Which service: `agents`, `services`, `talk` or `tools`.
        method: Its method.
        path: Its path.
        body: What it would take.
        text: A field of that which is text, dotted.
        many: A field that takes few, dotted; it is filled with too many.
    """

    side: str
    method: str
    path: str
    body: dict[str, Any]
    text: str
    many: str

    def __str__(self) -> str:
        return f"{self.side} {self.method} {self.path}"


Hostile = Callable[[Route], tuple[bytes, str]]
"""Makes a body for a route, and tells the field that the refusal has to name."""
Sent = Callable[[Route, bytes], Iterable[bytes]]
"""Makes a body's request, and cuts it into pieces."""


HOSTILE_IDS = {
    "two dots": "%2E%2E",
    "a slash": "a%2Fb",
    "a path upwards": "%2E%2E%2F%2E%2E%2Fetc%2Fpasswd",
    "NUL": "a%00b",
    "right to left": "%E2%80%AEgnp.exe",
    "a right-to-left mark": "a%E2%80%8F",
    "a lone surrogate in UTF-8": "%ED%A0%80",
    "a lone surrogate in JSON's way": "%5Cud800",
    "no UTF-8": "%ff",
    "three hundred": "x" * 300,
    "ten thousand": "x" * 10_000,
}


def named(answer: Answer | httpx.Response) -> list[str]:
    """The fields that a refusal names."""
    if isinstance(answer, httpx.Response):
        answer = Answer(answer.status_code, answer.headers["content-type"], answer.content)
    assert 400 <= answer.status < 500, (answer.status, answer.body[:500])
    assert answer.kind == "application/problem+json"
    return [one["field"] for one in answer.json().get("errors", [])]


def filled(body: dict[str, Any], place: str, value: object) -> bytes:
    """The body with another value at a dotted place, as JSON."""
    copy = json.loads(json.dumps(body))
    one: Any = copy
    *outer, last = place.split(".")
    for step in outer:
        one = one[int(step) if step.isdecimal() else step]
    one[last] = value
    return json.dumps(copy).encode()


def twice(route: Route) -> tuple[bytes, str]:
    key = next(iter(route.body))
    value = json.dumps(route.body[key])
    return f'{{"{key}": {value}, {json.dumps(route.body)[1:]}'.encode(), key


def unknown(route: Route) -> tuple[bytes, str]:
    return filled(route.body, "surprise", 1), "surprise"


def not_utf8(route: Route) -> tuple[bytes, str]:
    return filled(route.body, route.text, "?").replace(b"?", b"\xff\xfe"), "body"


def deep(route: Route) -> tuple[bytes, str]:
    return b"[" * 100_000 + b"]" * 100_000, "body"


def deep_inside(route: Route) -> tuple[bytes, str]:
    nest = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
    return b'{"%b": %b}' % (next(iter(route.body)).encode(), nest), "body"


def ten_thousand(route: Route) -> tuple[bytes, str]:
    one = {"name": "x"} if route.many.endswith("s") and route.side == "agents" else "x"
    one = "" if route.many == "agent_ids" else one
    return filled(route.body, route.many, [one] * 10_001), route.many


def million(route: Route) -> tuple[bytes, str]:
    return filled(route.body, route.text, MILLION), route.text


def surrogate(route: Route) -> tuple[bytes, str]:
    return filled(route.body, route.text, "\ud800"), route.text


def nul(route: Route) -> tuple[bytes, str]:
    return filled(route.body, route.text, "a\0"), route.text


def cut(route: Route) -> tuple[bytes, str]:
    return json.dumps(route.body).encode()[:-1], "body"


def too_long(route: Route) -> tuple[bytes, str]:
    return filled(route.body, route.text, MILLION + MILLION), "body"


HOSTILE: list[Hostile] = [
    *(twice, unknown, not_utf8, deep, deep_inside, ten_thousand),
    *(million, surrogate, nul, cut, too_long),
]


def request(route: Route, body: bytes, *headers: str) -> bytes:
    return head(
        route.method,
        route.path,
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Connection: close",
        *headers,
    )


def in_one(route: Route, body: bytes) -> Iterable[bytes]:
    return [request(route, body) + body]


def in_packets(route: Route, body: bytes) -> Iterable[bytes]:
    """Cut within the head, and the body into some hundred pieces."""
    whole = request(route, body) + body
    size = max(7, len(whole) // 100)
    return (whole[start : start + size] for start in range(0, len(whole), size))


def in_chunks(route: Route, body: bytes) -> Iterable[bytes]:
    lines = ("Content-Type: application/json", "Transfer-Encoding: chunked", "Connection: close")
    return [head(route.method, route.path, *lines), *chunked(body, max(5, len(body) // 50))]


@contextmanager
def left_alone(server: Serving, held: Callable[[], Any]) -> Iterator[Any]:
    """What a server holds, and will hold after; it will answer then, and not be surprised."""
    before = held()
    yield before
    assert server.process.poll() is None, server.process.poll()
    after = held()
    assert after == before, (before, after)
    assert "Traceback" not in server.errors(), server.errors()


def check_body(server: Serving, route: Route, hostile: Hostile, sent: Sent) -> None:
    """A hostile body is refused by its field, or by one inside of that."""
    body, field = hostile(route)

    answer = exchange(getattr(server, route.side), route.method, sent(route, body))

    assert any(one == field or one.startswith(f"{field}.") for one in named(answer)), answer
    assert answer.status == (413 if hostile is too_long else 422), answer


def check_id(answer: Answer, hostile: str, parameter: str) -> None:
    """It refuses one of `HOSTILE_IDS` that stood in a path."""
    assert set(named(answer)) & {parameter, "path", "url"}, answer
    assert answer.status == (414 if hostile == "ten thousand" else 422), answer


def break_off(server: Serving, route: Route, *, reset: bool) -> None:
    """Send what a route would take, cut off here and there."""
    body = json.dumps(route.body).encode()
    whole, url = request(route, body) + body, getattr(server, route.side)
    lines = ("Content-Type: application/json", "Transfer-Encoding: chunked")
    begun = head(route.method, route.path, *lines)
    first = next(iter(chunked(body, len(body))))

    for end in (10, len(whole) - len(body), len(whole) - len(body) // 2, len(whole) - 1):
        abort(url, [whole[:end]], reset=reset)
    # A chunked body is whole only with its last chunk, even if the JSON in it is.
    abort(url, [begun, first], reset=reset)


def check_no_request(said: bytes, *urls: str) -> None:
    """What is no request is refused, or the line is cut."""
    for url in urls:
        answer = exchange(url, "GET", [said])
        assert answer.status == 0 or 400 <= answer.status < 500, answer
