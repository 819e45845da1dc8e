# SPDX-License-Identifier: Apache-2.0
"""Checks of the numbers that policies are made of; each names the field in its error."""

from __future__ import annotations

import math

from rollcall.kernel.errors import InvalidInput


def whole(field: str, value: object, least: int) -> int:
    """`value`, an int of at least `least`.

    Raises:
        InvalidInput: It is not.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value >= least:
        return value
    raise InvalidInput(field, f"must be a whole number of at least {least}, not {value!r}")


def at_least(field: str, value: object, least: float) -> float:
    """`value` as a finite float of at least `least`.

    Raises:
        InvalidInput: It is not.
    """
    number = _finite(value)
    if number is not None and number >= least:
        return number
    raise InvalidInput(field, f"must be a finite number of at least {least:g}, not {value!r}")


def positive(field: str, value: object) -> float:
    """`value` as a finite float above zero.

    Raises:
        InvalidInput: It is not.
    """
    number = _finite(value)
    if number is not None and number > 0:
        return number
    raise InvalidInput(field, f"must be a finite number above 0, not {value!r}")


def _finite(value: object) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
