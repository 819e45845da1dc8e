# SPDX-License-Identifier: Apache-2.0
"""Which pages of other origins may ask, as browsers want to be told (the Fetch standard)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rollcall.kernel.errors import InvalidInput
from rollcall.policies import checks

ANY: Final = "*"
_ORIGIN: Final = re.compile(r"https?://(?:[a-z0-9._-]+|\[[0-9a-f:]+\])(?::[0-9]{1,5})?")
_PREFLIGHT: Final = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"


@dataclass(frozen=True, slots=True)
class CorsPolicy:
    """What pages of other origins may do.

    Callers show who they are with a header that a page must put there itself, never with a cookie
    that a browser adds, so credentials in the sense of that standard are not asked for.

    Args:
        origins: Whose pages may ask, such as `https://app.example.com`; `*` alone: everybody's.
        methods: With which methods.
        headers: With which header fields beside those that are always allowed.
        exposed: Which fields of an answer a page may read beside those that it always may.
        max_age: Seconds for which a browser need not ask again.

    Raises:
        InvalidInput: An origin is none, or a number is out of its range.
    """

    origins: Sequence[str]
    methods: Sequence[str] = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
    headers: Sequence[str] = (
        "authorization",
        "content-type",
        "idempotency-key",
        "if-match",
        "if-none-match",
        "last-event-id",
        "prefer",
        "x-request-id",
        "x-session-id",
    )
    exposed: Sequence[str] = (
        "content-disposition",
        "etag",
        "idempotency-replayed",
        "link",
        "location",
        "preference-applied",
        "ratelimit",
        "ratelimit-policy",
        "retry-after",
        "x-request-id",
        "x-session-id",
        "x-total-count",
        "x-unavailable",
    )
    max_age: int = 600

    def __post_init__(self) -> None:
        checks.whole("max_age", self.max_age, 0)
        if ANY in self.origins and len(self.origins) > 1:
            raise InvalidInput("origins", "must be '*' alone, or name each origin")
        for one in self.origins:
            if one != ANY and not _ORIGIN.fullmatch(one):
                raise InvalidInput(
                    "origins", f"{one!r:.100} is no origin such as https://app.example.com"
                )

    def allowed(self, origin: str) -> str | None:
        """What `Access-Control-Allow-Origin` says to a page of `origin`; None: nothing."""
        if ANY in self.origins:
            return ANY
        return origin if origin in self.origins else None


class CorsMiddleware:
    """Answers preflights itself, and tells browsers which answers a page may read.

    A page that may not is not refused: what it sends is judged like anybody's, and its browser
    keeps the answer from it.

    Args:
        app: The application behind.
        policy: Whose pages may ask.
        apart: Beginnings of paths, whole segments, that say it themselves.
    """

    def __init__(self, app: ASGIApp, policy: CorsPolicy, apart: Sequence[str] = ()) -> None:
        self._app = app
        self._policy = policy
        self._apart = tuple(f"{path}/" for path in apart)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or f"{scope['path']}/".startswith(self._apart):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        method = headers.get("access-control-request-method")
        if scope["method"] == "OPTIONS" and origin is not None and method is not None:
            asked = headers.get("access-control-request-headers", "")
            await self._preflight(origin, method, asked)(scope, receive, send)
            return

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._tell(MutableHeaders(scope=message), origin)
            await send(message)

        await self._app(scope, receive, tell)

    def _preflight(self, origin: str, method: str, asked: str) -> Response:
        policy = self._policy
        allowed = policy.allowed(origin)
        wanted = {one.strip().lower() for one in asked.split(",") if one.strip()}
        answer = Response(status_code=204, headers={"Vary": _PREFLIGHT})
        if allowed is None or method not in policy.methods or not wanted <= set(policy.headers):
            # Without the fields below the browser does not send what it asked about.
            return answer
        answer.headers["Access-Control-Allow-Origin"] = allowed
        answer.headers["Access-Control-Allow-Methods"] = ", ".join(policy.methods)
        answer.headers["Access-Control-Allow-Headers"] = ", ".join(policy.headers)
        answer.headers["Access-Control-Max-Age"] = str(policy.max_age)
        return answer

    def _tell(self, headers: MutableHeaders, origin: str | None) -> None:
        policy = self._policy
        for name in [one for one in headers if one.startswith("access-control-")]:
            del headers[name]
        if ANY not in policy.origins:
            # For all answers: a cache must not give one page what was said to another.
            headers.add_vary_header("Origin")
        allowed = None if origin is None else policy.allowed(origin)
        if allowed is not None:
            headers["Access-Control-Allow-Origin"] = allowed
            headers["Access-Control-Expose-Headers"] = ", ".join(policy.exposed)
