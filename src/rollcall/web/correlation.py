# SPDX-License-Identifier: Apache-2.0
"""One name for everything that happens because of one request."""

from __future__ import annotations

import re
from contextvars import ContextVar
from dataclasses import dataclass
from typing import NamedTuple

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rollcall.kernel.ids import IdSource

REQUEST_ID = "x-request-id"
TRACEPARENT = "traceparent"
TRACESTATE = "tracestate"
TRACE = "rollcall.trace"
"""The scope's key for the `Trace` of a request of which a span is made."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:@/+=-]{1,128}")
_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


class Trace(NamedTuple):
    """What a span is known by: trace id, its own id, flags, all hexadecimal."""

    trace_id: str
    span_id: str
    flags: str


@dataclass(frozen=True, slots=True)
class Correlation:
    """What a request is known by, here and in the services that it reaches.

    Args:
        request_id: The caller's `X-Request-ID`, or the trace id.
        trace_id: 32 hexadecimal digits (W3C Trace Context).
        span_id: 16 hexadecimal digits, of this service's part in the trace.
        flags: Two hexadecimal digits, as they came; "00": nobody asked for sampling.
    """

    request_id: str
    trace_id: str
    span_id: str
    flags: str = "00"

    @property
    def traceparent(self) -> str:
        """The header to send along with requests that are made for this one."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"


_current: ContextVar[Correlation | None] = ContextVar("rollcall_correlation", default=None)


def current() -> Correlation | None:
    """The correlation of the request that is being answered; None outside of one."""
    return _current.get()


def request_id() -> str:
    """What the request that is being answered is known by; empty outside of one."""
    named = _current.get()
    return named.request_id if named else ""


def correlate(request_id: str | None, traceparent: str | None, ids: IdSource) -> Correlation:
    """The correlation of a request with these headers; what is ill-formed counts as absent."""
    parent = parse_traceparent(traceparent) if traceparent else None
    trace_id, flags = parent or (ids.hex(32), "00")
    if request_id is None or not _REQUEST_ID.fullmatch(request_id):
        request_id = trace_id
    return Correlation(request_id, trace_id, ids.hex(16), flags)


def parse_traceparent(text: str) -> tuple[str, str] | None:
    """Trace id and flags of a `traceparent`; None where W3C Trace Context calls it invalid."""
    match = _TRACEPARENT.fullmatch(text)
    if match is None:
        return None
    version, trace_id, parent_id, flags, rest = match.groups()
    if version == "ff" or (version == "00" and rest):
        return None
    if not trace_id.strip("0") or not parent_id.strip("0"):
        return None
    return trace_id, flags


class CorrelationMiddleware:
    """Names each request, for as long as it is answered, and tells the caller the name."""

    def __init__(self, app: ASGIApp, ids: IdSource) -> None:
        self._app = app
        self._ids = ids

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        named = correlate(headers.get(REQUEST_ID), headers.get(TRACEPARENT), self._ids)
        trace: Trace | None = scope.get(TRACE)
        if trace is not None:
            given = headers.get(REQUEST_ID) == named.request_id
            named = Correlation(named.request_id if given else trace.trace_id, *trace)

        async def tell(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                message["headers"] = [
                    *message.get("headers", ()),
                    (b"x-request-id", named.request_id.encode()),
                    (b"traceparent", named.traceparent.encode()),
                ]
            await send(message)

        token = _current.set(named)
        try:
            await self._app(scope, receive, tell)
        finally:
            _current.reset(token)
