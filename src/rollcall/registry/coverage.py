# SPDX-License-Identifier: Apache-2.0
"""Which lease covers which record: its own, a shared one, or none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Protocol

from rollcall.registry.models import Grant, Lease, Record
from rollcall.registry.spaces import Slots, Space
from rollcall.registry.status import LeasePhase

FAN_OUT: Final = 1000
"""Records that one step of a shared lease's change touches, before others get their turn."""


class Timers(Protocol):
    """Told about leases as they come, change and go; keeps their deadlines in local time."""

    def granted(self, slot: int, grant: Grant, *, anew: bool) -> None:
        """The lease of `slot` is now `grant`; `anew`: that was a renewal as well."""
        ...

    def gone(self, slot: int) -> None:
        """The lease of `slot` is no more."""
        ...


class Coverage:
    """Keeps members of shared leases, counts of leases, and `Timers` up to date."""

    def __init__(self, slots: Slots, timers: Timers) -> None:
        self._slots = slots
        self._timers = timers
        self._members: dict[int, dict[int, None]] = {}

    def phase(self, space: Space, record: Record) -> LeasePhase:
        """The phase of the lease that covers `record`; a shared one that is gone has run out."""
        lease = record.lease
        if lease is None:
            return LeasePhase.NONE
        if not isinstance(lease, str):
            return lease.phase
        slot = space.leases.get(lease)
        return LeasePhase.OFFLINE if slot is None else self._slots.lease(slot).grant.phase

    def chunks(self, lease_slot: int) -> Iterator[list[int]]:
        """The records that a shared lease covers, `FAN_OUT` at a time; they may go meanwhile."""
        members = list(self._members.get(lease_slot, ()))
        for start in range(0, len(members), FAN_OUT):
            yield members[start : start + FAN_OUT]

    def count(self, lease_slot: int) -> int:
        """How many records a shared lease covers."""
        return len(self._members.get(lease_slot, ()))

    def cover(self, space: Space, slot: int, record: Record) -> None:
        """A record came."""
        lease = record.lease
        if type(lease) is Grant:
            space.leased += lease.policy.preserve
            self._timers.granted(slot, lease, anew=True)
        elif isinstance(lease, str):
            shared = space.leases.get(lease)
            if shared is not None:
                self._members.setdefault(shared, {})[slot] = None

    def change(self, space: Space, slot: int, old: Record, new: Record) -> None:
        """A record was replaced."""
        before, after = old.lease, new.lease
        if before is after or before == after:
            return
        if isinstance(before, Grant) and isinstance(after, Grant):
            space.leased += after.policy.preserve - before.policy.preserve
            self._timers.granted(slot, after, anew=after.epoch != before.epoch)
            return
        self.uncover(space, slot, old)
        self.cover(space, slot, new)

    def uncover(self, space: Space, slot: int, record: Record) -> None:
        """A record goes."""
        lease = record.lease
        if isinstance(lease, str):
            shared = space.leases.get(lease)
            if shared is not None and shared in self._members:
                members = self._members[shared]
                members.pop(slot, None)
                if not members:
                    del self._members[shared]
        elif lease is not None:
            space.leased -= lease.policy.preserve
            self._timers.gone(slot)

    def share(self, space: Space, slot: int, lease: Lease) -> None:
        """A shared lease came."""
        space.leases[lease.id] = slot
        space.leased += lease.grant.policy.preserve
        self._timers.granted(slot, lease.grant, anew=True)

    def reshare(self, space: Space, slot: int, old: Lease, new: Lease) -> None:
        """A shared lease was replaced."""
        space.leased += new.grant.policy.preserve - old.grant.policy.preserve
        self._timers.granted(slot, new.grant, anew=new.grant.epoch != old.grant.epoch)

    def unshare(self, space: Space, slot: int, lease: Lease) -> None:
        """A shared lease goes; its records went before."""
        del space.leases[lease.id]
        space.leased -= lease.grant.policy.preserve
        self._members.pop(slot, None)
        self._timers.gone(slot)
