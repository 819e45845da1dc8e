# SPDX-License-Identifier: Apache-2.0
"""A request of the public endpoint: about which widget it is, from which page, and whose."""

from collections.abc import Callable, Collection
from typing import Annotated

from fastapi import Depends, Request
from fastapi import Path as PathParameter

from rollcall.web.services import service
from rollcall.widgets.attending import Attendance
from rollcall.widgets.doors import SHOWN
from rollcall.widgets.errors import VisitorTokenRefused, WidgetNotFound
from rollcall.widgets.limits import Gates, address_of
from rollcall.widgets.models import Visitor, Widget
from rollcall.widgets.pages import page_of
from rollcall.widgets.ports import Shown
from rollcall.widgets.script import Script
from rollcall.widgets.tokens import VisitorTokens

Own = Callable[[Request], Collection[str]]
"""The origins by which the service is reached."""


class PublicParts:
    """What the routes of the public endpoint stand on.

    Args:
        script: The browser widget.
        tokens: What visitors show.
        gates: How often they may ask.
        own: Whose pages are the service's own.
        message_chars: Characters of a message.
    """

    def __init__(
        self,
        script: Script,
        tokens: VisitorTokens,
        gates: Gates,
        own: Own,
        message_chars: int,
    ) -> None:
        self.script = script
        self.tokens = tokens
        self.gates = gates
        self.attendance = Attendance(gates)
        self.own = own
        self.message_chars = message_chars

    def arrived(self, request: Request) -> "Arrival":
        """A request, counted, with the widget that it is about.

        Raises:
            WidgetNotFound, Unavailable: There is none, or nobody knows.
            RateLimited: Too many come from there.
        """
        address = address_of(request.scope)
        self.gates.request(address)
        found = request.scope.get(SHOWN)
        if isinstance(found, Exception):
            raise found.with_traceback(None)
        if not isinstance(found, Shown):
            # The path names none that could be one.
            raise WidgetNotFound(str(request.path_params.get("public_key", "")))
        return Arrival(self, request, found, address)


class Arrival:
    """A request to a widget."""

    def __init__(self, parts: PublicParts, request: Request, shown: Shown, address: str) -> None:
        self.shown = shown
        self.address = address
        self.parts = parts
        self._request = request

    @property
    def widget(self) -> Widget:
        """The widget."""
        return self.shown.widget

    @property
    def page(self) -> str:
        """The origin of the page.

        Raises:
            OriginNotAllowed: It may not use the widget.
        """
        origin = self._request.headers.get("origin")
        return page_of(self.widget.content, origin, self.parts.own(self._request))

    @property
    def visitor(self) -> Visitor:
        """Who asks.

        Raises:
            OriginNotAllowed: On a page that may not use the widget.
            VisitorTokenRefused: They show no good token.
        """
        page = self.page
        values = self._request.headers.getlist("authorization")
        scheme, _, token = values[0].partition(" ") if values else ("", "", "")
        if len(values) != 1 or scheme.lower() != "bearer":
            raise VisitorTokenRefused("send 'Authorization' with 'Bearer' and a visitor's token")
        return self.parts.tokens.check(token.strip(), self.widget, page)


async def _arrived(
    public_key: Annotated[str, PathParameter(max_length=100)],
    request: Request,
    parts: Annotated[PublicParts, Depends(service("public_widgets"))],
) -> Arrival:
    return parts.arrived(request)


Arrived = Annotated[Arrival, Depends(_arrived)]
