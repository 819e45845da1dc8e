# SPDX-License-Identifier: Apache-2.0
"""Several rankings as one, by reciprocal rank fusion.

Cormack, Clarke and Buettcher, "Reciprocal Rank Fusion outperforms Condorcet and individual Rank
Learning Methods" (SIGIR 2009): scores of different kinds cannot be added, places can.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

CONSTANT: Final = 60
"""The paper's: how little the first place counts for more than the second."""


class Ranked(NamedTuple):
    """One of what was ranked.

    Args:
        number: What it is called in the rankings.
        score: The sum of 1 / (60 + place), the first place being 1.
        matched: The rankings that it is in, in their order.
    """

    number: int
    score: float
    matched: tuple[str, ...]


def fused(rankings: Mapping[str, Sequence[int]]) -> list[Ranked]:
    """All that stands in the rankings, the best first; of equal ones the highest number first.

    Args:
        rankings: Numbers by the name of the ranking, the best first, each once.
    """
    scores: dict[int, float] = {}
    matched: dict[int, list[str]] = {}
    for name, numbers in rankings.items():
        for place, number in enumerate(numbers, 1):
            scores[number] = scores.get(number, 0.0) + 1 / (CONSTANT + place)
            matched.setdefault(number, []).append(name)
    order = sorted(scores, key=lambda number: (scores[number], number), reverse=True)
    return [Ranked(number, scores[number], tuple(matched[number])) for number in order]
