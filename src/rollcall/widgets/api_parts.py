# SPDX-License-Identifier: Apache-2.0
"""What the routes of widgets share."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Header

from rollcall.kernel.caller import Caller
from rollcall.web import correlation
from rollcall.web.lines import check_id, check_line
from rollcall.web.services import service
from rollcall.widgets.appearance import warnings
from rollcall.widgets.changes import fields_of
from rollcall.widgets.models import By, Widget
from rollcall.widgets.service import WidgetService
from rollcall.widgets.visiting import VisitorService
from rollcall.widgets.wire import MAX_ID

Widgets = Annotated[WidgetService, Depends(service("widget_service"))]
Visitors = Annotated[VisitorService, Depends(service("visitor_service"))]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        max_length=MAX_ID,
        description="The same request again with the same key is answered with the same widget"
        " (200); another one is a 409.",
    ),
]


async def _widget_id(widget_id: str) -> str:
    return check_id("widget_id", widget_id, MAX_ID)


WidgetId = Annotated[str, Depends(_widget_id)]


def by(caller: Caller) -> By:
    """Whoever sent the request that is being answered."""
    return By(
        namespace=caller.namespace,
        author=caller.subject,
        correlation_id=correlation.request_id(),
    )


def key_of(header: str | None) -> str | None:
    """An idempotency key.

    Raises:
        InvalidInput: It is no line.
    """
    return None if header is None else check_line("Idempotency-Key", header, MAX_ID)


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
