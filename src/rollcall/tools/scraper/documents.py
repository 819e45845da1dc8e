# SPDX-License-Identifier: Apache-2.0
"""An HTML page, taken apart."""

from __future__ import annotations

import importlib
import logging
import re
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any, Final, Self

from rollcall.kernel.errors import InvalidInput
from rollcall.tools.scraper.cleaning import one_line, paragraphs
from rollcall.tools.scraper.errors import AddressRefused
from rollcall.tools.scraper.markup import etree, parse_html, seen_text
from rollcall.tools.scraper.models import Link, PageMetadata
from rollcall.tools.scraper.selectors import FieldSelector, TooManySteps, Tree
from rollcall.tools.scraper.targets import LONGEST_URL, Target

MOST_LINKS: Final = 100
MOST_ANCHORS: Final = 2_000
"""How many elements are looked at for links."""
MOST_VALUES: Final = 100
MOST_KEYWORDS: Final = 20
LONGEST_VALUE: Final = 2_000
LONGEST_LINE: Final = 500

MOST_ELEMENTS: Final = 25_000
"""What has more is not looked at for its main part, which takes long: all of its text is taken."""
MOST_DESCRIBED: Final = 100_000
"""Elements. What has more is asked for its meta elements alone."""
SMALL_PAGE: Final = 1_000
"""Characters. All text of a page that short is taken: there is little to leave out, and what looks
like a menu may be all that it says."""

LEAST_SHARE: Final = 0.25
"""Of the text of a page outside its menus. A main part that is less is none."""

_FURNITURE: Final = frozenset({"aside", "footer", "menu", "nav"})
_UNSEEN: Final = frozenset(
    "applet audio canvas embed iframe math noscript object script style svg template video".split()
)
_HIDDEN: Final = re.compile(r"(?:display\s*:\s*none|visibility\s*:\s*hidden)", re.IGNORECASE)
_log = logging.getLogger(__name__)
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


class Document:
    """An HTML page.

    Args:
        root: Its root element.
        target: Where it came from.
    """

    def __init__(self, root: Any, target: Target) -> None:
        self._root = root
        self._target = target
        self._metas = _metas(root)

    @classmethod
    def parse(cls, text: str, target: Target) -> Self | None:
        """Any HTML, however broken; None: there is nothing in it."""
        root = parse_html(text)
        return None if root is None else cls(root, target)

    def title(self) -> str:
        """The page's title, or else its first headline."""
        title = self._root.find("head/title")
        headline = self._root.find(".//h1")
        found = (
            None if title is None else _line(title.text),
            self._metas.get("og:title"),
            None if headline is None else _line(seen_text(headline, LONGEST_LINE)),
        )
        return next((one for one in found if one), "")

    def metadata(self) -> PageMetadata:
        """What the page says about itself; asked before `drop_unseen`, as scripts may say it."""
        found: Any = None
        if self._size() <= MOST_DESCRIBED:
            found = _tried("extract_metadata", self._root, extensive=False)
        date = _DATE.match(getattr(found, "date", None) or "")
        named = self._metas.get("keywords")
        words: list[str] = getattr(found, "tags", None) or []
        if named is not None:
            words = named.split(",")
        lines = (one_line(word, LONGEST_LINE) for word in words)
        return PageMetadata(
            description=self._metas.get("description") or self._metas.get("og:description"),
            author=_line(getattr(found, "author", None)) or self._metas.get("author"),
            date=date.group() if date else None,
            language=_line(self._root.get("lang")) or self._metas.get("content-language"),
            site_name=self._metas.get("og:site_name") or self._metas.get("application-name"),
            canonical=self._canonical(),
            keywords=list(dict.fromkeys(line for line in lines if line))[:MOST_KEYWORDS],
        )

    def drop_unseen(self) -> None:
        """Take out what no reader sees: scripts, styles, and what is hidden."""
        self._drop(_is_unseen)

    def fields(self, selectors: Mapping[str, FieldSelector]) -> tuple[dict[str, list[str]], bool]:
        """What selectors find, and whether some of it was left out.

        Raises:
            InvalidInput: One of them takes too long on this page; names `selectors.<name>`.
        """
        found: dict[str, list[str]] = {}
        some_left_out = False
        tree = Tree()
        for name, selector in selectors.items():
            try:
                elements = list(islice(selector.find(self._root, tree), MOST_VALUES + 1))
            except TooManySteps:
                raise InvalidInput(
                    f"selectors.{name}", "takes too long on this page; use a simpler one"
                ) from None
            some_left_out = some_left_out or len(elements) > MOST_VALUES
            values = (_value(one, selector.attribute) for one in elements[:MOST_VALUES])
            found[name] = [one for one in values if one is not None]
        return found, some_left_out

    def links(self) -> tuple[list[Link], bool]:
        """Links to other pages of the web, each address once; whether some were left out."""
        base = self._base()
        found: dict[str, Link] = {}
        for number, element in enumerate(self._root.iter("a", "area")):
            if number == MOST_ANCHORS:
                return list(found.values()), True
            url = _absolute(base, element.get("href"))
            if url is None:
                continue
            words = seen_text(element, LONGEST_LINE).strip()
            text = one_line(words or element.get("title") or element.get("alt") or "", LONGEST_LINE)
            if url not in found:
                if len(found) == MOST_LINKS:
                    return list(found.values()), True
                found[url] = Link(url=url, text=text)
            elif text and not found[url].text:
                found[url] = Link(url=url, text=text)
        return list(found.values()), False

    def whole(self) -> str:
        """All text, menus and all."""
        body = self._root.find("body")
        return paragraphs(seen_text(self._root if body is None else body))

    def text(self) -> str:
        """The main text; all of it where the page is small, or far too large to be looked at.

        Takes menus and the like out of the page, so it is asked last.
        """
        whole = self.whole()
        if len(whole) <= SMALL_PAGE or self._size() > MOST_ELEMENTS:
            return whole
        # In lists of short things the library may find nothing but the menu.
        self._drop(lambda element: element.tag in _FURNITURE)
        rest = self.whole()
        found = _tried("bare_extraction", self._root, include_comments=False)
        main = paragraphs(getattr(found, "text", None) or "")
        return (main if len(main) >= LEAST_SHARE * len(rest) else rest) or whole

    def _drop(self, unwanted: Callable[[Any], bool]) -> None:
        for element in [one for one in self._root.iter(etree.Element) if unwanted(one)]:
            if element.getparent() is not None:
                element.drop_tree()

    def _size(self) -> int:
        return sum(1 for _ in self._root.iter())

    def _canonical(self) -> str | None:
        link = self._root.find(".//link[@rel='canonical']")
        return None if link is None else _absolute(self._base(), link.get("href"))

    def _base(self) -> Target:
        base = self._root.find(".//base[@href]")
        try:
            return self._target if base is None else self._target.joined(base.get("href"))
        except (InvalidInput, AddressRefused):
            return self._target


def _metas(root: Any) -> dict[str, str]:
    """What the `meta` elements say, by name in lower case; the first of each name counts."""
    found: dict[str, str] = {}
    for element in root.iter("meta"):
        name = element.get("property") or element.get("name") or element.get("http-equiv")
        if name and (line := _line(element.get("content"))):
            found.setdefault(name.strip().lower(), line)
    return found


def _is_unseen(element: Any) -> bool:
    if element.tag in _UNSEEN:
        return True
    if element.tag in {"html", "body"}:
        return False
    return (
        element.get("hidden") is not None
        or _HIDDEN.search(element.get("style") or "") is not None
        or (element.tag == "dialog" and element.get("open") is None)
    )


def _value(element: Any, attribute: str | None) -> str | None:
    if attribute is None:
        return one_line(seen_text(element, LONGEST_VALUE), LONGEST_VALUE)
    value = element.get(attribute)
    return None if value is None else one_line(value, LONGEST_VALUE)


def _line(text: str | None) -> str | None:
    return one_line(text, LONGEST_LINE) or None if text else None


def _absolute(base: Target, href: str | None) -> str | None:
    """An address of the web without its fragment; None: it is none, or the page itself."""
    text = (href or "").strip()
    if not text or text.startswith("#") or len(text) > LONGEST_URL:
        return None
    try:
        return base.joined(text).url
    except (InvalidInput, AddressRefused):
        return None


def _tried(function: str, root: Any, **options: bool) -> Any:
    """What a function of trafilatura makes of a page; None: nothing.

    The library is imported by whoever needs it first, and its opinions are kept out of our log.
    """
    library = importlib.import_module("trafilatura")
    for name in ("trafilatura", "htmldate"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        return getattr(library, function)(root, **options)
    except Exception as error:  # its rules may fail on any page, and the page is there still
        _log.info("a page could not be looked at closely: %s", type(error).__name__)
        return None
