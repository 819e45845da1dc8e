# SPDX-License-Identifier: Apache-2.0
"""What the registry knows: records, leases and holds.

All are frozen. They are kept out of the garbage collector's sight (`gc=False`), which is safe since
they hold nothing but plain data and can form no cycle: with a million records a collection would
otherwise stop the process for a fifth of a second.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final, Literal

import msgspec

from rollcall.kernel.errors import InvalidInput
from rollcall.registry.status import LeasePhase, ProbeState, Status

DEFAULT_NAMESPACE: Final = "default"


class Kind(StrEnum):
    """What a record stands for. The words of document 1's `service_type`."""

    AGENT = "agent"
    TOOL = "tool"
    API = "api"
    DATABASE = "database"
    GATEWAY = "gateway"
    OTHER = "other"


class Capability(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Something that a record can do.

    Args:
        name: A short phrase ("code generation").
        description: One or two sentences.
        tags: Words to find it by.
        parameters: JSON Schema of its input, as decoded JSON.
        cost_estimate: For people ("50-200 tokens per function").
    """

    name: str
    description: str = ""
    tags: tuple[str, ...] = ()
    parameters: dict[str, Any] | None = None
    cost_estimate: str | None = None


class Address(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Where a record is reached."""

    host: str
    port: int
    base_url: str = ""


class LeasePolicy(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """How long silence may last, in seconds since the last renewal; None = never.

    Args:
        unhealthy_after: From then the record reads unhealthy.
        offline_after: From then it reads offline.
        deregister_after: From then it is removed.
        interval: How often the holder means to renew; at least so much time is granted to everyone
            after a time in which nobody could renew. Default: half of the first threshold.
        preserve: Whether self-preservation may hold the expiry back.
    """

    unhealthy_after: float | None = None
    offline_after: float | None = None
    deregister_after: float | None = None
    interval: float | None = None
    preserve: bool = True

    def __post_init__(self) -> None:
        last = 0.0
        for field in ("unhealthy_after", "offline_after", "deregister_after"):
            seconds: float | None = getattr(self, field)
            if seconds is None:
                continue
            if not last < seconds < float("inf"):
                raise InvalidInput(
                    field, f"must be more than {last:g} seconds and finite, not {seconds!r}"
                )
            last = seconds
        if last == 0.0:
            raise InvalidInput("policy", "needs at least one of its three thresholds")
        if self.interval is not None and not 0 < self.interval < float("inf"):
            raise InvalidInput("interval", f"must be more than 0 and finite, not {self.interval!r}")

    @property
    def ttl(self) -> float:
        """Seconds after a renewal at which the lease first counts as missed."""
        return next(s for s in self.thresholds if s is not None)

    @property
    def thresholds(self) -> tuple[float | None, float | None, float | None]:
        return (self.unhealthy_after, self.offline_after, self.deregister_after)

    @property
    def grace(self) -> float:
        """Seconds that everyone gets, at least, after a time in which nobody could renew."""
        return self.interval if self.interval is not None else self.ttl / 2


class Grant(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A lease as it was last committed.

    Args:
        policy: Its thresholds.
        epoch: Counts how often it was granted anew or revived; a timer that proposes an expiry
            names the epoch it saw, so that a late one is void.
        phase: The last committed transition.
        reason: Why its expiry is held, while it is.
    """

    policy: LeasePolicy
    epoch: int = 1
    phase: LeasePhase = LeasePhase.FRESH
    reason: str = ""


class Probe(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What the active health checks concluded last.

    Args:
        state: Their verdict.
        failures: Failures in a row.
        checked_at: When, in seconds since the epoch.
        reason: What went wrong, for people.
    """

    state: ProbeState = ProbeState.UNKNOWN
    failures: int = 0
    checked_at: float | None = None
    reason: str = ""


class HealthCheck(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """How a record wants to be probed. The fields and defaults are those of document 1.

    Args:
        enabled: Whether it is probed at all.
        endpoint: The path that is asked for, with its leading slash.
        interval_seconds: Seconds between two probes, 1 to 86,400.
        timeout_seconds: Seconds that one may take, up to `interval_seconds`.
        retries: Failures in a row that make it unhealthy, 1 to 100.
        type: How it is asked: `http` (a GET), or `tcp` (whether it takes a connection).
        expected_status: The HTTP status of one that is well; None: any from 200 to 299.
    """

    enabled: bool = True
    endpoint: str = "/health"
    interval_seconds: float = 30.0
    timeout_seconds: float = 5.0
    retries: int = 3
    type: Literal["http", "tcp"] = "http"
    expected_status: int | None = None

    def __post_init__(self) -> None:
        if not self.endpoint.startswith("/") or len(self.endpoint) > 2048:
            raise InvalidInput(
                "health_check.endpoint", "must be a path that begins with / (at most 2048 long)"
            )
        if not self.endpoint.isprintable() or " " in self.endpoint or "#" in self.endpoint:
            raise InvalidInput(
                "health_check.endpoint", "must hold no blanks, no # and be printable"
            )
        if not 1 <= self.interval_seconds <= 86_400:
            raise InvalidInput("health_check.interval_seconds", "must be 1 to 86400 seconds")
        if not 0 < self.timeout_seconds <= self.interval_seconds:
            raise InvalidInput(
                "health_check.timeout_seconds", "must be above 0 and at most the interval"
            )
        if not 1 <= self.retries <= 100:
            raise InvalidInput("health_check.retries", "must be 1 to 100")
        if self.expected_status is not None and not 100 <= self.expected_status <= 599:
            raise InvalidInput("health_check.expected_status", "must be 100 to 599")


class Record(msgspec.Struct, frozen=True, gc=False, tag="record", omit_defaults=True):
    """One agent, service or tool server.

    Args:
        namespace: The tenant it belongs to.
        id: Unique within the namespace.
        kind: What it stands for.
        name: For people.
        reported: What it, or an operator, last said of its status.
        created_at: Seconds since the epoch.
        updated_at: Seconds since the epoch of the last committed write.
        capabilities: What it can do, in its own order.
        lease: Its own lease; or the id of the shared lease that covers it; or None: permanent.
        probe: The verdict of active health checks; None: there are none.
        runtime: The runtime (process, host, pod) it lives in; empty: none.
        address: Where it is reached; None: only inside its process.
        tags: Words about the record as a whole.
        version: Its own version.
        owner: The key that registered it.
        metadata: Whatever else its owner wants kept, as decoded JSON.
        health_check: How it wants to be probed; None: not at all.
    """

    namespace: str
    id: str
    kind: Kind
    name: str
    reported: Status
    created_at: float
    updated_at: float
    capabilities: tuple[Capability, ...] = ()
    lease: Grant | str | None = None
    probe: Probe | None = None
    runtime: str = ""
    address: Address | None = None
    tags: tuple[str, ...] = ()
    version: str = ""
    owner: str = ""
    metadata: dict[str, Any] | None = None
    health_check: HealthCheck | None = None


class Lease(msgspec.Struct, frozen=True, gc=False, tag="lease", omit_defaults=True):
    """A lease that several records share: those whose `lease` is its id.

    One renewal renews them all. When it is removed, they are removed with it.
    """

    namespace: str
    id: str
    grant: Grant


class Hold(msgspec.Struct, frozen=True, gc=False, tag="hold", omit_defaults=True):
    """Self-preservation at work in a namespace: expiry is held there.

    Args:
        namespace: Where.
        id: Always `HOLD_ID`: a namespace has at most one.
        since: When it began, in seconds since the epoch.
        until: When it ends at the latest.
        reason: What made it begin, for people.
        due: How many leases were due.
        total: Of how many.
    """

    namespace: str
    id: str
    since: float
    until: float
    reason: str
    due: int
    total: int


HOLD_ID: Final = "expiry"

Doc = Record | Lease | Hold


class Table(StrEnum):
    """Where a document is kept."""

    RECORD = "record"
    LEASE = "lease"
    HOLD = "hold"


TABLE_OF: Final[dict[type[Doc], Table]] = {
    Record: Table.RECORD,
    Lease: Table.LEASE,
    Hold: Table.HOLD,
}
