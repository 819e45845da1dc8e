# SPDX-License-Identifier: Apache-2.0
"""Unmet demand: what was asked for and found nowhere."""

from __future__ import annotations

import msgspec


class Wish(msgspec.Struct, frozen=True):
    """A question that found nothing.

    Args:
        namespace: Where it was asked.
        text: The words, folded.
        count: How often, since it was first noted.
        first_at: Seconds since the epoch.
        last_at: Seconds since the epoch.
    """

    namespace: str
    text: str
    count: int
    first_at: float
    last_at: float


class UnmetDemand:
    """Counts questions that found nothing, in bounded memory.

    Users choose the words, so the table must not grow with them: when it has twice its capacity,
    the less asked half is forgotten (and counted in `forgotten`).

    Args:
        capacity: How many different questions are kept at least.
    """

    def __init__(self, capacity: int = 1000) -> None:
        self._capacity = capacity
        self._wishes: dict[tuple[str, str], list[float]] = {}
        self.total = 0
        self.forgotten = 0

    def note(self, namespace: str, text: str, now: float) -> None:
        """A question found nothing at `now` (seconds since the epoch)."""
        self.total += 1
        wish = self._wishes.get((namespace, text))
        if wish is None:
            if len(self._wishes) >= 2 * self._capacity:
                self._prune()
            self._wishes[namespace, text] = [1, now, now]
        else:
            wish[0] += 1
            wish[2] = now

    def top(self, limit: int = 20, namespace: str | None = None) -> list[Wish]:
        """The most asked first."""
        wishes = [
            Wish(where, text, int(count), first, last)
            for (where, text), (count, first, last) in self._wishes.items()
            if namespace is None or where == namespace
        ]
        wishes.sort(key=lambda wish: (-wish.count, -wish.last_at, wish.text))
        return wishes[:limit]

    def _prune(self) -> None:
        kept = sorted(self._wishes.items(), key=lambda item: (-item[1][0], -item[1][2]))
        self.forgotten += len(kept) - self._capacity
        self._wishes = dict(kept[: self._capacity])
