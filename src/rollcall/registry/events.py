# SPDX-License-Identifier: Apache-2.0
"""What committed changes mean to those who watch."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from rollcall.registry.models import Record
from rollcall.registry.status import Status


class EventType(StrEnum):
    """What happened."""

    REGISTERED = "registered"
    REREGISTERED = "reregistered"
    """It was registered again where it was already: its holder came back, or never left."""
    UPDATED = "updated"
    """Something other than its status: capabilities, name, address, metadata ..."""
    STATUS_CHANGED = "status_changed"
    """Its effective status."""
    DEREGISTERED = "deregistered"
    RUNTIME_JOINED = "runtime_joined"
    """The first record of a runtime was registered; `id` is the runtime's."""
    RUNTIME_LEFT = "runtime_left"
    """The last record of a runtime was removed; `id` is the runtime's."""
    PRESERVATION_STARTED = "preservation_started"
    """Too many leases fell due at once: expiry is held in the namespace."""
    PRESERVATION_ENDED = "preservation_ended"


class Cause(StrEnum):
    """Why a change was made."""

    REGISTERED = "registered"
    REREGISTERED = "reregistered"
    """It was registered again where it was already: its holder came back, or never left."""
    UPDATED = "updated"
    REPORTED = "status reported"
    DEREGISTERED = "deregistered"
    RENEWED = "heartbeat came back"
    MISSED = "heartbeat missed"
    HELD = "expiry held"
    PROBED = "health check"


class Event(msgspec.Struct, frozen=True, gc=False):
    """One thing that happened, once it is committed.

    Args:
        type: What.
        namespace: Where.
        id: The record's id; the runtime's for `runtime_*`; empty for `preservation_*`.
        runtime: The runtime of the record; empty: none.
        at: When, in seconds since the epoch.
        revision: The revision of the change that it comes from.
        ordinal: Its place among the events of that change, from 0.
        op: The operation that caused it.
        cause: Why.
        old: The effective status before; None: there was none.
        new: The effective status after; None: there is none.
        record: The record as it is now, or was when it was removed.
        detail: The reason for people, where there is more to say.
    """

    type: EventType
    namespace: str
    id: str
    runtime: str
    at: float
    revision: int
    ordinal: int
    op: str
    cause: str
    old: Status | None = None
    new: Status | None = None
    record: Record | None = None
    detail: str = ""

    @property
    def event_id(self) -> str:
        """The same at every replica and at every retry: it names the logical act."""
        return f"{self.op}.{self.ordinal}"
