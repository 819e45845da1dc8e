# SPDX-License-Identifier: Apache-2.0
"""Effective status: one pure table over what was reported, the lease and the probes.

Source: `spec/contracts.md`, section 0. A heartbeat freshens the lease and never overwrites what was
reported; a record without lease or probes has "none" there, and its evidence says so.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Final


class Status(StrEnum):
    """The words for how a record is.

    `suspect` is never reported, only concluded; `stopping` is only reported: a record that stops
    takes no new work, so it reads `offline`.
    """

    ACTIVE = "active"
    BUSY = "busy"
    DEGRADED = "degraded"
    STARTING = "starting"
    UNHEALTHY = "unhealthy"
    SUSPECT = "suspect"
    OFFLINE = "offline"
    STOPPING = "stopping"


REPORTABLE: Final = frozenset(Status) - {Status.SUSPECT}
"""What an agent or an operator may report."""

EFFECTIVE: Final = tuple(status for status in Status if status is not Status.STOPPING)
"""What a record may read as, in the order of the codes that arrays hold."""

CODE: Final = {status: code for code, status in enumerate(EFFECTIVE)}
"""The small integer that stands for an effective status in arrays: `EFFECTIVE[CODE[s]] is s`."""

AVAILABLE: Final = frozenset({Status.ACTIVE, Status.BUSY})
"""Alive and well: what documents 1 and 2 call healthy."""


class LeasePhase(IntEnum):
    """How far a lease has run down. Committed transitions, not a reading of the clock."""

    FRESH = 0
    HELD = 1
    """Overdue, but its expiry is held by self-preservation."""
    UNHEALTHY = 2
    """Past `unhealthy_after`."""
    OFFLINE = 3
    """Past `offline_after`."""
    NONE = 4
    """The record has no lease: it is permanent."""


class ProbeState(IntEnum):
    """What active health checks say."""

    NONE = 0
    """There are no probes."""
    UNKNOWN = 1
    """There are probes, and none has given a verdict yet."""
    PASSING = 2
    FAILING = 3
    """As many failures in a row as the health check allows."""


def effective(reported: Status, lease: LeasePhase, probes: ProbeState) -> Status:
    """The effective status; the first row of the table that fits decides."""
    if lease is LeasePhase.HELD:
        return Status.SUSPECT
    if lease is LeasePhase.OFFLINE or reported in (Status.OFFLINE, Status.STOPPING):
        return Status.OFFLINE
    if lease is LeasePhase.UNHEALTHY or probes is ProbeState.FAILING:
        return Status.UNHEALTHY
    return reported


_TABLE: Final = {
    (reported, lease, probes): CODE[effective(reported, lease, probes)]
    for reported in REPORTABLE
    for lease in LeasePhase
    for probes in ProbeState
}


def effective_code(reported: Status, lease: LeasePhase, probes: ProbeState) -> int:
    """`CODE[effective(...)]`, looked up: it runs once for every record that a change touches."""
    return _TABLE[reported, lease, probes]
