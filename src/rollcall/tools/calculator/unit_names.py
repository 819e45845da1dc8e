# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: RUF001 - signs that look alike are what this is about
"""What people call units, and how a text such as `kg m / s^2` is read.

The text is taken apart here, by a strict pattern and with a bound on everything; only single
names are ever looked up.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from rollcall.tools.calculator.errors import CannotCalculate, shown

MAX_UNIT: Final = 60
"""Characters of a unit."""

_MAX_FACTORS: Final = 8

EXACT: Final = {
    "C": "degree_Celsius", "F": "degree_Fahrenheit", "K": "kelvin", "R": "degree_Rankine",
    "Cal": "kilocalorie", "Gal": "gallon", "AU": "astronomical_unit", "PS": "metric_horsepower",
    "b": "bit", "Kb": "kilobit", "Mb": "megabit", "Gb": "gigabit", "Tb": "terabit",
}  # fmt: skip
"""Where the case of the letters counts, and everyday use differs from pint's symbols."""

_SAID: Final = {
    "degree_Celsius": "c; °c; celsius; centigrade; deg c; degc; degree c; degrees c;"
    " degree celsius; degrees celsius; degree centigrade; degrees centigrade",
    "degree_Fahrenheit": "f; °f; fahrenheit; deg f; degf; degree f; degrees f;"
    " degree fahrenheit; degrees fahrenheit",
    "kelvin": "k; °k; kelvins; degree kelvin; degrees kelvin",
    "degree_Rankine": "°r; rankine; degr; degrees rankine",
    "meter": "meter; metre", "kilometer": "km; kms; klick; kilometer; kilometre",
    "inch": '"; ″; in; inch; inches', "foot": "′; ft; foot; feet", "mile": "mi; mile; statute mile",
    "nautical_mile": "nmi; nautical mile; sea mile",
    "light_year": "ly; light year; lightyear", "astronomical_unit": "au; astronomical unit",
    "micrometer": "micron", "square_foot": "sqft; sq ft; square foot; square feet",
    "gram": "gm; gramme; gram", "kilogram": "kilo; kgs; kilogramme; kilogram",
    "milligram": "mg; milligramme", "pound": "lb; lbs; pound; pound mass",
    "ounce": "oz; ounce", "stone": "st; stone; stones",
    "metric_ton": "t; mt; tonne; metric ton; metric tonne",
    "long_ton": "long ton; imperial ton; uk ton", "ton": "ton; short ton; us ton",
    "liter": "l; ltr; liter; litre", "milliliter": "ml; mls; millilitre; milliliter",
    "cubic_centimeter": "cc; ccm", "gallon": "gal; gallon; us gallon; us gal",
    "imperial_gallon": "imperial gallon; imp gal; uk gallon; british gallon; uk gal",
    "pint": "pt; pint; us pint", "imperial_pint": "imperial pint; uk pint; british pint",
    "quart": "qt; quart; us quart", "imperial_quart": "imperial quart; uk quart",
    "fluid_ounce": "fl oz; floz; fluid ounce; us fluid ounce; us fl oz; liquid ounce",
    "imperial_fluid_ounce": "imperial fluid ounce; uk fluid ounce; uk fl oz",
    "cup": "cup; us cup", "imperial_cup": "imperial cup; uk cup",
    "tablespoon": "tbsp; tbs; tablespoon", "teaspoon": "tsp; teaspoon",
    "oil_barrel": "oil barrel; barrel of oil; bbl",
    "second": "s; sec; secs; second", "minute": "min; mins; minute", "hour": "h; hr; hrs; hour",
    "day": "d; day", "week": "wk; wks; week", "month": "mo; month", "year": "y; yr; yrs; year",
    "kilometer_per_hour": "kph; kmh; kmph; kilometer per hour; kilometre per hour"
    "; kilometers per hour; kilometres per hour",
    "mile_per_hour": "mph; mile per hour; miles per hour",
    "knot": "kt; kts; kn; knot", "speed_of_light": "speed of light; light speed",
    "hectare": "ha; hectare", "bit": "bit", "byte": "byte",
    "kilobyte": "kb", "megabyte": "mb; meg; megs", "gigabyte": "gb; gig; gigs",
    "terabyte": "tb; tera", "petabyte": "pb",
    "kibibyte": "kib", "mebibyte": "mib", "gibibyte": "gib", "tebibyte": "tib",
    "kilobit": "kbit", "megabit": "mbit", "gigabit": "gbit",
    "calorie": "cal; small calorie", "kilocalorie": "kcal; large calorie; food calorie",
    "kilowatt_hour": "kwh; kilowatt hour", "watt_hour": "wh; watt hour",
    "british_thermal_unit": "btu; british thermal unit", "electron_volt": "ev; electron volt",
    "kilowatt": "kw", "kilojoule": "kj", "kilovolt": "kv",
    "horsepower": "hp; bhp; horsepower; horse power", "metric_horsepower": "metric horsepower",
    "pascal": "pa", "kilopascal": "kpa", "hectopascal": "hpa", "standard_atmosphere":
    "atm; atmosphere; atmospheres; standard atmosphere",
    "pound_force_per_square_inch": "psi; pounds per square inch; pound per square inch",
    "millimeter_Hg": "mmhg; mm hg; millimeter of mercury; millimeters of mercury"
    "; millimetres of mercury", "inch_Hg": "inhg; in hg; inches of mercury",
    "force_pound": "lbf; pound force", "degree": "°; deg; degree", "radian": "rad; radian",
    "revolution": "rev; revs; revolution", "kilohertz": "khz", "megahertz": "mhz",
    "gigahertz": "ghz", "hertz": "hz", "percent": "%; percent; per cent; pct",
}  # fmt: skip

ALIASES: Final = {
    phrase.strip(): name for name, phrases in _SAID.items() for phrase in phrases.split(";")
}

RATES: Final = {
    "bps": "bit", "kbps": "kilobit", "mbps": "megabit", "gbps": "gigabit", "tbps": "terabit",
    "Bps": "byte", "KBps": "kilobyte", "kBps": "kilobyte", "MBps": "megabyte", "GBps": "gigabyte",
    "mps": "meter", "fps": "foot",
}  # fmt: skip
"""What is told per second."""

Lookup = Callable[[str], str | None]
"""The full name of a unit by one of its names; None: there is no such unit."""

_FACTOR = re.compile(
    r"(?:(?P<before>square|sq|cubic|cu)\.?\s+)?"
    r"(?P<name>[^\W\d_](?:[\w '.-]*[^\W\d_])?|[°%\"″′]|°\s?[A-Za-z])"
    r"(?:\s+(?P<after>squared|cubed))?"
    r"\s*(?:\^?\s*(?P<exponent>-?[1-9]))?\Z"
)
_SIGNS = str.maketrans({"²": "^2", "³": "^3", "·": "*", "⋅": "*", "×": "*", "÷": "/", "−": "-"})
_POWERS: Final = {"square": 2, "sq": 2, "squared": 2, "cubic": 3, "cu": 3, "cubed": 3}


@dataclass(frozen=True, slots=True)
class Factor:
    """A unit to a power.

    Args:
        name: The unit's full name.
        exponent: -9 to 9, never 0.
    """

    name: str
    exponent: int


def factors_of(text: str, known: Lookup, field: str) -> list[Factor]:
    """The units that a text is made of, one or more.

    Args:
        text: Such as `km`, `kilometres per hour`, `kg*m/s^2`, `square metres`.
        known: Looks up one name.
        field: What the text is, for errors.

    Raises:
        CannotCalculate: It is none.
    """
    if not text.strip():
        raise CannotCalculate(f"{field} is missing: give a unit such as km")
    if len(text) > MAX_UNIT:
        raise CannotCalculate(f"{field} is too long: a unit has at most {MAX_UNIT} characters")
    said = " ".join(unicodedata.normalize("NFKC", text.translate(_SIGNS)).split())
    whole = named(said, known)
    if whole is not None:
        return [Factor(whole, 1)]
    if said in RATES or said.lower() in RATES:
        return [Factor(RATES.get(said) or RATES[said.lower()], 1), Factor("second", -1)]
    said = re.sub(r"(?<=[\w)])\s+per\s+", "/", said.replace("**", "^"), flags=re.IGNORECASE)
    found: list[Factor] = []
    for place, part in enumerate(said.split("/")):
        for factor in _product(part, known, field):
            exponent = -factor.exponent if place else factor.exponent
            found.append(Factor(factor.name, exponent))
    if len(found) > _MAX_FACTORS:
        raise CannotCalculate(f"{field} is too complex: at most {_MAX_FACTORS} units are combined")
    return found


def named(name: str, known: Lookup) -> str | None:
    """The full name of a single unit as somebody calls it."""
    if name in EXACT:
        return EXACT[name]
    if name in ALIASES:
        return ALIASES[name]
    exact = known(name.replace(" ", "_"))
    if exact is not None:
        return exact
    key = " ".join(name.lower().replace(".", "").replace("_", " ").replace("-", " ").split())
    alias = ALIASES.get(key) or (ALIASES.get(key[:-1]) if key.endswith("s") else None)
    return alias or known(key.replace(" ", "_"))


def _product(text: str, known: Lookup, field: str) -> list[Factor]:
    text = text.strip()
    if text.startswith("(") and text.endswith(")"):
        text = text[1:-1]
    return [factor for part in text.split("*") for factor in _factor(part.strip(), known, field)]


def _factor(text: str, known: Lookup, field: str) -> list[Factor]:
    if text == "1":
        return []
    match = _FACTOR.match(text)
    if match is None:
        raise CannotCalculate(
            f"{field} {shown(text)} is not a unit: give a name such as km, or names with * / ^"
        )
    power = _POWERS.get((match["before"] or "").lower(), 1)
    power *= _POWERS.get((match["after"] or "").lower(), 1) * int(match["exponent"] or 1)
    if abs(power) > 9:
        raise CannotCalculate(f"{field} {shown(text)} has an exponent beyond 9")
    name = named(match["name"], known)
    if name is not None:
        return [Factor(name, power)]
    words = match["name"].split()
    names = [one for word in words if (one := named(word, known)) is not None]
    if len(words) > 1 and len(names) == len(words):
        return [*(Factor(one, 1) for one in names[:-1]), Factor(names[-1], power)]
    raise UnknownUnit(field, match["name"])


class UnknownUnit(CannotCalculate):
    """There is no unit of this name."""

    def __init__(self, field: str, name: str) -> None:
        super().__init__(f"{field} {shown(name)} is no unit that is known here")
        self.field = field
        self.name = name
