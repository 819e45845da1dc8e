# SPDX-License-Identifier: Apache-2.0
"""Numbers as people write them: digits with separators, and words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final

_DIGITS: Final = r"""
    \d{1,3}(?:,\d{3})+(?:\.\d+)?(?![\d,])       # 1,200.50
  | \d{1,3}(?:\.\d{3})+,\d+(?![\d,])            # 1.200,50
  | \d+\.\d+(?:[eE][+-]?\d+)?(?!\.?\d)          # 349.90
  | (?<![\d,])\d+,\d{1,2}(?![\d,]|\s*,)         # 3,5
  | \d+(?:[eE][+-]?\d+)?                        # 12
"""
NUMBER: Final = re.compile(
    rf"""
    (?:(?<![\w.])|(?<=\d[xX]))
    (?P<sign>(?<![\d)%][ ])(?<![\w)%])[-\u2212])?
    (?P<digits>{_DIGITS})(?!\d)
    """,
    re.VERBOSE,
)

_ONES: Final = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
).split()
_TENS: Final = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_SMALL: Final[dict[str, int]] = {
    **{word: value for value, word in enumerate(_ONES)},
    **{word: value * 10 for value, word in enumerate(_TENS, 2)},
    "dozen": 12,
    **{
        word: value
        for value, word in enumerate(
            "zwei drei vier fünf sechs sieben acht neun zehn elf zwölf".split(), 2
        )
    },
}
_LARGE: Final = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9}
_ANY: Final = "|".join(sorted([*_SMALL, *_LARGE], key=len, reverse=True))
_SPELLED: Final = re.compile(rf"\b(?:{_ANY})(?:(?:\s+and\s+|[\s-]+)(?:{_ANY}))*\b", re.IGNORECASE)

_LONGEST: Final = 15


@dataclass(frozen=True)
class Number:
    """A number in a text.

    Args:
        start: Where it begins, counted in characters.
        end: Where it ends.
        value: What it is worth.
        plain: The same in digits, without separators of thousands.
        certain: Whether it can be nothing else; "one" can.
        percent: Whether a percent sign or word follows.
    """

    start: int
    end: int
    value: Decimal
    plain: str
    certain: bool = True
    percent: bool = False

    @property
    def json(self) -> int | float:
        """The value as JSON has it: an integer where it is one."""
        whole = self.value == self.value.to_integral_value()
        return int(self.value) if whole and abs(self.value) < 10**_LONGEST else float(self.value)


def numbers(text: str) -> list[Number]:
    """The numbers of a text, in order. What only looks like one (a long code) is left out."""
    found: list[Number] = []
    for match in NUMBER.finditer(text):
        digits = match["digits"]
        whole = re.split(r"[.,eE]", digits)[0]
        if (len(whole) > 1 and whole[0] == "0") or len(digits) > _LONGEST:
            continue
        plain = ("-" if match["sign"] else "") + _plain(digits)
        try:
            value = Decimal(plain)
        except InvalidOperation:
            continue
        if value.is_finite() and abs(value.adjusted()) <= 300:
            found.append(_ended(text, match.start(), match.end(), value, plain, certain=True))
    for match in _SPELLED.finditer(text):
        value = _worth(re.split(r"[\s-]+", match[0].lower()))
        certain = match[0].lower() not in {"one", "acht"}
        found.append(
            _ended(text, match.start(), match.end(), Decimal(value), str(value), certain=certain)
        )
    return sorted(found, key=lambda number: number.start)


def _ended(text: str, start: int, end: int, value: Decimal, plain: str, *, certain: bool) -> Number:
    percent = re.match(r"\s*(?:%|percent\b|per cent\b|prozent\b|pct\b)", text[end:], re.IGNORECASE)
    return Number(start, end, value, plain, certain, percent is not None)


def _plain(digits: str) -> str:
    comma, point = digits.rfind(","), digits.rfind(".")
    if comma >= 0 and (point > comma or re.fullmatch(r"\d{1,3}(,\d{3})+", digits)):
        return digits.replace(",", "")
    if comma >= 0:
        return digits.replace(".", "").replace(",", ".")
    return digits


def _worth(words: list[str]) -> int:
    total = part = 0
    for word in words:
        if word in _SMALL:
            part += _SMALL[word]
        elif word == "hundred":
            part = max(part, 1) * 100
        elif word in _LARGE:
            total += max(part, 1) * _LARGE[word]
            part = 0
    return total + part
