# SPDX-License-Identifier: Apache-2.0
"""The text of XML that is not for browsers, RSS and Atom feeds above all."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final

from rollcall.tools.scraper.cleaning import one_line, paragraphs
from rollcall.tools.scraper.documents import LONGEST_LINE, MOST_LINKS, Document
from rollcall.tools.scraper.markup import etree, parse_xml
from rollcall.tools.scraper.models import Link
from rollcall.tools.scraper.targets import LONGEST_URL, Target

MOST_PIECES: Final = 2_000
"""How many pieces of HTML in a feed are taken apart."""

_ENTRIES: Final = frozenset({"item", "entry"})
_OF_HTML: Final = frozenset({"content", "description", "encoded", "summary"})
"""Elements of feeds that hold HTML as text."""
_TAG: Final = re.compile(r"</?[a-zA-Z]")


@dataclass(slots=True)
class Feed:
    """What an XML document says; `cut`: not all of it."""

    title: str = ""
    text: str = ""
    links: list[Link] = field(default_factory=list[Link])
    cut: bool = False


def read_xml(text: str, target: Target) -> Feed:
    """All text of an XML document, a line for each piece, with the title and links of a feed."""
    root = parse_xml(text)
    if root is None:
        return Feed(text=paragraphs(text))
    feed = Feed(links=_links(root))
    lines: list[str] = []
    pieces = 0
    for event, element in etree.iterwalk(root, events=("start", "end")):
        if not isinstance(element.tag, str):
            continue
        if event == "end":
            lines.append(element.tail or "")
            continue
        name, said = _name(element), element.text or ""
        if name == "title" and not feed.title:
            feed.title = one_line(said, LONGEST_LINE)
        if name in _ENTRIES:
            lines.append("\n")
        if name in _OF_HTML and _TAG.search(said):
            pieces += 1
            if pieces > MOST_PIECES:
                feed.cut = True
                break
            said = _of_html(said, target)
        lines.append(said)
    feed.text = paragraphs("\n".join(line for line in lines if line == "\n" or line.strip()))
    return feed


def _of_html(text: str, target: Target) -> str:
    document = Document.parse(text, target)
    if document is None:
        return ""
    document.drop_unseen()
    return document.whole()


def _links(root: Any) -> list[Link]:
    """Where the entries of a feed lead."""
    found: dict[str, Link] = {}
    for entry in root.iter(etree.Element):
        if _name(entry) not in _ENTRIES:
            continue
        parts = [(_name(one), one) for one in entry.iterchildren(etree.Element)]
        title = next((one.text for name, one in parts if name == "title"), None) or ""
        for name, one in parts:
            url = one_line(one.get("href") or one.text or "", LONGEST_URL)
            if name == "link" and url.startswith(("http://", "https://")):
                found.setdefault(url, Link(url=url, text=one_line(title, LONGEST_LINE)))
        if len(found) >= MOST_LINKS:
            break
    return list(found.values())


def _name(element: Any) -> str:
    return str(etree.QName(element).localname)
