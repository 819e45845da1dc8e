# SPDX-License-Identifier: Apache-2.0
"""Why a record reads as it does: what was reported, its lease, its probes, and how old each is."""

from __future__ import annotations

import msgspec

from rollcall.registry.expiry import upcoming
from rollcall.registry.models import Grant, LeasePolicy, Probe, Record
from rollcall.registry.status import LeasePhase, ProbeState, Status, effective


class LeaseEvidence(msgspec.Struct, frozen=True):
    """What is known of the lease that covers a record.

    Args:
        phase: As committed; `NONE`: the record is permanent.
        shared: The id of the shared lease; None: it is the record's own.
        policy: Its thresholds.
        epoch: How often it was granted.
        silent: Seconds since the last renewal.
        remaining: Seconds until silence leads on to the next phase; below 0: overdue; None: never.
        reason: Why its expiry is held, while it is.
    """

    phase: LeasePhase
    shared: str | None = None
    policy: LeasePolicy | None = None
    epoch: int = 0
    silent: float | None = None
    remaining: float | None = None
    reason: str = ""


class Evidence(msgspec.Struct, frozen=True):
    """What an effective status rests on.

    Args:
        status: The effective status, as committed.
        reported: What was reported last.
        reported_age: Seconds since the record's last committed write.
        lease: Its lease.
        probe: The verdict of active health checks; None: there are none. Unprobed is unknown, not
            healthy.
        provisional: What the status would be if the store could be reached to commit it; None where
            it can be, or nothing would change.
    """

    status: Status
    reported: Status
    reported_age: float
    lease: LeaseEvidence
    probe: Probe | None
    provisional: Status | None = None


def lease_evidence(record: Record, grant: Grant | None, silent: float) -> LeaseEvidence:
    """What there is to say of the lease `grant` of `record`, silent for `silent` seconds."""
    if grant is None:
        gone = LeasePhase.OFFLINE if record.lease is not None else LeasePhase.NONE
        return LeaseEvidence(gone)
    step = upcoming(grant)
    return LeaseEvidence(
        phase=grant.phase,
        shared=record.lease if isinstance(record.lease, str) else None,
        policy=grant.policy,
        epoch=grant.epoch,
        silent=silent,
        remaining=None if step is None else step.after - silent,
        reason=grant.reason,
    )


def provisional(record: Record, lease: LeaseEvidence) -> Status | None:
    """What the status turns into once the silence can be committed; None: it stays."""
    if lease.policy is None or lease.remaining is None or lease.remaining > 0:
        return None
    phase = LeasePhase.UNHEALTHY if lease.policy.unhealthy_after else LeasePhase.OFFLINE
    if lease.policy.offline_after is not None and (lease.silent or 0) >= lease.policy.offline_after:
        phase = LeasePhase.OFFLINE
    probes = ProbeState.NONE if record.probe is None else record.probe.state
    status = effective(record.reported, phase, probes)
    return None if status is effective(record.reported, lease.phase, probes) else status
