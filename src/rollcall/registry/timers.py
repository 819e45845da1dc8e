# SPDX-License-Identifier: Apache-2.0
"""Deadlines of leases in this process's time: what is due, and how long each was silent."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from rollcall.kernel.clock import Clock
from rollcall.registry.expiry import upcoming
from rollcall.registry.leases import LeaseTable
from rollcall.registry.models import Grant

_MOVED: Final = 0.01
"""Seconds by which the wall clock must have been set before that counts."""


class LeaseTimers:
    """Keeps a deadline for each lease; only proposes, never decides.

    Attributes:
        table: The deadlines.
        planned: When somebody means to look at the deadlines next.
        on_nearer: Called when a deadline comes in that is nearer than that.
    """

    def __init__(self, clock: Clock) -> None:
        self.table = LeaseTable()
        self.planned = -math.inf
        self.on_nearer: Callable[[], None] = _nobody
        self._clock = clock
        self._deaf_until = -math.inf
        # The grant that was armed last: most registrations of a fleet share one.
        self._usual: Grant | None = None
        self._bears = math.inf
        self._origin = math.inf

    def granted(self, slot: int, grant: Grant, *, anew: bool) -> None:
        self._arm(slot, grant, self._clock.monotonic() if anew else self.table.renewed[slot])

    def gone(self, slot: int) -> None:
        self.table.disarm(slot)

    def restored(self, slot: int, grant: Grant, age: float) -> None:
        """A lease from a snapshot, last renewed `age` seconds of registry time ago."""
        self._arm(slot, grant, self._clock.monotonic() - max(0.0, age))

    def heard_again(self, now: float) -> None:
        """Nobody could renew until `now`: everyone gets the policy's grace from here."""
        self._deaf_until = now

    def due(self, slot: int, grant: Grant, now: float) -> bool:
        """Whether a slot that the table found is due indeed; if it only has grace, put it off."""
        until = self._deaf_until + grant.policy.grace
        if until > now:
            self.table.defer(slot, until)
            return False
        return True

    def silence(self, slot: int) -> float:
        """Seconds since the last renewal of the lease in `slot`."""
        return max(0.0, self._clock.monotonic() - self.table.renewed[slot])

    def epoch(self) -> float:
        """Seconds since the Unix epoch at which the monotonic scale of this process began."""
        return self._clock.now() - self._clock.monotonic()

    def renewed_at(self, slot: int) -> float:
        """The last renewal of the lease in `slot`, in seconds since the epoch.

        The same from one reading to the next: two clocks are never read at the same moment, so
        where the one scale begins on the other is read anew only when it has moved.
        """
        origin = self.epoch()
        if abs(origin - self._origin) > _MOVED:
            self._origin = origin
        return self._origin + min(self.table.renewed[slot], self._clock.monotonic())

    def _arm(self, slot: int, grant: Grant, renewed: float) -> None:
        if grant is not self._usual:
            step = upcoming(grant)
            self._usual, self._bears = grant, math.inf if step is None else step.after
        table = self.table
        table.arm(slot, renewed, self._bears, calm=not grant.phase)
        if table.earliest < self.planned:
            self.on_nearer()


def _nobody() -> None:
    """Nobody has planned to look yet."""
