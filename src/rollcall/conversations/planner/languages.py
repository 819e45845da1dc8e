# SPDX-License-Identifier: Apache-2.0
"""Languages of people, by name, in a text."""

from __future__ import annotations

import re
from typing import Final

from rollcall.conversations.planner.reading import Span

_CODES: Final[dict[str, str]] = {
    name: code
    for name, _, code in (
        pair.partition(":")
        for pair in """
        english:en german:de french:fr spanish:es italian:it portuguese:pt dutch:nl
        polish:pl czech:cs slovak:sk hungarian:hu romanian:ro bulgarian:bg greek:el
        turkish:tr russian:ru ukrainian:uk swedish:sv danish:da norwegian:no finnish:fi
        estonian:et latvian:lv lithuanian:lt croatian:hr serbian:sr slovenian:sl
        arabic:ar hebrew:he persian:fa hindi:hi bengali:bn urdu:ur thai:th vietnamese:vi
        indonesian:id malay:ms japanese:ja chinese:zh mandarin:zh korean:ko latin:la
        swahili:sw irish:ga welsh:cy catalan:ca icelandic:is esperanto:eo deutsch:de
        englisch:en französisch:fr spanisch:es italienisch:it
        """.split()
    )
}
_NAMED: Final = re.compile(
    rf"(?P<way>\b(?:in|into|to|from|ins|auf)\s+)?\b(?P<name>{'|'.join(_CODES)})\b", re.IGNORECASE
)
_ANY: Final = re.compile(r"\b(?:into|to|ins)\s+(?P<name>[A-Z][^\W\d_]{2,})\s*[?.!]*\s*$")


def language(text: str, role: str, *, code: bool) -> Span | None:
    """The language that a text names; None: it names none.

    Args:
        text: What was said.
        role: `from`: the language that something is in; else the one that is wanted.
        code: Whether the ISO 639 code is asked for.
    """
    found = list(_NAMED.finditer(text))
    ways = {"from"} if role == "from" else {"in", "into", "to", "ins", "auf"}
    fitting = [one for one in found if (one["way"] or "").strip().lower() in ways]
    if role == "from" and not fitting:
        return None
    chosen = (fitting or found)[-1] if found else _ANY.search(text)
    if chosen is None:
        return None
    value = chosen["name"]
    return Span(chosen.start(), chosen.end(), _CODES.get(value.lower(), value) if code else value)
