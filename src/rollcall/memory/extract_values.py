# SPDX-License-Identifier: Apache-2.0
"""What is written in a form of its own: addresses, dates, amounts, phone numbers.

Every pattern takes time in proportion to the text, whatever the text.
"""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from typing import Final

from rollcall.memory.entities import AMOUNT, DATE, EMAIL, PHONE, URL, Found

Span = tuple[int, int]

_MONTHS: Final = {
    name: number
    for number, names in enumerate(
        (
            "january januar jan jänner",
            "february februar feb",
            "march märz maerz mar mär",
            "april apr",
            "may mai",
            "june juni jun",
            "july juli jul",
            "august aug",
            "september sep sept",
            "october oktober oct okt",
            "november nov",
            "december dezember dec dez",
        ),
        1,
    )
    for name in names.split()
}
_MONTH: Final = "|".join(sorted(_MONTHS, key=len, reverse=True))
_SYMBOLS: Final = {"$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "₹": "INR"}
_CODES: Final = "USD EUR GBP CHF JPY CNY INR CAD AUD NZD SEK NOK DKK PLN CZK BRL MXN ZAR SGD HKD"
_WORDS: Final = {"euro": "EUR", "euros": "EUR", "dollar": "USD", "dollars": "USD"}
_SCALES: Final = {
    "thousand": 3,
    "tausend": 3,
    "k": 3,
    "million": 6,
    "millionen": 6,
    "m": 6,
    "mio": 6,
    "billion": 9,
    "milliarde": 9,
    "milliarden": 9,
    "bn": 9,
    "mrd": 9,
}

_NUMBER: Final = r"(?<![\w.,])[0-9]{1,15}(?:[.,'][0-9]{1,12}){0,5}"
_SCALED: Final = "|".join(sorted(_SCALES, key=len, reverse=True))
_SCALE: Final = rf"(?:\s?(?P<scale>(?i:{_SCALED}))\b\.?)?"
_UNIT: Final = rf"[$€£¥₹]|\b(?:{'|'.join(_CODES.split())}|[Ee]uros?|[Dd]ollars?)\b"

_URLS: Final = re.compile(r"\b(?:https?://|www\.)[^\s<>\"`{}|\\^\[\]]{1,2000}", re.IGNORECASE)
_EMAILS: Final = re.compile(
    r"(?<![\w.+%-])[A-Za-z0-9_.+%-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}(?![\w-])"
)
_ISO: Final = re.compile(r"(?<![\w-])([0-9]{4})-([0-9]{2})-([0-9]{2})(?![0-9-])")
_DOTTED: Final = re.compile(r"(?<![\w.])([0-9]{1,2})\.\s?([0-9]{1,2})\.\s?([0-9]{4})(?!\w)")
_SLASHED: Final = re.compile(r"(?<![\w/])([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})(?![\w/])")
_DAY_FIRST: Final = re.compile(
    rf"(?<!\w)([0-9]{{1,2}})(?:st|nd|rd|th|\.)?\s(?:of\s)?({_MONTH})\b\.?,?\s([0-9]{{4}})(?!\w)",
    re.IGNORECASE,
)
_MONTH_FIRST: Final = re.compile(
    rf"\b({_MONTH})\b\.?\s([0-9]{{1,2}})(?:st|nd|rd|th)?,?\s([0-9]{{4}})(?!\w)", re.IGNORECASE
)
_UNIT_FIRST: Final = re.compile(rf"(?P<unit>{_UNIT})\s?(?P<number>{_NUMBER}){_SCALE}")
_UNIT_LAST: Final = re.compile(rf"(?P<number>{_NUMBER}){_SCALE}\s?(?P<unit>{_UNIT})")
_ABROAD: Final = re.compile(r"(?<![\w+])\+[1-9][0-9 ()/.-]{5,24}[0-9](?!\w)")
_CALLED: Final = re.compile(
    r"\b(?:tel|telefon|phone|mobile|mobil|handy|fax|call)\b[\w ]{0,15}[.:]?\s{0,2}"
    r"(\(?0?[0-9][0-9 ()/.-]{4,22}[0-9])(?!\w)",
    re.IGNORECASE,
)


def values(text: str) -> Iterator[Found]:
    """What is found, each part of the text in one at most."""
    taken: list[Span] = []
    finders: tuple[Callable[[str], Iterator[Found]], ...] = (_urls, _emails, _dates, _amounts)
    for find in (*finders, _phones):
        for one in find(text):
            if one.span and _take(one.span, taken):
                yield one


def _take(span: Span, taken: list[Span]) -> bool:
    """Add a span to those taken, in order, unless it overlaps one of them."""
    place = bisect(taken, span)
    if (place and taken[place - 1][1] > span[0]) or (
        place < len(taken) and taken[place][0] < span[1]
    ):
        return False
    taken.insert(place, span)
    return True


def _urls(text: str) -> Iterator[Found]:
    for match in _URLS.finditer(text):
        url = match[0].rstrip(".,;:!?'*_")
        while url.endswith(")") and url.count(")") > url.count("("):
            url = url[:-1].rstrip(".,;:!?'*_")
        host = re.sub(r"^(?:https?://)?", "", url, flags=re.IGNORECASE)
        if "." in host or host.lower().startswith("localhost"):
            yield Found(url, URL, 0.99, {}, (match.start(), match.start() + len(url)))


def _emails(text: str) -> Iterator[Found]:
    for match in _EMAILS.finditer(text):
        local, _, host = match[0].rpartition("@")
        if not local.startswith(".") and not local.endswith(".") and ".." not in local:
            yield Found(f"{local}@{host.lower()}", EMAIL, 0.99, {}, match.span())


def _dates(text: str) -> Iterator[Found]:
    for match in _ISO.finditer(text):
        yield from _date(match, int(match[1]), int(match[2]), int(match[3]), 0.99)
    for match in _DOTTED.finditer(text):
        yield from _date(match, int(match[3]), int(match[2]), int(match[1]), 0.95)
    for match in _DAY_FIRST.finditer(text):
        yield from _date(match, int(match[3]), _MONTHS[match[2].lower()], int(match[1]), 0.95)
    for match in _MONTH_FIRST.finditer(text):
        yield from _date(match, int(match[3]), _MONTHS[match[1].lower()], int(match[2]), 0.95)
    for match in _SLASHED.finditer(text):
        first, second, year = int(match[1]), int(match[2]), int(match[3])
        # Written month first in some countries and day first in others.
        if first > 12:
            yield from _date(match, year, second, first, 0.9)
        else:
            yield from _date(match, year, first, second, 0.9 if second > 12 else 0.5)


def _date(
    match: re.Match[str], year: int, month: int, day: int, confidence: float
) -> Iterator[Found]:
    try:
        yield Found(date(year, month, day).isoformat(), DATE, confidence, {}, match.span())
    except ValueError:
        return


def _amounts(text: str) -> Iterator[Found]:
    for pattern in (_UNIT_FIRST, _UNIT_LAST):
        for match in pattern.finditer(text):
            amount = number(match["number"])
            if amount is None:
                continue
            if match["scale"]:
                amount = amount.scaleb(_SCALES[match["scale"].lower()])
            unit = match["unit"]
            currency = _SYMBOLS.get(unit) or _WORDS.get(unit.lower()) or unit
            plain = f"{amount:f}"
            yield Found(
                f"{plain} {currency}",
                AMOUNT,
                # A dollar is not everywhere the same.
                0.8 if unit == "$" else 0.9,
                {"amount": plain, "currency": currency},
                match.span(),
            )


def number(text: str) -> Decimal | None:
    """A number as people write it: `1,234.50`, `1.234,50`, `1'234.50`, `1234.5`.

    A single point or comma before three digits sets thousands apart. None: it makes no sense.
    """
    text = text.replace("'", "")
    marks = [one for one in text if one in ".,"]
    if not marks:
        return Decimal(text)
    decimal = marks[-1]
    whole, _, rest = text.rpartition(decimal)
    if len(set(marks)) == 1 and (len(marks) > 1 or (len(rest) == 3 and whole.strip("0"))):
        whole, rest = text, ""
    groups = re.split(r"[.,]", whole)
    if len(groups) > 1 and (
        not 1 <= len(groups[0]) <= 3 or any(len(one) != 3 for one in groups[1:])
    ):
        return None
    return Decimal("".join(groups) + ("." + rest if rest else ""))


def _phones(text: str) -> Iterator[Found]:
    for match in _ABROAD.finditer(text):
        # The zero in +49 (0)30 is for those who call from inside the country.
        digits = re.sub(r"[^0-9]", "", match[0].replace("(0)", ""))
        if 8 <= len(digits) <= 15:
            yield Found(f"+{digits}", PHONE, 0.9, {}, match.span())
    for match in _CALLED.finditer(text):
        digits = re.sub(r"[^0-9]", "", match[1])
        if 6 <= len(digits) <= 15:
            yield Found(digits, PHONE, 0.7, {}, match.span(1))
