# SPDX-License-Identifier: Apache-2.0
"""What media types promise."""

from __future__ import annotations

import pytest

from rollcall.tools.scraper.errors import UnsupportedContent
from rollcall.tools.scraper.kinds import Kind, check_kind, kind_of


@pytest.mark.parametrize(
    ("content_type", "kind"),
    [
        ("text/html", Kind.HTML),
        ("Text/HTML; charset=utf-8", Kind.HTML),
        ("application/xhtml+xml", Kind.HTML),
        ("application/rss+xml", Kind.XML),
        ("application/atom+xml; charset=utf-8", Kind.XML),
        ("text/xml", Kind.XML),
        ("application/json", Kind.TEXT),
        ("application/problem+json", Kind.TEXT),
        ("text/plain", Kind.TEXT),
        ("text/markdown; variant=GFM", Kind.TEXT),
        ("text/csv", Kind.TEXT),
        ("application/yaml", Kind.TEXT),
        ("image/png", None),
        ("image/svg+xml", None),
        ("application/zip", None),
        ("application/pdf", None),
        ("application/octet-stream", None),
        ("video/mp4", None),
        ("multipart/form-data", None),
    ],
)
def test_a_media_type_tells_the_kind(content_type: str, kind: Kind | None) -> None:
    assert kind_of(content_type, b"") is kind


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<!DOCTYPE html><p>", Kind.HTML),
        (b"\xef\xbb\xbf \n<p>", Kind.HTML),
        (b"<?xml version='1.0'?><rss>", Kind.XML),
        (b"<?xml version='1.0'?><html>", Kind.HTML),
        (b"just words", Kind.TEXT),
        (b"", Kind.TEXT),
        (b"\x89PNG\r\n\x1a\n\0\0", None),
    ],
)
def test_without_a_media_type_the_bytes_tell(body: bytes, kind: Kind | None) -> None:
    assert kind_of("", body) is kind


def test_what_is_no_text_is_said_to_be_none() -> None:
    with pytest.raises(UnsupportedContent, match="image/png") as caught:
        check_kind("http://site.example/x", "image/png; x=y")
    assert caught.value.content_type == "image/png"
