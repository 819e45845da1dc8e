# SPDX-License-Identifier: Apache-2.0
"""Statistics of the benchmarks. Pure; nothing here measures or prints."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of `values` that at least `share` (0 to 1) of them do not exceed.

    The nearest-rank method: the answer is always a value that was measured.
    Raises `ValueError` for no values or a share outside 0 to 1.
    """
    if not values:
        raise ValueError("a percentile needs at least one value")
    if not 0 <= share <= 1:
        raise ValueError(f"a share lies between 0 and 1, not at {share}")
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def median(values: Sequence[float]) -> float:
    """The middle of `values`. Raises `ValueError` when there are none."""
    if not values:
        raise ValueError("a median needs at least one value")
    return statistics.median(values)


def ratio(theirs: float | None, ours: float | None) -> float | None:
    """Theirs by ours, above 1 where ours is better; None where one of them is no figure."""
    if theirs is None or ours is None or ours <= 0 or math.isinf(theirs) or math.isinf(ours):
        return None
    return theirs / ours


def summary(batches: Sequence[float]) -> dict[str, float]:
    """Median, 99th percentile, mean and number of per-operation figures, in their own unit."""
    return {
        "median": median(batches),
        "p99": percentile(batches, 0.99),
        "mean": statistics.fmean(batches),
        "batches": len(batches),
    }
