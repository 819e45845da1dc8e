# SPDX-License-Identifier: Apache-2.0
"""Parsing strangers' HTML and XML: no network, no entities of their own, no endless nesting."""

from __future__ import annotations

import importlib
import re
from typing import Any, Final

# lxml has no types: what it gives is `Any` here, and text where it leaves this package.
etree: Final[Any] = importlib.import_module("lxml.etree")
_html: Final[Any] = importlib.import_module("lxml.html")

BLOCKS: Final = frozenset(
    """
    address article aside blockquote body br caption center dd details dialog dir div dl dt fieldset
    figcaption figure footer form h1 h2 h3 h4 h5 h6 header hr html legend li main menu nav ol
    optgroup option p pre section summary table tbody tfoot thead title tr ul
    """.split()
)
MOST_ATTRIBUTES: Final = 2_000
"""Of one tag. The parser compares each with all before it."""

_TAG: Final = re.compile(r"<[a-zA-Z][^\s/>]*+")
_ATTRIBUTE: Final = re.compile(
    r"""[\s/]*+[^\s/>=]++(?:\s*+=\s*+(?:"[^"]*+"|'[^']*+'|[^\s>]*+))?+"""
)
_OF_HEAD: Final = frozenset(
    "base basefont bgsound link meta noscript script style template title".split()
)
_CELLS: Final = frozenset({"td", "th"})


def has_endless_tag(text: str) -> bool:
    """Whether some tag of an HTML page has more than `MOST_ATTRIBUTES`."""
    at = 0
    while (tag := _TAG.search(text, at)) is not None:
        at = tag.end()
        count = 0
        while (attribute := _ATTRIBUTE.match(text, at)) is not None:
            at = attribute.end()
            count += 1
            if count > MOST_ATTRIBUTES:
                return True
    return False


def parse_html(text: str) -> Any:
    """The root element of an HTML page; None: there is nothing in it."""
    parser = _html.HTMLParser(
        encoding="utf-8", remove_comments=True, remove_pis=True, no_network=True, huge_tree=False
    )
    try:
        root = _html.document_fromstring(_bytes(text), parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError):
        return None
    _mend_head(root)
    return root


def parse_xml(text: str) -> Any:
    """The root element of an XML document, as far as it can be read; None: there is nothing."""
    parser = etree.XMLParser(
        encoding="utf-8",
        remove_comments=True,
        remove_pis=True,
        no_network=True,
        resolve_entities=False,
        load_dtd=False,
        huge_tree=False,
        recover=True,
    )
    try:
        return etree.fromstring(_bytes(text), parser=parser)
    except etree.XMLSyntaxError:
        return None


def seen_text(root: Any, most: int | None = None) -> str:
    """The text under an element, a line for each block, in the order of the page.

    Args:
        root: The element.
        most: Characters and elements after which the rest is of no interest.
    """
    parts: list[str] = []
    length = 0
    # Of an element's own text only what is in it counts: what follows it is its parent's.
    for event, element in etree.iterwalk(root, events=("start", "end")):
        tag = element.tag
        if tag in BLOCKS:
            parts.append("\n")
        if event == "start":
            text = _inline(element.text, tag)
        elif element is root:
            break
        else:
            text = (" " if tag in _CELLS else "") + _inline(element.tail, None)
        parts.append(text)
        length += 1 + len(text)
        if most is not None and length > most:
            break
    return "".join(parts)


def _mend_head(root: Any) -> None:
    """Where a page leaves out `<body>`, the parser takes `<main>` and its like for a part of the
    head: older than they are, it does not know them.
    """
    head = root.find("head")
    strays = [] if head is None else [one for one in head if one.tag not in _OF_HEAD]
    if not strays:
        return
    body = root.find("body")
    if body is None:
        body = etree.SubElement(root, "body")
    for one in reversed(strays):
        body.insert(0, one)


def _inline(text: str | None, tag: object) -> str:
    if not text:
        return ""
    if tag == "pre":
        return text
    before = " " if text[0].isspace() else ""
    after = " " if text[-1].isspace() else ""
    return f"{before}{' '.join(text.split())}{after}"


def _bytes(text: str) -> bytes:
    return text.replace("\0", "").encode("utf-8", "replace")
