# SPDX-License-Identifier: Apache-2.0
"""What public requests pass before anything else: their widget's own rules on other origins (the
Fetch standard), and how long their bodies may be.
"""

from __future__ import annotations

import math
import re
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rollcall.kernel.caller import RateLimited
from rollcall.web.bodies import BodyLimit
from rollcall.web.limits import Limits
from rollcall.widgets.embed import PUBLIC
from rollcall.widgets.limits import Gates, address_of
from rollcall.widgets.pages import listed
from rollcall.widgets.visiting import VisitorService

SHOWN: Final = "rollcall.widget"
"""The scope's key for the widget that a request is about, or why there is none."""
_PATH: Final = re.compile(re.escape(PUBLIC) + r"/(wpk_[0-9A-Za-z]{24})/[a-z]")
_METHODS: Final = ("GET", "POST")
_HEADERS: Final = ("authorization", "content-type")
_EXPOSED: Final = "Retry-After, X-Request-ID"
_MAX_AGE: Final = 600
_VARY: Final = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"


class WidgetCors:
    """Answers preflights, and tells browsers which pages may read an answer: those that the owner
    of the widget has listed, each by its exact name. Refusals are told likewise, or a page could
    not say why there is no answer.

    Args:
        app: What answers.
        visitors: Knows the widgets.
        gates: Count preflights; what comes behind them is counted where it is answered.
    """

    def __init__(self, app: ASGIApp, visitors: VisitorService, gates: Gates) -> None:
        self._app = app
        self._visitors = visitors
        self._gates = gates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match = _PATH.match(scope["path"]) if scope["type"] == "http" else None
        if match is None:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        method = headers.get("access-control-request-method")
        if scope["method"] == "OPTIONS" and origin is not None and method is not None:
            asked = headers.get("access-control-request-headers", "")
            answer = await self._preflight(scope, match[1], origin, method, asked)
            await answer(scope, receive, send)
            return
        allowed = await self._allowed(scope, match[1], origin)

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                answer.add_vary_header("Origin")
                if allowed is not None:
                    answer["Access-Control-Allow-Origin"] = allowed
                    answer["Access-Control-Expose-Headers"] = _EXPOSED
            await send(message)

        await self._app(scope, receive, tell)

    async def _preflight(
        self, scope: Scope, key: str, origin: str, method: str, asked: str
    ) -> Response:
        try:
            self._gates.request(address_of(scope))
        except RateLimited as error:
            wait = str(math.ceil(error.retry_after))
            return Response(status_code=429, headers={"Retry-After": wait, "Vary": _VARY})
        return _preflight(await self._allowed(scope, key, origin), method, asked)

    async def _allowed(self, scope: Scope, key: str, origin: str | None) -> str | None:
        """The origin, if its pages may read the answer."""
        try:
            scope[SHOWN] = shown = await self._visitors.find(key)
        except Exception as error:
            # Raised again by the route, where it becomes an answer.
            scope[SHOWN] = error
            return None
        return origin if origin is not None and listed(shown.widget.content, origin) else None


class ShortBodies:
    """Refuses long bodies of public requests (413).

    Args:
        app: What answers.
        longest: Bytes.
    """

    def __init__(self, app: ASGIApp, longest: int) -> None:
        self._app = app
        self._short = BodyLimit(app, Limits(body_bytes=longest))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        public = scope["type"] == "http" and scope["path"].startswith(f"{PUBLIC}/")
        await (self._short if public else self._app)(scope, receive, send)


def _preflight(allowed: str | None, method: str, asked: str) -> Response:
    answer = Response(status_code=204, headers={"Vary": _VARY})
    wanted = {one.strip().lower() for one in asked.split(",") if one.strip()}
    if allowed is not None and method in _METHODS and wanted <= set(_HEADERS):
        answer.headers["Access-Control-Allow-Origin"] = allowed
        answer.headers["Access-Control-Allow-Methods"] = ", ".join(_METHODS)
        answer.headers["Access-Control-Allow-Headers"] = ", ".join(_HEADERS)
        answer.headers["Access-Control-Max-Age"] = str(_MAX_AGE)
    return answer
