# SPDX-License-Identifier: Apache-2.0
"""How many tasks each agent says it has: soft, of this replica, gone with the agent."""

from __future__ import annotations

from rollcall.registry.state import RegistryState


class Loads:
    """Figures by slot, so that there are never more of them than there were records at once."""

    def __init__(self, state: RegistryState) -> None:
        self._state = state
        self._figures: dict[int, tuple[int, int]] = {}

    def note(self, namespace: str, record_id: str, active_tasks: int) -> None:
        """A record said how many tasks it has; one that is not there is passed over."""
        slot = self._state.slot(namespace, record_id)
        if slot is not None:
            self._figures[slot] = (self._state.slots.births[slot], active_tasks)

    def get(self, namespace: str, record_id: str) -> int | None:
        """What it said last; None: nothing."""
        slot = self._state.slot(namespace, record_id)
        if slot is None or slot not in self._figures:
            return None
        # Slots are used again, births are not.
        birth, active_tasks = self._figures[slot]
        return active_tasks if birth == self._state.slots.births[slot] else None
