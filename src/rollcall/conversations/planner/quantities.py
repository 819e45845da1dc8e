# SPDX-License-Identifier: Apache-2.0
"""Amounts that are wanted in something else: "10 km in miles", "how many euros are 5 dollars"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from rollcall.conversations.planner.numbers import Number, numbers
from rollcall.conversations.planner.units import is_money, measured, without_degrees
from rollcall.conversations.planner.words import STOP

Kind = Literal["measure", "money", "unknown"]

_UNIT: Final = r"(?:[^\W\d_]|[°µ$€£¥%])[^\s,;:?!()\d]*[²³23]?(?:\s+[^\W\d_]{2,})?"
_WANTED: Final = re.compile(
    rf"^\s*(?P<unit>{_UNIT})?\s*(?:worth\s+|is\s+|are\s+)?"
    r"(?P<way>\bin\b|\binto\b|\bto\b|\bas\b|\bfor\b|\bnach\b|=|->|→)\s*"
    rf"(?:how\s+many\s+|the\s+)?(?P<wanted>{_UNIT})\s*(?:please)?\s*[?.!]*\s*$",
    re.IGNORECASE,
)
_BEFORE: Final = re.compile(
    rf"\b(?:how\s+(?:many|much)|wie\s*viele?)\s+(?P<wanted>{_UNIT}?)\s+"
    r"(?:are|is|do|does|make|makes|sind|ist|can i get|do i get|would)?\s*"
    r"(?:there\s+)?(?:in|for|from)?\s*$",
    re.IGNORECASE,
)
_THEN: Final = re.compile(
    rf"^\s*(?P<unit>{_UNIT})\b[^\d]*?\b"
    rf"(?:how\s+(?:many|much)\s+(?P<many>{_UNIT}?)"
    rf"|(?:what|how\s+much)\b[^\d]*?\b(?:in|as)\s+(?P<much>{_UNIT}))"
    r"(?:\s+(?:is|are|would|does)\b[^\d]*)?\s*[?.!]*\s*$",
    re.IGNORECASE,
)
_AFTER: Final = re.compile(rf"^\s*(?P<unit>{_UNIT})\b[^\d]{{0,12}}$", re.IGNORECASE)


@dataclass(frozen=True)
class Change:
    """An amount in one unit, wanted in another.

    Args:
        number: How much.
        given: The unit it is in, in the user's words.
        wanted: The unit wanted, in the user's words.
        kind: What both are; `unknown` where one of them is in no table here.
        quantity: What is measured, such as "length".
    """

    number: Number
    given: str
    wanted: str
    kind: Kind
    quantity: str = ""


def change(text: str) -> Change | None:
    """The first change of units that a text asks for; None: it asks for none."""
    for number in numbers(text):
        before, after = text[: number.start], text[number.end :]
        symbol = before[-1:] if before[-1:] in {"$", "€", "£", "¥"} else ""
        found = _WANTED.match(after)
        if found is not None and (found["unit"] or symbol):
            made = _made(number, found["unit"] or symbol, found["wanted"])
            # "20 pounds for euros" says what is wanted; "20 minutes for lunch" does not.
            if made is not None and (found["way"].lower() != "for" or made.kind != "unknown"):
                return made
        if found := _THEN.match(after):
            made = _made(number, found["unit"], found["many"] or found["much"])
            if made is not None and made.kind != "unknown":
                return made
        asked, given = _BEFORE.search(before.removesuffix(symbol)), _AFTER.match(after)
        if asked is not None and (given is not None or symbol):
            unit = given["unit"] if given is not None else symbol
            made = _made(number, unit, asked["wanted"])
            if made is not None:
                return made
    return None


def _made(number: Number, given: str, wanted: str) -> Change | None:
    given, wanted = _trimmed(given), _trimmed(wanted)
    if not given or not wanted:
        return None
    if is_money(given) and is_money(wanted):
        return Change(number, given, wanted, "money", "money")
    left, right = measured(given), measured(wanted)
    if left and left == right:
        return Change(number, without_degrees(given), without_degrees(wanted), "measure", left)
    if (left or is_money(given)) and (right or is_money(wanted)):
        # "pounds" weigh, and pay.
        return None
    return Change(number, given, wanted, "unknown")


def _trimmed(unit: str) -> str:
    words = unit.strip().split()
    while words and words[-1].lower() in STOP and len(words) > 1:
        words.pop()
    return "" if not words or words[0].lower() in STOP - {"m", "s", "in"} else " ".join(words)
