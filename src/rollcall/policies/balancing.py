# SPDX-License-Identifier: Apache-2.0
"""Which of several candidates takes the next task.

Candidates are ids. Each choice is O(n) in their number, with no index to keep up to date while
they come and go.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from random import Random

from rollcall.kernel.errors import InvalidInput, RollcallError
from rollcall.kernel.ids import derived
from rollcall.policies import checks


class NoCandidates(RollcallError):
    """There is nobody to choose from: the list is empty, or every weight in it is 0."""

    def __init__(self, problem: str = "there are no candidates to choose from") -> None:
        super().__init__(problem)


class RoundRobin:
    """Takes turns, in the order of the ids.

    The position is the id that was chosen last, not an index. Whoever leaves costs nobody else a
    turn, whoever joins is served when the turn comes to its id, and between two turns of a
    candidate every other that was there all the time has exactly one.
    """

    def __init__(self) -> None:
        self._last: str | None = None

    def choose(self, candidates: Collection[str]) -> str:
        """The next candidate after the one chosen last; O(n).

        Raises:
            NoCandidates: `candidates` is empty; the position stays.
        """
        _refuse_empty(candidates)
        last = self._last
        later = [one for one in candidates if last is not None and one > last]
        self._last = min(later or candidates)
        return self._last


def choose_random(candidates: Sequence[str], rng: Random) -> str:
    """Any candidate, all equally likely; O(1).

    Raises:
        NoCandidates: `candidates` is empty.
    """
    _refuse_empty(candidates)
    return rng.choice(candidates)


def least_loaded(loads: Mapping[str, float], rng: Random) -> str:
    """The candidate with the lowest load; among equals any, all equally likely; O(n).

    Args:
        loads: The load of each candidate, in any unit that is the same for all.
        rng: Breaks ties, so that many balancers do not all pile onto the first of equals.

    Raises:
        NoCandidates: `loads` is empty.
        InvalidInput: A load is not a number.
    """
    _refuse_empty(loads)
    for candidate, load in loads.items():
        if math.isnan(load):
            raise InvalidInput(f"loads.{candidate}", "must be a number, not nan")
    lowest = min(loads.values())
    return rng.choice([candidate for candidate, load in loads.items() if load == lowest])


def weighted_random(weights: Mapping[str, float], rng: Random) -> str:
    """A candidate with the probability of its weight's share in the sum; O(n).

    Random rather than smooth round robin: it keeps no state that candidates could leave stale,
    and balancers that start together do not all begin with the heaviest.

    Args:
        weights: The weight of each candidate, 0 or more; 0 means never.
        rng: Draws.

    Raises:
        NoCandidates: `weights` is empty, or all of them are 0.
        InvalidInput: A weight is negative or not finite.
    """
    usable = _usable(weights)
    heaviest = max(usable.values())
    # Of weights near the largest float the sum would be infinite; of shares it is not.
    return rng.choices(list(usable), [weight / heaviest for weight in usable.values()])[0]


def rendezvous(
    key: str, candidates: Collection[str], weights: Mapping[str, float] | None = None
) -> str:
    """The candidate that `key` belongs to, the same on every machine and in every order; O(n).

    Highest random weight hashing (Thaler and Ravishankar, 1998) with scores `-w / ln(h)`, where h
    is a hash of key and candidate, even in (0, 1): who wins is proportional to the weight. A
    candidate that leaves moves only the keys that were its own; one that joins, or whose weight
    grows, only takes keys over.

    Args:
        key: What is to be placed.
        candidates: The ids to place it on.
        weights: The weight of each candidate, 0 or more; 0 means never. Without it all are equal.

    Raises:
        NoCandidates: `candidates` is empty, or all weights are 0.
        InvalidInput: A weight is missing, negative or not finite.
    """
    _refuse_empty(candidates)
    if weights is None:
        usable = dict.fromkeys(candidates, 1.0)
    else:
        missing = [one for one in candidates if one not in weights]
        if missing:
            raise InvalidInput(f"weights.{missing[0]}", "is missing")
        usable = _usable({one: weights[one] for one in candidates})
    # The id decides between equal scores, so that the order of the candidates never does.
    return max((-weight / math.log(_draw(key, one)), one) for one, weight in usable.items())[1]


def _draw(key: str, candidate: str) -> float:
    # 52 bits and a half: the most for which every value is a float of its own in (0, 1).
    return (int(derived(key, candidate, digits=13), 16) + 0.5) / 2**52


def _usable(weights: Mapping[str, float]) -> dict[str, float]:
    """The weights above 0, all checked."""
    _refuse_empty(weights)
    checked = {one: checks.at_least(f"weights.{one}", weight, 0) for one, weight in weights.items()}
    usable = {one: weight for one, weight in checked.items() if weight > 0}
    if not usable:
        raise NoCandidates("every candidate has the weight 0")
    return usable


def _refuse_empty(candidates: Collection[str]) -> None:
    if not candidates:
        raise NoCandidates
