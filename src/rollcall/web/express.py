# SPDX-License-Identifier: Apache-2.0
"""The short way: requests that are answered from memory, before ASGI and everything above it.

Heartbeats, searches and registrations come thousands of times as often as anything else, nearly all
of them in one plain form, and nearly all of them end well. For those a route may have, beside its
declaration to FastAPI, a function that answers the plain form at once, says what is to be awaited,
or *declines*. Whatever is declined takes the ordinary way as if nothing had been tried: odd
headers, escapes in the path, chunked bodies, bad input, unknown records, callers whom nobody
remembers. So the ordinary way alone decides how a request is refused, and the short way must only
ever give the very answer that the ordinary one gives; tests compare the two.

Here is what the doors of the ordinary way do for a request that ends well, in one function:
correlation, limits of size, access, limits of rate, metrics. What is to be awaited goes through the
outer doors themselves, since it may end badly, and is audited.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from rollcall.kernel.caller import Caller, RateLimited
from rollcall.kernel.clock import Clock
from rollcall.kernel.ids import IdSource
from rollcall.web.audit import audit_subject
from rollcall.web.auth import Access, admit_caller
from rollcall.web.correlation import REQUEST_ID, TRACEPARENT, correlate
from rollcall.web.limits import Limits, RateLimiter, rate_key_of
from rollcall.web.metrics import Metrics
from rollcall.web.routes import ROUTE

_VARIABLE: Final = re.compile(r"\{[a-z_]+\}")
_ID: Final = "(?!\\.{1,2}(?:/|$))([A-Za-z0-9._~:@-]{1,256})"
"""Ids that mean the same whoever decodes the path, and need no escape in JSON."""
_REQUEST_ID: Final = REQUEST_ID.encode()
_TRACEPARENT: Final = TRACEPARENT.encode()
_REFUSED: Final = frozenset({b"transfer-encoding", b"expect", b"upgrade", b"if-match"})
_JSON: Final = b"application/json"
_TYPE: Final = (b"content-type", _JSON)
_WORK: Final = "rollcall.work"
_HEADERS: Final = "rollcall.headers"
_ANSWER: Final = (
    b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\ncontent-type: application/json\r\n%b"
    b"x-request-id: %b\r\ntraceparent: %b\r\n\r\n%b"
)
_LARGEST: Final = (1 << 64) - 1
# Odd, so that every number comes before one comes again; large, so that neighbours look unalike.
_STEP: Final = 0x9E3779B97F4A7C15


@dataclass(frozen=True, slots=True)
class Done:
    """A write that was done.

    Args:
        content: JSON.
        status: The answer's.
        subject: What it was about, for the audit log, where only the write itself told.
    """

    content: bytes
    status: int = 200
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """A write that is to be done.

    Args:
        do: Does it. What it raises is answered as on the ordinary way.
        subject: What it is about, for the audit log; None: its path says.
    """

    do: Callable[[], Awaitable[Done]]
    subject: str | None = None


Answer = Callable[[Caller, str, bytes, bytes], bytes | Work | None]
"""Answers 200 with this JSON, or says what is to be done; None: it declines, and has done nothing
that counts twice.

It is given the caller, who may do what the route needs; the variable part of the path, empty where
it has none; what is behind the question mark; the body, which is JSON or empty.
"""


@dataclass(frozen=True, slots=True)
class ExpressRoute:
    """A route that is answered the short way where that can be.

    Args:
        method: `GET` or `POST`.
        template: The path as the ordinary route declares it, with one variable at most.
        needs: The scope that a caller must have.
        answer: Answers.
        headers: Header lines that the ordinary way adds to every answer of the route.
    """

    method: str
    template: str
    needs: str
    answer: Answer
    headers: Callable[[], bytes] = bytes


@dataclass(slots=True)
class Ticket:
    """A request whose head is plain.

    Attributes:
        counted: Whether it has been counted against the caller's rate.
    """

    route: ExpressRoute
    argument: str
    query: bytes
    headers: Mapping[bytes, bytes]
    counted: bool = False


class Working:
    """The innermost application of the short way: does the work that the scope holds."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        work: Work = scope[_WORK]
        if work.subject is not None:
            audit_subject(scope, work.subject)
        done = await work.do()
        if done.subject is not None:
            audit_subject(scope, done.subject)
        length = (b"content-length", b"%d" % len(done.content))
        lines = scope[_HEADERS]().splitlines()
        headers = [length, _TYPE, *(tuple(line.split(b": ", 1)) for line in lines)]
        await send({"type": "http.response.start", "status": done.status, "headers": headers})
        await send({"type": "http.response.body", "body": done.content})


class Express:
    """The short ways of one application.

    Args:
        routes: What has one.
        doors: What `Working` stands behind: correlation, metrics, audit, problems.
        access: Who callers are.
        clock: Times requests.
        ids: Names requests.
        metrics: Counts them.
        limits: What a request may be.
        rate: How often a caller may ask.
    """

    def __init__(
        self,
        routes: Sequence[ExpressRoute],
        doors: ASGIApp,
        access: Access,
        clock: Clock,
        ids: IdSource,
        metrics: Metrics,
        limits: Limits,
        rate: RateLimiter | None,
    ) -> None:
        self._doors = doors
        self._access = access
        self._clock = clock
        self._ids = ids
        self._metrics = metrics
        self._limits = limits
        self._rate = rate
        self._head = ids.hex(16).encode()
        self._number = int(ids.hex(16), 16)
        self._fixed: dict[tuple[bytes, bytes], ExpressRoute] = {}
        self._patterns: dict[bytes, list[tuple[re.Pattern[bytes], ExpressRoute]]] = {}
        for route in routes:
            method = route.method.encode()
            if "{" in route.template:
                pattern = re.compile(_VARIABLE.sub(lambda _: _ID, route.template).encode())
                self._patterns.setdefault(method, []).append((pattern, route))
            else:
                self._fixed[method, route.template.encode()] = route

    def admit(
        self, method: bytes, url: bytes, headers: Sequence[tuple[bytes, bytes]]
    ) -> Ticket | None:
        """Look at the head of a request; None: it takes the ordinary way.

        Args:
            method: As it was sent.
            url: Path and query as they were sent.
            headers: Lower-case names and values.
        """
        path, _, query = url.partition(b"?")
        route, argument = self._fixed.get((method, path)), ""
        if route is None:
            for pattern, one in self._patterns.get(method, ()):
                match = pattern.fullmatch(path)
                if match is not None:
                    route, argument = one, match[1].decode()
                    break
            else:
                return None
        found = dict(headers)
        if len(found) != len(headers) or not self._plain(url, found):
            return None
        return Ticket(route, argument, query, found)

    def answer(self, ticket: Ticket, body: bytes, client: str | None) -> bytes | ASGIApp | None:
        """The whole answer, head and body, or what gives it; None: it takes the ordinary way.

        Args:
            ticket: Of `admit`.
            body: The whole body.
            client: The address that it came from.
        """
        begun = self._clock.monotonic()
        route, headers = ticket.route, ticket.headers
        if body and headers.get(b"content-type") != _JSON:
            return None
        caller = self._access.recall(headers)
        if caller is None or not caller.may(route.needs):
            return None
        if self._rate is not None:
            try:
                self._rate.take(rate_key_of(caller, client))
            except RateLimited:
                return None
            ticket.counted = True
        content = route.answer(caller, ticket.argument, ticket.query, body)
        if content is None:
            return None
        if not isinstance(content, bytes):
            return _Behind(self._doors, caller, route, content)
        requests, duration = self._metrics.series(route.method, route.template, 200)
        requests.inc()
        duration.observe(self._clock.monotonic() - begun)
        return _ANSWER % (len(content), route.headers(), *self._correlation(headers), content)

    def _plain(self, url: bytes, headers: Mapping[bytes, bytes]) -> bool:
        limits = self._limits
        if (
            len(url) > limits.url_bytes
            or len(headers) > limits.headers
            or sum(map(len, headers)) + sum(map(len, headers.values())) > limits.header_bytes
            or not _REFUSED.isdisjoint(headers)
        ):
            return False
        length = headers.get(b"content-length")
        return length is None or (length.isdigit() and int(length) <= limits.body_bytes)

    def _correlation(self, headers: Mapping[bytes, bytes]) -> tuple[bytes, bytes]:
        """Request id and `traceparent`."""
        if _REQUEST_ID not in headers and _TRACEPARENT not in headers:
            # As good as drawn for telling requests apart, and without a system call for each.
            self._number = number = (self._number + _STEP) & _LARGEST
            tail = b"%016x" % number
            trace = self._head + tail
            return trace, b"00-%b-%b-00" % (trace, tail)
        named = correlate(
            headers.get(_REQUEST_ID, b"").decode("latin-1") or None,
            headers.get(_TRACEPARENT, b"").decode("latin-1") or None,
            self._ids,
        )
        return named.request_id.encode(), named.traceparent.encode()


@dataclass(frozen=True, slots=True)
class _Behind:
    """An application that does one piece of work, behind the doors."""

    doors: ASGIApp
    caller: Caller
    route: ExpressRoute
    work: Work

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        admit_caller(scope, self.caller)
        scope[ROUTE] = self.route.template
        scope[_WORK], scope[_HEADERS] = self.work, self.route.headers
        await self.doors(scope, receive, send)
