# SPDX-License-Identifier: Apache-2.0
"""What the routes of widgets share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec
from fastapi import Depends, Header, Response

from rollcall.kernel.caller import READ, REGISTER, Caller
from rollcall.kernel.cursors import cursor_of, place_at
from rollcall.web import correlation
from rollcall.web.auth import require
from rollcall.web.lines import check_id, check_line
from rollcall.web.preconditions import etag
from rollcall.web.services import service
from rollcall.widgets.appearance import warnings
from rollcall.widgets.changes import fields_of
from rollcall.widgets.models import By, Widget
from rollcall.widgets.ports import Place
from rollcall.widgets.service import WidgetService
from rollcall.widgets.visiting import VisitorService
from rollcall.widgets.wire import MAX_ID

Widgets = Annotated[WidgetService, Depends(service("widget_service"))]
Visitors = Annotated[VisitorService, Depends(service("visitor_service"))]
Reader = Annotated[Caller, Depends(require(READ))]
Writer = Annotated[Caller, Depends(require(REGISTER))]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        max_length=MAX_ID,
        description="The same request again with the same key is answered with the same widget"
        " (200); another one is a 409.",
    ),
]
_place: Final = msgspec.json.Decoder(tuple[float, str]).decode


async def _widget_id(widget_id: str) -> str:
    return check_id("widget_id", widget_id, MAX_ID)


WidgetId = Annotated[str, Depends(_widget_id)]


def by(caller: Caller) -> By:
    """Whoever sent the request that is being answered."""
    named = correlation.current()
    return By(
        namespace=caller.namespace,
        author=caller.subject,
        correlation_id=named.request_id if named else "",
    )


def key_of(header: str | None) -> str | None:
    """An idempotency key.

    Raises:
        InvalidInput: It is no line.
    """
    return None if header is None else check_line("Idempotency-Key", header, MAX_ID)


def answer(
    body: object,
    status: int = 200,
    revision: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """An answer in JSON.

    Args:
        body: What it says.
        status: Its status.
        revision: Of what it is about, for its entity tag.
        headers: More of them.
    """
    tag = {} if revision is None else {"ETag": etag(revision)}
    all_headers = {**tag, **(headers or {})}
    return Response(msgspec.json.encode(body), status, all_headers, "application/json")


def widget_view(widget: Widget) -> dict[str, Any]:
    """A widget, with what somebody should think about."""
    return {
        "id": widget.id,
        **fields_of(widget.content),
        "paused": widget.paused,
        "public_key": widget.public_key,
        "revision": widget.revision,
        "created_at": widget.created_at,
        "updated_at": widget.updated_at,
        "warnings": warnings(widget.content),
    }


def cursor(place: Place) -> str:
    """An opaque word for where a page ended."""
    return cursor_of(place)


def place_of(text: str | None) -> Place | None:
    """The place that `cursor` made the word of.

    Raises:
        InvalidInput: It is none of our words.
    """
    if text is None:
        return None
    at, key = place_at(text, _place)
    return Place(at, check_id("cursor", key, MAX_ID))
