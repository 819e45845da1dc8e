# SPDX-License-Identifier: Apache-2.0
"""Deadlines of a million leases, by slot.

A renewal is one store into an array. Deadlines are found by numpy in blocks: each block keeps a
lower bound of its earliest deadline; since a renewal only ever moves a deadline away, the bound
stays true without being touched, and a block is scanned again only when its bound has passed. With
leases renewed in good time that is about once per time to live and block.

All times here are seconds on the monotonic scale of this process.
"""

from __future__ import annotations

import math
from array import array
from typing import Final

import numpy as np
import numpy.typing as npt

BLOCK: Final = 4096
_NEVER: Final = math.inf


class LeaseTable:
    """When each slot's lease was renewed last, and how much silence it bears.

    Attributes:
        renewed: The last renewal of each slot; writable, for the hot path (`renewed[slot] = now`).
        calm: 1 for slots whose own lease is fresh, so that a renewal has nothing to revive.
        earliest: No deadline is before this; infinity where there are none.
        scanned: Deadlines looked at so far, for tests of complexity.
    """

    def __init__(self) -> None:
        self.renewed = array("d")
        self.calm = bytearray()
        self.earliest = _NEVER
        self.scanned = 0
        self._bears = array("d")
        self._bounds = array("d")

    def arm(self, slot: int, renewed: float, bears: float, *, calm: bool = False) -> None:
        """Set when `slot` was renewed and after how many seconds of silence it falls due.

        Args:
            slot: The slot.
            renewed: Its last renewal.
            bears: Seconds of silence; infinity: it never falls due.
            calm: Whether the lease is fresh.
        """
        if slot >= len(self.renewed):
            self._grow(slot)
        self.renewed[slot] = renewed
        self._bears[slot] = bears
        self.calm[slot] = calm
        deadline = renewed + bears
        if deadline < self._bounds[slot // BLOCK]:
            self._bound(slot // BLOCK, deadline)

    def disarm(self, slot: int) -> None:
        """The slot has no lease (any more)."""
        if slot < len(self._bears):
            self._bears[slot] = _NEVER
            self.calm[slot] = 0

    def deadline(self, slot: int) -> float:
        """When `slot` falls due; infinity: never."""
        return self.renewed[slot] + self._bears[slot] if slot < len(self._bears) else _NEVER

    def defer(self, slot: int, until: float) -> None:
        """Look at a slot that is overdue again at `until`, though its deadline has passed.

        Called for what `due` gave, before its next call.
        """
        self._bound(slot // BLOCK, until)

    def renew(self, slots: npt.NDArray[np.intp], now: float) -> list[int]:
        """Renew many leases that are calm; the slots that are not, which are left as they were.

        One pass of numpy, since a runtime may send ten thousand heartbeats at once.
        """
        if not len(slots):
            return []
        last = int(slots.max())
        if last >= len(self.renewed):
            self._grow(last)
        calm = np.frombuffer(self.calm, dtype=np.bool_)[slots]
        renewed = np.frombuffer(self.renewed)
        if calm.all():
            renewed[slots] = now
            return []
        renewed[slots[calm]] = now
        return slots[~calm].tolist()

    def due(self, now: float) -> list[int]:
        """The slots whose deadline has passed, in slot order.

        Whatever is returned must be armed anew, disarmed or deferred, or it is forgotten until
        something else in its block falls due.
        """
        if self.earliest > now:
            return []
        found: list[int] = []
        bounds = np.frombuffer(self._bounds)
        renewed = np.frombuffer(self.renewed)
        bears = np.frombuffer(self._bears)
        for block in np.flatnonzero(bounds <= now).tolist():
            first = block * BLOCK
            deadlines = renewed[first : first + BLOCK] + bears[first : first + BLOCK]
            self.scanned += len(deadlines)
            passed = deadlines <= now
            found.extend((np.flatnonzero(passed) + first).tolist())
            self._bounds[block] = float(np.where(passed, _NEVER, deadlines).min())
        self.earliest = float(bounds.min())
        return found

    def recheck(self) -> None:
        """Look at every deadline anew the next time, since what was due was not dealt with."""
        for block in range(len(self._bounds)):
            self._bounds[block] = -_NEVER
        self.earliest = -_NEVER if self._bounds else _NEVER

    def renewed_since(self, then: float) -> list[int]:
        """The slots with a lease that were renewed after `then`."""
        if not self.renewed:
            return []
        renewed = np.frombuffer(self.renewed)
        return np.flatnonzero((renewed > then) & np.isfinite(np.frombuffer(self._bears))).tolist()

    def _bound(self, block: int, deadline: float) -> None:
        if deadline < self._bounds[block]:
            self._bounds[block] = deadline
            if deadline < self.earliest:
                self.earliest = deadline

    def _grow(self, slot: int) -> None:
        # In whole blocks, and by an eighth at least, so that a load costs amortised O(1) a slot.
        blocks = max(slot // BLOCK + 1, len(self._bounds) + len(self._bounds) // 8)
        more = blocks - len(self._bounds)
        self._bounds.extend([_NEVER] * more)
        self.renewed.extend(array("d", [0.0]) * (more * BLOCK))
        self.calm.extend(bytes(more * BLOCK))
        self._bears.extend(array("d", [_NEVER]) * (more * BLOCK))
