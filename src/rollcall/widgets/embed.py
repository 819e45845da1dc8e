# SPDX-License-Identifier: Apache-2.0
"""What people put into their pages, and the pages that show a widget: pure.

Whatever somebody wrote is escaped, and no page has a script or a style of its own inline.
"""

from __future__ import annotations

from html import escape
from typing import Any, Final

from rollcall.widgets.appearance import origin_of
from rollcall.widgets.models import Widget
from rollcall.widgets.pages import ancestors
from rollcall.widgets.script import Script

PUBLIC: Final = "/widget/v1"
"""Where the public endpoint begins."""
_NOTHING: Final = "default-src 'none'; base-uri 'none'; form-action 'none'"


def code(widget: Widget, kind: str, base: str, script: Script) -> dict[str, Any]:
    """What to put into a page, and what that page's Content Security Policy must allow.

    Args:
        widget: Which widget.
        kind: `script` or `iframe`.
        base: The service's address as pages reach it, without a closing slash.
        script: The browser widget.
    """
    url = f"{base}{PUBLIC}/{script.name}"
    origin = origin_of(base)
    if kind == "script":
        tag = (
            f'<script src="{escape(url)}" integrity="{script.integrity}" crossorigin="anonymous"'
            f' data-widget="{escape(widget.public_key)}" async></script>'
        )
        allow = {"script-src": origin, "connect-src": origin}
        if widget.content.avatar_url is not None:
            allow["img-src"] = origin_of(widget.content.avatar_url)
    else:
        frame = f"{base}{PUBLIC}/{widget.public_key}/frame"
        tag = (
            f'<iframe src="{escape(frame)}" title="{escape(widget.content.name)}" width="400"'
            ' height="600" frameborder="0" loading="lazy" referrerpolicy="strict-origin"></iframe>'
        )
        allow = {"frame-src": origin}
    return {
        "kind": kind,
        "code": tag,
        "script_url": url,
        "integrity": script.integrity,
        "public_key": widget.public_key,
        "csp": allow,
    }


def frame(widget: Widget, script: Script) -> tuple[str, dict[str, str]]:
    """The page in the frame of a widget, and its headers."""
    # By a relative address: nobody knows below which path a proxy shows us.
    tag = _tag(widget, script, f"../{script.name}", "data-frame")
    body = _page(widget, escape(widget.content.name), f"<body>{tag}</body>")
    return body, _headers(widget, f"frame-ancestors {ancestors(widget.content)}")


def preview(widget: Widget, script: Script, token: str) -> tuple[str, dict[str, str]]:
    """The page on which somebody looks at a widget of theirs, and its headers.

    Args:
        widget: Which widget.
        script: The browser widget.
        token: A visitor's, for this page.
    """
    place = f"../../..{PUBLIC}/{script.name}"
    tag = _tag(widget, script, place, f'data-token="{escape(token)}"')
    name = escape(widget.content.name)
    text = (
        f"<body><main><h1>{name}</h1>"
        "<p>This is how the widget looks on a page. What is said here is a real conversation with"
        f" its agent.</p></main>{tag}</body>"
    )
    page = _page(widget, f"Preview of {name}", text)
    return page, {**_headers(widget, "frame-ancestors 'self'"), "Cache-Control": "no-store"}


def _tag(widget: Widget, script: Script, place: str, more: str) -> str:
    return (
        f'<script src="{place}" integrity="{script.integrity}" crossorigin="anonymous"'
        f' data-widget="{escape(widget.public_key)}" {more} async></script>'
    )


def _page(widget: Widget, title: str, body: str) -> str:
    language = escape(widget.content.language or "en")
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{title}</title></head>{body}</html>"
    )


def _headers(widget: Widget, framing: str) -> dict[str, str]:
    avatar = widget.content.avatar_url
    pictures = "" if avatar is None else f"; img-src {origin_of(avatar)}"
    policy = (
        f"{_NOTHING}; script-src 'self'; connect-src 'self'{pictures}; {framing};"
        " require-trusted-types-for 'script'; trusted-types 'none'"
    )
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "strict-origin",
        # What a page said a moment ago may no longer hold: who may embed it is decided anew.
        "Cache-Control": "no-cache",
    }
