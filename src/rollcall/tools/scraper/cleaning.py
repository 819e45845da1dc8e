# SPDX-License-Identifier: Apache-2.0
"""Strangers' text, made harmless to whoever shows or stores it. Nothing in it is escaped."""

from __future__ import annotations

import re
from typing import Final

_UNWANTED: Final = re.compile(
    # Control characters, but for tab and line feed; halves of characters, which no UTF-8 has.
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff"
    # Marks that turn the direction of what follows, and so show another text than there is.
    "\u202a-\u202e\u2066-\u2069"
    # Characters that nobody sees, but a model reads: tags, and byte order marks.
    "\ufeff\U000e0000-\U000e007f]"
)
_LINE_ENDS: Final = re.compile("\r\n?|[\x85\u2028\u2029\x0b\x0c]")
_SPACES: Final = re.compile(r"[^\S\n]+")
_GAPS: Final = re.compile(r"\n{3,}")


def clean(text: str) -> str:
    """`text` with line feeds as its only line ends and without characters that deceive."""
    return _UNWANTED.sub("", _LINE_ENDS.sub("\n", text))


def one_line(text: str, longest: int) -> str:
    """`text` cleaned, on one line, at most `longest` characters of it."""
    # Words of a text that is much too long need not all be looked at.
    return " ".join(clean(text[: longest * 8]).split())[:longest]


def paragraphs(text: str) -> str:
    """`text` cleaned, its lines without surrounding blanks, with no more than one empty between."""
    lines = (_SPACES.sub(" ", line).strip() for line in clean(text).split("\n"))
    return _GAPS.sub("\n\n", "\n".join(lines)).strip()


def cut(text: str, longest: int) -> tuple[str, bool]:
    """At most `longest` characters of `text`, and whether that is less than all."""
    return (text, False) if len(text) <= longest else (text[:longest].rstrip(), True)
