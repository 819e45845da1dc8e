# SPDX-License-Identifier: Apache-2.0
"""Amounts that are wanted in something else: "10 km in miles", "how many euros are 5 dollars"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from rollcall.conversations.planner.numbers import Number, numbers
from rollcall.conversations.planner.words import STOP

Kind = Literal["measure", "money", "unknown"]

_MEASURES: Final[dict[str, str]] = {
    "length": (
        "m metre meter km kilometre kilometer cm centimetre centimeter mm millimetre "
        "millimeter mile mi yard yd foot feet ft inch in inches nm nanometre micrometre "
        "lightyear fathom furlong meile"
    ),
    "mass": (
        "g gram gramme kg kilogram kilogramme kilo mg milligram t ton tonne pound lb lbs "
        "ounce oz stone st pfund"
    ),
    "temperature": "c f k celsius fahrenheit kelvin °c °f centigrade",
    "volume": (
        "l litre liter ml millilitre milliliter gallon gal pint quart cup tablespoon tbsp "
        "teaspoon tsp cl dl"
    ),
    "speed": "km/h kph kmh mph m/s knot kn kt",
    "time": "s sec second min minute h hr hour day week month year ms millisecond",
    "area": "m² m2 km² km2 acre hectare ha sqm sqft",
    "data": ("b bit byte kb mb gb tb kib mib gib tib kilobyte megabyte gigabyte terabyte"),
    "energy": (
        "j joule kj kilojoule cal calorie kcal kilocalorie wh kwh w watt kw kilowatt hp horsepower"
    ),
    "pressure": "pa pascal hpa kpa bar mbar psi atm",
    "angle": "deg degree rad radian",
}
_KIND_OF: Final = {unit: kind for kind, units in _MEASURES.items() for unit in units.split()}
_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "EUR": (
        "euro",
        "€",
    ),
    "USD": (
        "dollar",
        "us dollar",
        "buck",
        "cent",
        "$",
    ),
    "JPY": (
        "yen",
        "¥",
    ),
    "CHF": (
        "franc",
        "swiss franc",
    ),
    "INR": ("rupee",),
    "CNY": (
        "yuan",
        "renminbi",
    ),
    "KRW": ("won",),
    "PLN": ("zloty",),
    "SEK": ("krona",),
    "NOK": ("krone",),
    "MXN": ("peso",),
    "BRL": (
        "real",
        "reais",
    ),
    "TRY": ("lira",),
    "RUB": ("ruble",),
    "ZAR": ("rand",),
    "GBP": (
        "british pound",
        "pound sterling",
        "sterling",
        "£",
    ),
    "CAD": ("canadian dollar",),
    "AUD": ("australian dollar",),
    "HUF": ("forint",),
    "ILS": ("shekel",),
    "THB": ("baht",),
    "BTC": ("bitcoin",),
}
_MONEY: Final = {name: code for code, names in _NAMES.items() for name in names}
_CODES: Final = frozenset(
    """
    EUR USD GBP JPY CHF CNY INR KRW PLN SEK NOK DKK CZK HUF RON BGN TRY RUB ZAR BRL MXN CAD
    AUD NZD SGD HKD ILS THB IDR MYR PHP ISK AED SAR EGP ARS CLP COP UAH VND BTC ETH
    """.split()
)

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


def currency_code(unit: str) -> str:
    """The ISO 4217 code of a currency in people's words; those where no code is known."""
    if unit.upper() in _CODES:
        return unit.upper()
    return _MONEY.get(_single(unit), unit)


def measured(unit: str) -> str:
    """What a unit measures, such as "length"; empty where it is in no table here."""
    plain = _bare(unit)
    return _KIND_OF.get(plain) or _KIND_OF.get(_single(plain), "")


def _made(number: Number, given: str, wanted: str) -> Change | None:
    given, wanted = _trimmed(given), _trimmed(wanted)
    if not given or not wanted:
        return None
    if _is_money(given) and _is_money(wanted):
        return Change(number, given, wanted, "money", "money")
    left, right = measured(given), measured(wanted)
    if left and left == right:
        return Change(number, _shown(given), _shown(wanted), "measure", left)
    if (left or _is_money(given)) and (right or _is_money(wanted)):
        # "pounds" weigh, and pay.
        return None
    return Change(number, given, wanted, "unknown")


def _trimmed(unit: str) -> str:
    words = unit.strip().split()
    while words and words[-1].lower() in STOP and len(words) > 1:
        words.pop()
    return "" if not words or words[0].lower() in STOP - {"m", "s", "in"} else " ".join(words)


def _shown(unit: str) -> str:
    return re.sub(r"^degrees?\s+(?=\w)", "", unit, flags=re.IGNORECASE)


def _bare(unit: str) -> str:
    return _shown(unit.lower()).strip()


def _single(unit: str) -> str:
    unit = unit.lower()
    if unit in _KIND_OF or unit in _MONEY:
        return unit
    for ending, instead in (("ies", "y"), ("es", ""), ("s", ""), ("en", "e"), ("n", "")):
        one = unit.removesuffix(ending) + instead
        if unit.endswith(ending) and (one in _KIND_OF or one in _MONEY):
            return one
    return unit


def _is_money(unit: str) -> bool:
    return unit.upper() in _CODES or _single(unit) in _MONEY or unit.lower() in {"pound", "pounds"}
