# SPDX-License-Identifier: Apache-2.0
"""What the wire models of all protocols have in common.

They are Pydantic models, since FastAPI reads and describes those; what they become is msgspec.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from rollcall.registry.evidence import Evidence
from rollcall.registry.models import HealthCheck
from rollcall.web.strict import Wire

JsonObject = dict[str, Any]
Text = Annotated[str, Field(max_length=10_000)]
Revision = Annotated[int, Field(ge=0, lt=2**63)]


class Place(Wire):
    """The query parameters of every request."""

    namespace: str | None = Field(None, description="Where; by default the caller's own.")


class Reading(Place):
    """The query parameters of every read."""

    min_revision: Revision | None = Field(
        None, description="Wait until the registry is at this revision, for at most 5 seconds."
    )


def _is_http(value: object) -> bool:
    return value == "http"


def _is_none(value: object) -> bool:
    return value is None


class HealthCheckWire(Wire):
    """How a record wants to be probed (document 1)."""

    enabled: bool = True
    endpoint: str = "/health"
    interval_seconds: float = 30
    timeout_seconds: float = 5
    retries: int = 3
    # Beyond document 1, so told only where somebody has asked for it.
    type: Literal["http", "tcp"] = Field(default="http", exclude_if=_is_http)
    expected_status: int | None = Field(
        default=None,
        exclude_if=_is_none,
        description="Of one that is well; by default any from 200 to 299.",
    )


class LeaseView(Wire):
    """What is known of a lease: how far it has run down, and how old that knowledge is."""

    phase: str
    shared: str | None
    unhealthy_after: float | None
    offline_after: float | None
    deregister_after: float | None
    silent_seconds: float | None
    remaining_seconds: float | None
    reason: str


class ProbeView(Wire):
    """What active health checks concluded last."""

    state: str
    failures: int
    age_seconds: float | None
    reason: str


class EvidenceView(Wire):
    """What an effective status rests on. Without probes it is unknown, not healthy."""

    reported: str
    reported_age_seconds: float
    lease: LeaseView
    probe: ProbeView | None
    provisional: str | None


class RuleView(Wire):
    """What one part of a question says of a record."""

    name: str
    passed: bool
    detail: str


def health_check_from(wire: HealthCheckWire) -> HealthCheck:
    """Read.

    Raises:
        InvalidInput: A figure is out of its range.
    """
    return HealthCheck(**wire.model_dump())


def health_check_over(old: HealthCheck | None, wire: HealthCheckWire) -> HealthCheck:
    """What is there, with what `wire` gives in its place.

    Raises:
        InvalidInput: A figure is out of its range.
    """
    there = health_check_to(old or HealthCheck()).model_dump()
    return HealthCheck(**{**there, **wire.model_dump(exclude_unset=True)})


def health_check_to(check: HealthCheck | None) -> HealthCheckWire:
    """Written; what is not probed at all reads as not enabled."""
    if check is None:
        return HealthCheckWire(enabled=False)
    return HealthCheckWire(
        enabled=check.enabled,
        endpoint=check.endpoint,
        interval_seconds=check.interval_seconds,
        timeout_seconds=check.timeout_seconds,
        retries=check.retries,
        type=check.type,
        expected_status=check.expected_status,
    )


def evidence_to(evidence: Evidence, now: float) -> EvidenceView:
    """Written; `now` is in seconds since the epoch."""
    lease, probe, policy = evidence.lease, evidence.probe, evidence.lease.policy
    return EvidenceView(
        reported=evidence.reported.value,
        reported_age_seconds=evidence.reported_age,
        lease=LeaseView(
            phase=lease.phase.name.lower(),
            shared=lease.shared,
            unhealthy_after=policy.unhealthy_after if policy else None,
            offline_after=policy.offline_after if policy else None,
            deregister_after=policy.deregister_after if policy else None,
            silent_seconds=lease.silent,
            remaining_seconds=lease.remaining,
            reason=lease.reason,
        ),
        probe=None
        if probe is None
        else ProbeView(
            state=probe.state.name.lower(),
            failures=probe.failures,
            age_seconds=None if probe.checked_at is None else max(0.0, now - probe.checked_at),
            reason=probe.reason,
        ),
        provisional=None if evidence.provisional is None else evidence.provisional.value,
    )
