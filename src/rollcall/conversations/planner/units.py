# SPDX-License-Identifier: Apache-2.0
"""Units and currencies in people's words."""

from __future__ import annotations

import re
from typing import Final

_MEASURES: Final[dict[str, str]] = {
    "length": (
        "m metre meter | km kilometre kilometer | cm centimetre centimeter | mm millimetre"
        " millimeter | mile mi meile | yard yd | foot feet ft fuß | inch in zoll | nm nanometre"
        " nanometer | µm micrometre micrometer | lightyear | fathom | furlong"
    ),
    "mass": (
        "g gram gramme gramm | kg kilogram kilogramme kilogramm kilo | mg milligram milligramm"
        " | t ton tonne | pound lb pfund | ounce oz unze | stone st"
    ),
    "temperature": "c °c celsius centigrade | f °f fahrenheit | k kelvin",
    "volume": (
        "l litre liter | ml millilitre milliliter | cl | dl | gallon gal | pint | quart | cup"
        " | tablespoon tbsp | teaspoon tsp | m³ m3"
    ),
    "speed": "km/h kph kmh | mph | m/s | knot kn kt",
    "time": (
        "s sec second sekunde | min minute | h hr hour stunde | day tag | week woche | month monat"
        " | year jahr | ms millisecond"
    ),
    "area": "m² m2 sqm | km² km2 | acre | hectare ha | ft² sqft",
    "data": (
        "b byte | bit | kb kilobyte | mb megabyte | gb gigabyte | tb terabyte | kib | mib | gib"
        " | tib"
    ),
    "energy": "j joule | kj kilojoule | cal calorie | kcal kilocalorie | wh | kwh",
    "power": "w watt | kw kilowatt | hp horsepower",
    "pressure": "pa pascal | hpa | kpa | bar | mbar | psi | atm",
    "angle": "deg degree | rad radian",
}
_UNITS: Final[dict[str, tuple[str, str]]] = {
    name: (quantity, group.split()[0])
    for quantity, groups in _MEASURES.items()
    for group in groups.split("|")
    for name in group.split()
}
_CURRENCIES: Final[dict[str, str]] = {
    "EUR": "euro|€",
    "USD": "dollar|us dollar|buck|$",
    "GBP": "british pound|pound sterling|sterling|£",
    "JPY": "yen|¥",
    "CHF": "franc|swiss franc|franken",
    "INR": "rupee",
    "CNY": "yuan|renminbi",
    "KRW": "won",
    "PLN": "zloty",
    "SEK": "krona|kronor",
    "NOK": "krone|kroner",
    "MXN": "peso",
    "BRL": "real|reais",
    "TRY": "lira",
    "RUB": "ruble|rouble",
    "ZAR": "rand",
    "CAD": "canadian dollar",
    "AUD": "australian dollar",
    "HUF": "forint",
    "ILS": "shekel",
    "THB": "baht",
    "BTC": "bitcoin",
}
_MONEY: Final = {name: code for code, names in _CURRENCIES.items() for name in names.split("|")}
_CODES: Final = frozenset(_CURRENCIES) | frozenset(
    """
    DKK CZK RON BGN NZD SGD HKD IDR MYR PHP ISK AED SAR EGP ARS CLP COP UAH VND ETH
    """.split()
)
_POUND: Final = frozenset({"pound", "pounds"})
"""They weigh, and pay."""


def measured(unit: str) -> str:
    """What a unit measures, such as "length"; empty where it is in no table here."""
    return _found(unit)[0]


def same_unit(one: str, other: str) -> bool:
    """Whether two names are of the same unit: "km" and "kilometres" are."""
    left, right = _found(one), _found(other)
    return left == right if left[0] else one.lower() == other.lower()


def is_money(unit: str) -> bool:
    """Whether it is a currency, by code, sign or name."""
    return unit.upper() in _CODES or _single(unit) in _MONEY or unit.lower() in _POUND


def currency_code(unit: str) -> str:
    """The ISO 4217 code of a currency in people's words; those where no code is known."""
    if unit.upper() in _CODES:
        return unit.upper()
    if unit.lower() in _POUND:
        return "GBP"
    return _MONEY.get(_single(unit), unit)


def without_degrees(unit: str) -> str:
    """ "degrees celsius" as "celsius"."""
    return re.sub(r"^degrees?\s+(?=\w)", "", unit, flags=re.IGNORECASE)


def _found(unit: str) -> tuple[str, str]:
    plain = without_degrees(unit.lower()).strip()
    return _UNITS.get(plain) or _UNITS.get(_single(plain), ("", ""))


def _single(unit: str) -> str:
    unit = unit.lower()
    if unit in _UNITS or unit in _MONEY:
        return unit
    for ending, instead in (("ies", "y"), ("es", ""), ("s", ""), ("en", "e"), ("n", "")):
        one = unit.removesuffix(ending) + instead
        if unit.endswith(ending) and (one in _UNITS or one in _MONEY):
            return one
    return unit
