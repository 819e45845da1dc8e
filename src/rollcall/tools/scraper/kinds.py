# SPDX-License-Identifier: Apache-2.0
"""What kind of text a media type promises."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from rollcall.tools.scraper.errors import UnsupportedContent

READABLE: Final = "web pages, feeds, XML, JSON and plain text can be read"


class Kind(StrEnum):
    """How the bytes of a page become text."""

    HTML = "html"
    XML = "xml"
    """Feeds and other XML that is not for browsers."""
    TEXT = "text"
    """Already text: plain, Markdown, JSON, CSV ..."""


_HTML: Final = frozenset({"text/html", "application/xhtml+xml"})
_XML: Final = frozenset({"text/xml", "application/xml"})
_TEXT: Final = frozenset(
    f"application/{name}"
    for name in """
    ecmascript javascript json jsonl ld+json markdown ndjson sql toml x-javascript x-ndjson
    x-yaml yaml
    """.split()
)
_SNIFFED: Final = 512


def media_type(content_type: str) -> str:
    """The media type alone, in lower case: `text/html` of `Text/HTML; charset=utf-8`."""
    return content_type.partition(";")[0].strip().lower()


def check_kind(url: str, content_type: str, body: bytes = b"") -> Kind:
    """The kind of text of a page.

    Raises:
        UnsupportedContent: It is no text.
    """
    kind = kind_of(content_type, body)
    if kind is None:
        name = media_type(content_type)[:100] or "something without a media type, and no text"
        raise UnsupportedContent(url, f"it is {name}; {READABLE}", media_type(content_type))
    return kind


def kind_of(content_type: str, body: bytes) -> Kind | None:
    """The kind of a body; None: it is no text.

    Args:
        content_type: The `Content-Type` header; where it is empty the bytes tell.
        body: The bytes.
    """
    name = media_type(content_type)
    if not name:
        return _sniffed(body[:_SNIFFED])
    if name in _HTML:
        return Kind.HTML
    if name in _XML or (name.endswith("+xml") and name.startswith(("application/", "text/"))):
        return Kind.XML
    if name.startswith("text/") or name in _TEXT or name.endswith(("+json", "+yaml")):
        return Kind.TEXT
    return None


def _sniffed(head: bytes) -> Kind | None:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith(b"<?xml"):
        return Kind.HTML if b"<html" in start else Kind.XML
    if start.startswith(b"<"):
        return Kind.HTML
    return None if b"\0" in head else Kind.TEXT
