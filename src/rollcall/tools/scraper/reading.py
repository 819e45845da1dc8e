# SPDX-License-Identifier: Apache-2.0
"""What the bytes of a page say. Takes CPU time: for worker threads, and imported by them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rollcall.kernel.errors import InvalidInput
from rollcall.tools.scraper import documents, feeds
from rollcall.tools.scraper.charsets import decode
from rollcall.tools.scraper.cleaning import clean, cut
from rollcall.tools.scraper.errors import UnsupportedContent
from rollcall.tools.scraper.fetching import Fetched
from rollcall.tools.scraper.kinds import READABLE, Kind, check_kind, media_type
from rollcall.tools.scraper.markup import has_endless_tag
from rollcall.tools.scraper.models import Link, PageMetadata, Part
from rollcall.tools.scraper.selectors import FieldSelector
from rollcall.tools.scraper.targets import Target

_BINARY = "\0"
_LOOKED_AT = 1024


@dataclass(slots=True)
class Reading:
    """What was found on a page; `Page` says what the fields are."""

    content_type: str
    charset: str
    title: str = ""
    text: str = ""
    links: list[Link] = field(default_factory=list[Link])
    metadata: PageMetadata | None = None
    fields: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    truncated: bool = False


def read(
    page: Fetched,
    parts: frozenset[Part],
    selectors: Mapping[str, FieldSelector],
    max_chars: int,
) -> Reading:
    """Take a page apart.

    Args:
        page: What its server sent.
        parts: What is wanted of it.
        selectors: What is wanted beside that.
        max_chars: How much text at most.

    Raises:
        UnsupportedContent: It is no text.
        InvalidInput: There are selectors, and the page is no HTML.
    """
    url = page.target.url
    kind = check_kind(url, page.content_type, page.body)
    text, charset = decode(page.body, page.content_type, markup=kind is not Kind.TEXT)
    if _BINARY in text[:_LOOKED_AT] and kind is Kind.TEXT:
        raise UnsupportedContent(
            url, f"its bytes are no text, whatever they are called; {READABLE}", page.content_type
        )
    if selectors and kind is not Kind.HTML:
        raise InvalidInput("selectors", f"can be used on HTML alone, and {url} is none")
    # The last character of what was cut may be half of one.
    text = text.removesuffix("\ufffd") if page.cut else text
    result = Reading(media_type(page.content_type), charset, truncated=page.cut)
    if kind is Kind.HTML:
        _read_html(result, text, page.target, parts, selectors)
    elif kind is Kind.XML:
        feed = feeds.read_xml(text, page.target)
        result.title, result.text, result.links = feed.title, feed.text, feed.links
        result.truncated = result.truncated or feed.cut
    else:
        result.text = clean(text)
    if "title" not in parts:
        result.title = ""
    if "links" not in parts:
        result.links = []
    result.text, shorter = cut(result.text, max_chars) if "text" in parts else ("", False)
    result.truncated = result.truncated or shorter
    return result


def _read_html(
    result: Reading,
    text: str,
    target: Target,
    parts: frozenset[Part],
    selectors: Mapping[str, FieldSelector],
) -> None:
    if has_endless_tag(text):
        raise UnsupportedContent(target.url, "its markup makes no sense: a tag of it has no end")
    document = documents.Document.parse(text, target)
    if document is None:
        return
    if "metadata" in parts:
        result.metadata = document.metadata()
    document.drop_unseen()
    result.title = document.title()
    result.fields, cut_fields = document.fields(selectors)
    if "links" in parts:
        result.links, cut_links = document.links()
        result.truncated = result.truncated or cut_links
    result.truncated = result.truncated or cut_fields
    if "text" in parts:
        result.text = document.text()
