# SPDX-License-Identifier: Apache-2.0
"""From a page's bytes to its characters.

In the order of the WHATWG's encoding standard: a byte order mark, the header, what the page says
itself; then UTF-8 if it fits, and a guess. Only the encodings of that standard are used: what
Python calls an encoding can be much else. Bytes that fit nowhere become U+FFFD.
"""

from __future__ import annotations

import codecs
import re
from typing import Final

import charset_normalizer

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_WEB: Final = frozenset(
    """
    utf-8 utf-16-le utf-16-be cp866 cp874 cp932 cp949 cp1250 cp1251 cp1252 cp1253 cp1254 cp1255
    cp1256 cp1257 cp1258 iso8859-2 iso8859-3 iso8859-4 iso8859-5 iso8859-6 iso8859-7 iso8859-8
    iso8859-10 iso8859-13 iso8859-14 iso8859-15 iso8859-16 koi8-r koi8-u mac-roman mac-cyrillic
    gbk gb18030 big5hkscs euc_jp iso2022_jp euc_kr
    """.split()
)
_READ_AS: Final = {
    "ascii": "cp1252",
    "big5": "big5hkscs",
    "euc_kr": "cp949",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "shift_jis": "cp932",
    "tis-620": "cp874",
    "utf-16": "utf-16-le",
}
"""What browsers take a name for: pages that say Latin-1 mean Windows' code page."""
_IN_HEADER: Final = re.compile(r"""charset\s*=\s*["']?\s*([^\s"';,]{1,40})""", re.IGNORECASE)
_IN_PAGE: Final = re.compile(
    rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w.:-]{1,40})"""
    rb"""|^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w.:-]{1,40})""",
    re.IGNORECASE,
)
_HEAD: Final = 4096
_SAMPLE: Final = 16_384


def decode(body: bytes, content_type: str, *, markup: bool) -> tuple[str, str]:
    """The text of `body`, and the name of the encoding that it was read in.

    Args:
        body: The bytes; the last character may be cut.
        content_type: The `Content-Type` header.
        markup: Whether the bytes may name their encoding themselves, as HTML and XML do.
    """
    for mark, name in _MARKS:
        if body.startswith(mark):
            return body[len(mark) :].decode(name, "replace"), _shown(name)
    name = _named(_IN_HEADER.search(content_type))
    if name is None and markup:
        name = _named(_IN_PAGE.search(body[:_HEAD]))
        if name is not None and name.startswith("utf-16"):
            # Whoever could read the name did not read UTF-16.
            name = "utf-8"
    if name is None:
        name = "utf-8" if _fits_utf8(body) else _guessed(body)
    return body.decode(name, "replace"), _shown(name)


def _named(found: re.Match[str] | re.Match[bytes] | None) -> str | None:
    if found is None:
        return None
    label = next(one for one in found.groups() if one is not None)
    text = label.decode("ascii", "replace") if isinstance(label, bytes) else label
    try:
        name = codecs.lookup(text).name
    except (LookupError, UnicodeError, ValueError):
        return None
    name = _READ_AS.get(name, name)
    return name if name in _WEB else None


def _fits_utf8(body: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(body, final=False)
    except UnicodeDecodeError:
        return False
    return True


def _guessed(body: bytes) -> str:
    best = charset_normalizer.from_bytes(body[:_SAMPLE]).best()
    if best is None:
        return "cp1252"
    try:
        name = codecs.lookup(best.encoding).name
    except LookupError:
        return "cp1252"
    name = _READ_AS.get(name, name)
    return name if name in _WEB else "cp1252"


def _shown(name: str) -> str:
    if name.startswith("cp125"):
        return f"windows-{name[2:]}"
    return name.removesuffix("-le").removesuffix("-be").replace("_", "-")
