# SPDX-License-Identifier: Apache-2.0
"""Conversion between units, with the definitions of pint."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, Overflow, localcontext
from difflib import get_close_matches
from functools import cache
from threading import Lock
from typing import Annotated, Any, Final

from pydantic import Field

from rollcall.tools.calculator.errors import CannotCalculate, shown
from rollcall.tools.calculator.limits import context
from rollcall.tools.calculator.models import Conversion
from rollcall.tools.calculator.unit_names import (
    ALIASES,
    MAX_UNIT,
    Factor,
    UnknownUnit,
    factors_of,
)
from rollcall.tools.calculator.unit_types import REFERENCES, SYNONYMS

_DIGITS: Final = 50
_SHOWN_DIGITS: Final = 11
_SHOWN_PLACES: Final = 10
_TEMPERATURE: Final = "temperature"
_NOISE: Final = Decimal("-1e-30")
_OFFSET: Final = frozenset(("degree_Celsius", "degree_Fahrenheit", "degree_Reaumur"))
_LOGARITHMIC: Final = ("decibel", "neper", "octave", "decade", "bel")
_OTHERWISE: Final = {"ounce": "fluid_ounce", "pound": "force_pound", "ton": "metric_ton"}
"""What a name means as well, tried where the first meaning does not fit the other unit."""


@dataclass(frozen=True, slots=True)
class _Unit:
    """A unit, taken apart.

    Args:
        text: What the caller wrote.
        factors: What it is made of.
        factor: How many of its root unit it is.
        root: Its root unit.
        kind: What it measures, or the root unit where that has no name.
    """

    text: str
    factors: tuple[Factor, ...]
    factor: Decimal
    root: str
    kind: str

    @property
    def single(self) -> str | None:
        """Its name, if it is one unit to the power of 1."""
        return self.factors[0].name if [one.exponent for one in self.factors] == [1] else None


class _Units:
    """pint's registry behind a lock: looking up a name may define it with its prefix."""

    def __init__(self) -> None:
        import pint  # noqa: PLC0415 - a third of a second that only a conversion pays

        self._lock = Lock()
        self._errors = (pint.errors.PintError, TypeError, ValueError, ArithmeticError)
        exact: Any = Decimal
        with localcontext(context(_DIGITS)):
            self._registry: Any = pint.UnitRegistry(non_int_type=exact)
            self._kinds = {
                str(self._registry.get_root_units(unit)[1]): kind
                for kind, unit in REFERENCES.items()
            }

    def convert(self, value: Decimal, from_unit: str, to_unit: str) -> tuple[Decimal, str]:
        """The quantity in the other unit, and what is measured."""
        with self._lock, localcontext(context(_DIGITS)):
            try:
                source, target = self._matched(from_unit, to_unit)
                return self._converted(value, source, target), source.kind
            except UnknownUnit as unknown:
                raise self._with_suggestions(unknown) from None
            except Overflow:
                raise CannotCalculate("the result is out of range") from None
            except CannotCalculate:
                raise
            except self._errors:
                raise CannotCalculate(
                    f"{shown(from_unit)} cannot be converted to {shown(to_unit)}"
                ) from None

    def _matched(self, from_unit: str, to_unit: str) -> tuple[_Unit, _Unit]:
        source, target = self._unit(from_unit, "from_unit"), self._unit(to_unit, "to_unit")
        if source.root == target.root:
            return source, target
        for one, other in ((self._otherwise(source), target), (source, self._otherwise(target))):
            if one.root == other.root:
                return one, other
        raise CannotCalculate(
            f"{shown(from_unit)} measures {source.kind} and {shown(to_unit)} measures"
            f" {target.kind}: only units of the same kind can be converted"
        )

    def _unit(self, text: str, field: str) -> _Unit:
        return self._made(text, tuple(factors_of(text, self._known, field)))

    def _otherwise(self, unit: _Unit) -> _Unit:
        meaning = _OTHERWISE.get(unit.single or "")
        return self._made(unit.text, (Factor(meaning, 1),)) if meaning else unit

    def _made(self, text: str, factors: tuple[Factor, ...]) -> _Unit:
        if len(factors) > 1 or (factors and factors[0].exponent != 1):
            factors = tuple(
                Factor(f"delta_{one.name}" if one.name in _OFFSET else one.name, one.exponent)
                for one in factors
            )
        for one in factors:
            if one.name.startswith(_LOGARITHMIC):
                raise CannotCalculate(f"{shown(text)} is on a logarithmic scale: not supported")
        unit = self._registry.Unit("")
        for one in factors:
            unit *= self._registry.Unit(one.name) ** one.exponent
        factor, root = self._registry.get_root_units(unit, False)
        name = str(root)
        return _Unit(text, factors, Decimal(factor), name, self._kinds.get(name, name))

    def _converted(self, value: Decimal, source: _Unit, target: _Unit) -> Decimal:
        if source.kind != _TEMPERATURE or source.single is None or target.single is None:
            return value * source.factor / target.factor
        quantity = self._registry.Quantity(value, source.single)
        if Decimal(quantity.to("kelvin").magnitude) < _NOISE:
            raise CannotCalculate(
                f"{value} {source.text} is below absolute zero (-273.15 degrees Celsius)"
            )
        return Decimal(quantity.to(target.single).magnitude)

    def _known(self, name: str) -> str | None:
        if not name.replace("°", "").isidentifier():
            return None
        candidates: Sequence[tuple[str, str, str]] = self._registry.parse_unit_name(name)
        return "".join(candidates[0][:2]) if candidates else None

    def _with_suggestions(self, unknown: UnknownUnit) -> CannotCalculate:
        names = {*ALIASES, *ALIASES.values()}
        near = get_close_matches(unknown.name.lower(), sorted(names), n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "use a name such as km or pounds"
        return CannotCalculate(f"{unknown.problem}: {hint}")


_units_once = cache(_Units)
_making = Lock()


def _units() -> _Units:
    """The one registry; made when it is needed first, by one thread."""
    with _making:
        return _units_once()


def convert(
    value: Annotated[
        float,
        Field(description="The number to convert: how many of from_unit.", allow_inf_nan=False),
    ],
    from_unit: Annotated[
        str,
        Field(
            description="The unit of the value, converted from: km, miles, celsius, pounds, GB,"
            " km/h, square metres, ...",
            min_length=1,
            max_length=MAX_UNIT,
            examples=["km", "celsius", "pounds"],
        ),
    ],
    to_unit: Annotated[
        str,
        Field(
            description="The unit of the result, converted to (in, into): miles, fahrenheit, kg,"
            " GiB, mph, acres, ...",
            min_length=1,
            max_length=MAX_UNIT,
            examples=["miles", "fahrenheit", "kg"],
        ),
    ],
    unit_type: Annotated[
        str | None,
        Field(
            description="What is measured, to check the units: length, mass, temperature, volume,"
            " speed, time, area, data, energy, pressure, ... Not needed."
        ),
    ] = None,
) -> Conversion:
    """Converts a quantity from one unit of measurement into another.

    Converts length and distance (km to miles, feet to metres, inches to cm), weight and mass
    (pounds to kg, ounces to grams), temperature (celsius to fahrenheit), volume (gallons to
    litres, cups to ml), speed (mph to km/h), time (days to hours), area (acres to hectares), data
    (GB to GiB), energy (kWh to joules), power and pressure. How much is it, how many are there.

    Args:
        value: How many of `from_unit`.
        from_unit: A unit as people write it; pint's names and symbols.
        to_unit: The same for the result.
        unit_type: What is measured; None: whatever the units say.

    Returns:
        The result, to at least 10 decimal places or 11 significant digits; or, with `success`
        false, the reason why there is none.
    """

    def answer(result: int | float | None, kind: str | None, error: str | None) -> Conversion:
        return Conversion(
            value=value,
            from_unit=from_unit,
            to_unit=to_unit,
            result=result,
            unit_type=kind,
            success=error is None,
            error=error,
        )

    try:
        wanted = _wanted(unit_type)
        if not math.isfinite(value):
            raise CannotCalculate("value must be a finite number")
        converted, kind = _units().convert(Decimal(repr(value)), from_unit, to_unit)
        if wanted is not None and wanted != kind:
            raise CannotCalculate(
                f"{shown(from_unit)} measures {kind}, not {wanted}: leave unit_type out or correct"
                " it"
            )
        return answer(_shown_number(converted), kind, None)
    except CannotCalculate as impossible:
        return answer(None, unit_type, impossible.problem)


def _wanted(unit_type: str | None) -> str | None:
    if unit_type is None or not unit_type.strip():
        return None
    key = " ".join(unit_type.lower().replace("_", " ").split())
    kind = key if key in REFERENCES else SYNONYMS.get(key)
    if kind is None:
        raise CannotCalculate(
            f"unit_type {shown(unit_type)} is not known: leave it out, or use one of"
            f" {', '.join(REFERENCES)}"
        )
    return kind


def _shown_number(value: Decimal) -> int | float:
    """`value` without the noise of the conversion: 11 significant digits or 10 places."""
    if not value:
        return 0
    wide = context(700)
    places = max(_SHOWN_PLACES, _SHOWN_DIGITS - 1 - value.adjusted())
    result = wide.quantize(value, Decimal((0, (1,), -places)))
    whole = result.to_integral_value()
    if whole == result and result.copy_abs() < 2**53:
        return int(whole)
    nearest = float(result)
    if math.isinf(nearest):
        raise CannotCalculate("the result is out of range")
    return nearest
