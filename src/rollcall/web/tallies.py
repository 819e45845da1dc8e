# SPDX-License-Identifier: Apache-2.0
"""Counts and durations for paths on which a microsecond matters.

`prometheus_client` guards each of its figures with a lock, which costs more than the figure: here
everything that counts runs on one event loop, and so does whoever reads. What is exposed is the
same.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector


class Count:
    """A number that only grows."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0

    def inc(self) -> None:
        """One more."""
        self.value += 1


class Tally:
    """How many durations were in which range, and their sum in seconds."""

    __slots__ = ("_bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, seconds: float) -> None:
        """One more."""
        # A bound belongs to the range below it.
        self.counts[bisect_left(self._bounds, seconds)] += 1
        self.sum += seconds


class Counts(Collector):
    """A count for each combination of labels.

    Args:
        name: Without `_total`.
        text: What it is, in a sentence.
        names: The labels'.
    """

    def __init__(self, name: str, text: str, names: Sequence[str]) -> None:
        self._family = (name, text)
        self._names = tuple(names)
        self._counts: dict[tuple[str, ...], Count] = {}

    def labels(self, *values: str) -> Count:
        """The count with these labels."""
        return self._counts.setdefault(values, Count())

    def collect(self) -> Iterator[Metric]:
        family = CounterMetricFamily(*self._family, labels=self._names)
        for values, count in self._counts.items():
            family.add_metric(values, count.value)
        yield family

    def describe(self) -> Iterator[Metric]:
        yield CounterMetricFamily(*self._family, labels=self._names)


class Tallies(Collector):
    """A tally for each combination of labels: a histogram.

    Args:
        name: Its name.
        text: What it is, in a sentence.
        names: The labels'.
        bounds: Seconds, rising; the last range is open.
    """

    def __init__(self, name: str, text: str, names: Sequence[str], bounds: Sequence[float]) -> None:
        self._family = (name, text)
        self._names = tuple(names)
        self._bounds = tuple(bounds)
        self._said = [*(repr(float(one)) for one in bounds), "+Inf"]
        self._tallies: dict[tuple[str, ...], Tally] = {}

    def labels(self, *values: str) -> Tally:
        """The tally with these labels."""
        tally = self._tallies.get(values)
        if tally is None:
            tally = self._tallies[values] = Tally(self._bounds)
        return tally

    def collect(self) -> Iterator[Metric]:
        family = HistogramMetricFamily(*self._family, labels=self._names)
        for values, tally in self._tallies.items():
            buckets = list(zip(self._said, accumulate(tally.counts), strict=True))
            family.add_metric(values, buckets, tally.sum)
        yield family

    def describe(self) -> Iterator[Metric]:
        yield HistogramMetricFamily(*self._family, labels=self._names)
