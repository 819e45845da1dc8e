# SPDX-License-Identifier: Apache-2.0
"""Whose pages may use a widget, by what browsers say of them. Pure.

Only browsers are held to it: whoever else asks can say what they like. What holds those are the
limits, and that all a visitor can reach is a conversation of their own.
"""

from __future__ import annotations

from collections.abc import Collection

from rollcall.widgets.errors import OriginNotAllowed
from rollcall.widgets.models import ANY_ORIGIN, OPAQUE_ORIGIN, SELF, Content


def listed(content: Content, origin: str) -> bool:
    """Whether pages of an origin may use the widget."""
    if origin in content.allowed_origins:
        return origin != ANY_ORIGIN
    return ANY_ORIGIN in content.allowed_origins and origin != OPAQUE_ORIGIN


def page_of(content: Content, origin: str | None, own: Collection[str]) -> str:
    """The origin of the page that asks, or `SELF` for the service's own: the frame and the preview.

    Args:
        content: Of the widget.
        origin: The header `Origin`. Browsers send none with a GET of the same origin.
        own: The origins by which the service is reached.

    Raises:
        OriginNotAllowed: The page may not use the widget.
    """
    if origin is None or origin in own:
        return SELF
    if not listed(content, origin):
        raise OriginNotAllowed(origin)
    return origin


def ancestors(content: Content) -> str:
    """Who may show the frame, as `frame-ancestors` has it (Content Security Policy 3)."""
    named = [one for one in content.allowed_origins if one != OPAQUE_ORIGIN]
    return " ".join(named) if named else "'none'"
