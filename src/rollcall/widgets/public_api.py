# SPDX-License-Identifier: Apache-2.0
"""The public endpoint of widgets: what their browsers ask, without any key.

What a visitor gets is a token that is good for a conversation of their own on one page, and nothing
else. All else that is asked here is asked by a public key, which anybody can read in a page.
"""

import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Query, Request, Response
from fastapi import Path as PathParameter

from rollcall.kernel.clock import Clock
from rollcall.kernel.errors import InvalidInput
from rollcall.web.answers import answer
from rollcall.web.drain import Drain
from rollcall.web.lines import check_id, check_line
from rollcall.web.sse import EventStream, ServerEvent
from rollcall.web.strict import StrictRoute
from rollcall.widgets import embed, wire
from rollcall.widgets.api_parts import Visitors
from rollcall.widgets.arriving import Arrived, PublicParts
from rollcall.widgets.errors import WidgetNotFound
from rollcall.widgets.limits import address_of
from rollcall.widgets.models import Told
from rollcall.widgets.script import HASH, Script
from rollcall.widgets.showing import configuration
from rollcall.widgets.tokens import LIFETIME

MAX_SAID: Final = 100
_LAYOUT: Final = "\n\r\t\u200c\u200d\u200e\u200f"
_EVENTS: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "Server-sent events: `accepted`, `text`, `reset`, and at last `done` or"
        " `failed`.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}
_SCRIPT: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {"text/javascript": {"schema": {"type": "string"}}}}
}
_PAGE: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {"text/html": {"schema": {"type": "string"}}}}
}
_A_WHILE: Final = "public, max-age=300"
_FOR_EVER: Final = "public, max-age=31536000, immutable"
_NOT_KEPT: Final = {"Cache-Control": "no-store"}
_encode: Final = msgspec.json.Encoder().encode


def public_router(parts: PublicParts, clock: Clock, drain: Drain) -> APIRouter:
    """The routes for everybody.

    Args:
        parts: What they stand on.
        clock: Time.
        drain: Says when streams must end.
    """
    routes = APIRouter(prefix=embed.PUBLIC, route_class=StrictRoute, tags=["public widgets"])
    _add_script(routes, parts)
    _add_pages(routes, parts)
    _add_messages(routes, parts, clock, drain)
    return routes


def _add_script(routes: APIRouter, parts: PublicParts) -> None:
    script = parts.script

    def served(script: Script, request: Request, caching: str) -> Response:
        headers = {
            "Access-Control-Allow-Origin": "*",
            "Cache-Control": caching,
            "Cross-Origin-Resource-Policy": "cross-origin",
            "ETag": f'"{script.hash}"',
            "Vary": "Accept-Encoding",
            "X-Content-Type-Options": "nosniff",
        }
        if headers["ETag"] in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        if _takes_gzip(request.headers.get("accept-encoding", "")):
            zipped = {**headers, "Content-Encoding": "gzip"}
            return Response(script.zipped, 200, zipped, "text/javascript")
        return Response(script.body, 200, headers, "text/javascript")

    @routes.get("/widget.js", response_class=Response, responses=_SCRIPT)
    async def newest(request: Request) -> Response:
        """The browser widget, whichever is the newest."""
        return served(script, request, _A_WHILE)

    @routes.get("/widget-{name}.js", response_class=Response, responses=_SCRIPT)
    async def pinned(
        name: Annotated[str, PathParameter(max_length=100)], request: Request, visitors: Visitors
    ) -> Response:
        """The browser widget of this hash; it never changes. Those of other versions of Rollcall
        that ran on the same database are served as well: pages hold the widget to its hash.
        """
        if name == script.hash:
            return served(script, request, _FOR_EVER)
        other = None
        if re.fullmatch(HASH, name):
            parts.gates.request(address_of(request.scope))
            other = await visitors.script(name)
        if other is None:
            raise WidgetNotFound(f"widget-{name}.js")
        return served(Script(other), request, _FOR_EVER)


def _add_pages(routes: APIRouter, parts: PublicParts) -> None:
    @routes.get("/{public_key}/config", response_model=wire.ConfigView)
    async def config(one: Arrived, visitors: Visitors) -> Response:
        """How the widget looks, and what it says first."""
        assert one.page
        await visitors.check(one.widget)
        return answer(configuration(one.widget, parts.message_chars), headers=_NOT_KEPT)

    @routes.get("/{public_key}/frame", response_class=Response, responses=_PAGE)
    async def frame(one: Arrived) -> Response:
        """The page that shows the widget in a frame; the allowed origins alone may embed it."""
        page, headers = embed.frame(one.widget, parts.script)
        return Response(page, headers=headers, media_type="text/html")

    @routes.post("/{public_key}/visitors", status_code=201, response_model=wire.VisitorView)
    async def meet(
        one: Arrived, visitors: Visitors, body: wire.VisitorIn | None = None
    ) -> Response:
        """A token for somebody on a page, good for a day and for this page alone."""
        visitor = visitors.meet(one.widget, one.page)
        parts.gates.visitor(one.address, one.widget.id)
        await visitors.check(one.widget)
        made = {
            "token": parts.tokens.issue(one.widget, visitor),
            "visitor_id": visitor.id,
            "expires_in": LIFETIME,
        }
        return answer(made, 201, headers=_NOT_KEPT)

    @routes.post("/{public_key}/track", status_code=204)
    async def track(one: Arrived, visitors: Visitors, body: wire.TrackIn) -> None:
        """Count what a visitor did, once an hour at most."""
        visitor = one.visitor
        await visitors.check(one.widget)
        await visitors.track(one.widget, visitor, body.event_type)


def _add_messages(
    routes: APIRouter,
    parts: PublicParts,
    clock: Clock,
    drain: Drain,
) -> None:
    @routes.post("/{public_key}/messages", response_class=Response, responses=_EVENTS)
    async def say(one: Arrived, visitors: Visitors, body: wire.MessageIn) -> Response:
        """Say something to the agent. It goes on answering when the visitor leaves."""
        visitor = one.visitor
        text = _message(body.message, parts.message_chars)
        client_id = check_line("client_id", body.client_id, 100)
        await visitors.check(one.widget)
        parts.gates.message(visitor.id, one.address, one.widget.id)
        told = visitors.say(one.shown, visitor, text, client_id)
        attended = parts.attendance.told(one.widget, visitor, told, visitors.follow)
        return await _stream(attended, clock, drain)

    @routes.get("/{public_key}/messages", response_model=list[wire.SaidView])
    async def said(
        one: Arrived,
        visitors: Visitors,
        limit: Annotated[int, Query(ge=1, le=MAX_SAID)] = 50,
    ) -> Response:
        """What the visitor said last, and the answers, the oldest first."""
        visitor = one.visitor
        found = await visitors.said(one.widget, visitor, limit)
        return answer(found, headers=_NOT_KEPT)

    @routes.get(
        "/{public_key}/messages/{turn_id}/stream", response_class=Response, responses=_EVENTS
    )
    async def follow(
        one: Arrived,
        visitors: Visitors,
        turn_id: str,
    ) -> Response:
        """What happens to a message of the visitor, from its beginning."""
        visitor = one.visitor
        check_id("turn_id", turn_id, wire.MAX_ID)
        told = visitors.follow(one.widget, visitor, turn_id)
        attended = parts.attendance.told(one.widget, visitor, told, visitors.follow)
        return await _stream(attended, clock, drain)


async def _stream(told: AsyncGenerator[Told], clock: Clock, drain: Drain) -> Response:
    """A stream whose first event is there: until then it can still be refused."""
    first = await anext(told, None)

    async def events() -> AsyncIterator[ServerEvent]:
        async with aclosing(told):
            if first is not None:
                yield _event(first)
            async for one in told:
                yield _event(one)

    return EventStream(events(), clock, drain, retry=None, ends=True)


def _event(told: Told) -> ServerEvent:
    return ServerEvent(_encode(told.data), told.kind)


def _message(text: str, longest: int) -> str:
    """What a visitor says.

    Raises:
        InvalidInput: It is blank, too long, or holds control characters.
    """
    if not text.strip():
        raise InvalidInput("message", "must not be empty")
    if len(text) > longest:
        raise InvalidInput("message", f"must have at most {longest} characters, not {len(text)}")
    if any((ord(one) < 32 and one not in _LAYOUT) or ord(one) == 127 for one in text):
        raise InvalidInput("message", "must hold no control characters")
    return text


def _takes_gzip(accepted: str) -> bool:
    """Whether gzip is among the encodings of `Accept-Encoding` (RFC 9110, section 12.5.3)."""
    for one in accepted.lower().split(","):
        name, _, weight = one.partition(";")
        if name.strip() in ("gzip", "*"):
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
