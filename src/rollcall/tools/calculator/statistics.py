# SPDX-License-Identifier: Apache-2.0
"""Figures that describe a list of numbers.

Sums are exact: every number counts as the decimal that it is written as, so that the sum of 0.1,
0.2 and 0.3 is 0.6.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from difflib import get_close_matches
from functools import cached_property
from typing import Annotated, Final

from pydantic import Field

from rollcall.kernel.errors import InvalidInput
from rollcall.tools.calculator.errors import CannotCalculate, shown
from rollcall.tools.calculator.limits import context
from rollcall.tools.calculator.models import StatisticsResult
from rollcall.tools.calculator.rendering import Number, rendered

MAX_DATA: Final = 100_000
"""Numbers in a list."""

MAX_OPERATIONS: Final = 50

_EXACT: Final = context(1500)
"""Wide enough for the squares of the sums of `MAX_DATA` doubles, to the last digit."""

_ROUGH: Final = context(60)

_PRODUCTS: Final = Context(prec=60, Emin=-(10**9) + 1, Emax=10**9 - 1)
"""For products of `MAX_DATA` doubles."""

_PERCENTILE = re.compile(r"p(?:ercentile_?)?(\d{1,2}(?:\.\d{1,3})?|100)\Z")


class Sample:
    """A list of numbers, sorted, summed and counted once.

    Args:
        data: One number or more.
    """

    def __init__(self, data: Sequence[float]) -> None:
        self.values = [Decimal(repr(one)) for one in data]
        self.count = len(self.values)

    @cached_property
    def ordered(self) -> list[Decimal]:
        return sorted(self.values)

    @cached_property
    def total(self) -> Decimal:
        total = Decimal(0)
        for value in self.values:
            total = _EXACT.add(total, value)
        return total

    @cached_property
    def mean(self) -> Decimal:
        return _ROUGH.divide(self.total, Decimal(self.count))

    @cached_property
    def deviations(self) -> Decimal:
        """The sum of the squared distances from the mean, times the count: exact."""
        squares = Decimal(0)
        for value in self.values:
            squares = _EXACT.add(squares, _EXACT.multiply(value, value))
        return _EXACT.subtract(
            _EXACT.multiply(squares, Decimal(self.count)), _EXACT.multiply(self.total, self.total)
        )

    @cached_property
    def most_common(self) -> list[Decimal]:
        """Those that occur most often, in the order of the list."""
        counts = Counter(self.values)
        most = max(counts.values())
        return [value for value, count in counts.items() if count == most]

    def variance(self, less: int) -> Decimal:
        """The mean of the squared distances, with the count less `less` for divisor."""
        if self.count <= less:
            raise CannotCalculate("at least two numbers are needed")
        return _ROUGH.divide(self.deviations, Decimal(self.count * (self.count - less)))

    def percentile(self, percent: Decimal) -> Decimal:
        """Where so many percent of the numbers lie below, between neighbours in proportion."""
        place = _ROUGH.divide(_ROUGH.multiply(percent, Decimal(self.count - 1)), Decimal(100))
        index = int(place)
        low = self.ordered[index]
        if index + 1 == self.count:
            return low
        step = _EXACT.subtract(self.ordered[index + 1], low)
        return _EXACT.add(low, _EXACT.multiply(step, _EXACT.subtract(place, Decimal(index))))

    def geometric_mean(self) -> Decimal:
        if self.ordered[0] < 0:
            raise CannotCalculate("the numbers must not be negative")
        if not self.ordered[0]:
            return Decimal(0)
        product = Decimal(1)
        for value in self.values:
            product = _PRODUCTS.multiply(product, value)
        return _ROUGH.exp(_ROUGH.divide(_ROUGH.ln(product), Decimal(self.count)))

    def harmonic_mean(self) -> Decimal:
        if self.ordered[0] < 0:
            raise CannotCalculate("the numbers must not be negative")
        if not self.ordered[0]:
            return Decimal(0)
        inverse = Decimal(0)
        for value in self.values:
            inverse = _ROUGH.add(inverse, _ROUGH.divide(Decimal(1), value))
        return _ROUGH.divide(Decimal(self.count), inverse)


Figure = Decimal | Sequence[Decimal]


@dataclass(frozen=True, slots=True)
class Operation:
    """A figure that a list of numbers has."""

    description: str
    run: Callable[[Sample], Figure]


_QUARTERS: Final = tuple(Decimal(one) for one in (25, 50, 75))

OPERATIONS: Final[Mapping[str, Operation]] = {
    "count": Operation("How many numbers there are.", lambda sample: Decimal(sample.count)),
    "sum": Operation("All of them added up, the total.", lambda sample: sample.total),
    "mean": Operation("The average, the arithmetic mean.", lambda sample: sample.mean),
    "median": Operation("The middle one, half are below.",
                        lambda sample: sample.percentile(Decimal(50))),
    "mode": Operation("The most common one; the first of several.",
                      lambda sample: sample.most_common[0]),
    "multimode": Operation("All that are most common.", lambda sample: sample.most_common),
    "min": Operation("The smallest, the minimum.", lambda sample: sample.ordered[0]),
    "max": Operation("The largest, the maximum.", lambda sample: sample.ordered[-1]),
    "range": Operation("From the smallest to the largest.",
                       lambda sample: _EXACT.subtract(sample.ordered[-1], sample.ordered[0])),
    "stdev": Operation("The standard deviation of a sample (divisor n - 1).",
                       lambda sample: _ROUGH.sqrt(sample.variance(1))),
    "variance": Operation("The variance of a sample (divisor n - 1).",
                          lambda sample: sample.variance(1)),
    "pstdev": Operation("The standard deviation of a whole population (divisor n).",
                        lambda sample: _ROUGH.sqrt(sample.variance(0))),
    "pvariance": Operation("The variance of a whole population (divisor n).",
                           lambda sample: sample.variance(0)),
    "quantiles": Operation("The three quartiles: below them lie 25, 50 and 75 percent.",
                           lambda sample: [sample.percentile(one) for one in _QUARTERS]),
    "iqr": Operation("The interquartile range, from the first to the third quartile.",
                     lambda sample: _EXACT.subtract(sample.percentile(_QUARTERS[2]),
                                                    sample.percentile(_QUARTERS[0]))),
    "geometric_mean": Operation("The n-th root of the product.", Sample.geometric_mean),
    "harmonic_mean": Operation("The inverse of the mean of the inverses.", Sample.harmonic_mean),
}  # fmt: skip
"""By name. Beside these, p0 to p100 are the percentiles, such as p90 or p99.9."""

SYNONYMS: Final[Mapping[str, str]] = {
    "average": "mean", "avg": "mean", "arithmetic_mean": "mean", "total": "sum", "n": "count",
    "minimum": "min", "smallest": "min", "maximum": "max", "largest": "max",
    "std": "stdev", "stddev": "stdev", "std_dev": "stdev", "standard_deviation": "stdev",
    "sd": "stdev", "var": "variance", "population_stdev": "pstdev", "modes": "multimode",
    "population_standard_deviation": "pstdev", "population_variance": "pvariance",
    "quartiles": "quantiles", "interquartile_range": "iqr", "gmean": "geometric_mean",
    "hmean": "harmonic_mean",
}  # fmt: skip
"""Other names that an operation may be asked for by."""


def statistics(
    data: Annotated[
        list[float],
        Field(
            description="The numbers to describe, such as [1, 2, 3, 4].",
            min_length=1,
            max_length=MAX_DATA,
        ),
    ],
    operations: Annotated[
        list[str] | None,
        Field(
            description="What to work out, any of: count, sum, mean (average), median, mode,"
            " multimode, min, max, range, stdev (standard deviation), variance, pstdev, pvariance,"
            " quantiles, iqr, geometric_mean, harmonic_mean, and percentiles such as p90. All of"
            " them where nothing is given.",
            max_length=MAX_OPERATIONS,
        ),
    ] = None,
) -> StatisticsResult:
    """Works out statistics of a list of numbers: describes data.

    Average (mean), median, mode, standard deviation and variance, minimum and maximum, sum
    (total), count, range, quartiles, percentiles, geometric and harmonic mean.

    Args:
        data: 1 to 100,000 finite numbers.
        operations: What to work out; None or none: everything that there is for these numbers.

    Returns:
        The figures, to 10 decimal places, under the names that they were asked for by; with
        `success` false also the reason why some are missing.

    Raises:
        InvalidInput: There are no numbers, or too many, or too many operations.
    """
    if not data:
        raise InvalidInput("data", "must not be empty: give a list of numbers such as [1, 2, 3]")
    if len(data) > MAX_DATA:
        raise InvalidInput("data", f"must have at most {MAX_DATA} numbers, not {len(data)}")
    if operations and len(operations) > MAX_OPERATIONS:
        raise InvalidInput("operations", f"must name at most {MAX_OPERATIONS}")
    if not all(math.isfinite(one) for one in data):
        raise InvalidInput("data", "must have finite numbers only, no NaN and no infinity")
    sample = Sample(data)
    asked = list(dict.fromkeys(operations or OPERATIONS))
    results: dict[str, Number | list[Number]] = {}
    problems: list[str] = []
    for name in asked:
        try:
            results[name] = _rendered(_operation(name)(sample))
        except CannotCalculate as impossible:
            problems.append(f"{name[:40]}: {impossible.problem}")
    if not operations:
        problems = []
    return StatisticsResult(
        count=sample.count,
        operations=asked if operations else list(results),
        results=results,
        success=not problems,
        error="; ".join(problems) or None,
    )


def _operation(name: str) -> Callable[[Sample], Figure]:
    key = name.strip().lower().replace(" ", "_").replace("-", "_")
    known = OPERATIONS.get(SYNONYMS.get(key, key))
    if known is not None:
        return known.run
    percentile = _PERCENTILE.match(key)
    if percentile is not None:
        percent = Decimal(percentile.group(1))
        return lambda sample: sample.percentile(percent)
    near = get_close_matches(key[:40], [*OPERATIONS, *SYNONYMS], n=1)
    hint = f"did you mean {near[0]}? Known are" if near else "known are"
    raise CannotCalculate(
        f"{shown(name)} is no operation; {hint} {', '.join(OPERATIONS)}, and percentiles such as"
        " p90"
    )


def _rendered(figure: Figure) -> Number | list[Number]:
    if isinstance(figure, Decimal):
        return rendered(figure)
    return [rendered(one) for one in figure]
