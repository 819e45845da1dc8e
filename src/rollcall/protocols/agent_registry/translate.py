# SPDX-License-Identifier: Apache-2.0
"""Document 2's words to the core's and back: pure, and the only place that knows both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from rollcall.kernel.clock import utc
from rollcall.kernel.errors import InvalidInput
from rollcall.protocols import filters
from rollcall.protocols.addresses import base_url, parse_base_url
from rollcall.protocols.agent_registry.wire import (
    AgentCapability,
    AgentHealth,
    AgentInfo,
    AgentPatch,
    AgentRegistration,
    AgentStatus,
    CapabilityHit,
    Filters,
    ReportedStatus,
)
from rollcall.protocols.checks import (
    MAX_VERSION,
    check_json,
    distinct,
    fields_named,
)
from rollcall.protocols.wire import (
    evidence_to,
    health_check_from,
    health_check_over,
    health_check_to,
)
from rollcall.registry.evidence import Evidence
from rollcall.registry.models import Capability, Grant, LeasePolicy, Record
from rollcall.registry.query import Match, Query, TextHit
from rollcall.registry.reader import View
from rollcall.registry.status import AVAILABLE, EFFECTIVE, Status
from rollcall.registry.validation import check_record
from rollcall.web.lines import check_id, check_line

WORD: Final = {
    Status.ACTIVE: AgentStatus.ACTIVE,
    Status.BUSY: AgentStatus.BUSY,
    Status.DEGRADED: AgentStatus.DEGRADED,
    # Document 2 has no word for it; it is as little fit for work.
    Status.STARTING: AgentStatus.UNHEALTHY,
    Status.UNHEALTHY: AgentStatus.UNHEALTHY,
    Status.SUSPECT: AgentStatus.SUSPECT,
    Status.OFFLINE: AgentStatus.OFFLINE,
}
"""How each effective status reads."""

MEANS: Final = {
    word: frozenset(status for status in EFFECTIVE if WORD[status] is word) for word in AgentStatus
}
"""The effective statuses that each word stands for."""

_FIELDS: Final = {"id": "agent_id", "name": "agent_name", "reported": "status", "text": "q"}


def field_name(field: str) -> str:
    """What document 2 calls a field of the core."""
    first, dot, rest = field.partition(".")
    return _FIELDS.get(first, first) + dot + rest


def record_from(
    wire: AgentRegistration, *, namespace: str, owner: str, now: float, timeout: float
) -> Record:
    """The record that a registration asks for.

    Args:
        wire: The registration.
        namespace: Whose it is.
        owner: Who registered it.
        now: Seconds since the epoch.
        timeout: Seconds of silence until it is offline, where it says nothing itself.

    Raises:
        InvalidInput: It cannot be kept. Names document 2's field.
    """
    check_id("agent_id", wire.agent_id)
    record = Record(
        namespace=namespace,
        id=wire.agent_id,
        kind=wire.kind,
        name=wire.agent_name,
        reported=Status(wire.status),
        created_at=now,
        updated_at=now,
        capabilities=capabilities_from(wire.capabilities),
        lease=_lease(wire, timeout),
        runtime=wire.runtime,
        address=parse_base_url(wire.base_url),
        tags=distinct("tags", wire.tags),
        version=check_line("version", wire.version, MAX_VERSION, shortest=0),
        owner=owner,
        metadata=check_json("metadata", wire.metadata),
        health_check=None if wire.health_check is None else health_check_from(wire.health_check),
    )
    return _checked(record)


def policy(timeout: float) -> LeasePolicy:
    """Document 2's leases: offline after `timeout` seconds of silence, and kept."""
    return LeasePolicy(offline_after=timeout)


def patched(record: Record, wire: AgentPatch, now: float) -> Record:
    """`record` with what `wire` changes; the same object where it says nothing.

    Raises:
        InvalidInput: It could not be kept. Names document 2's field.
    """
    changes: dict[str, object] = {}
    if wire.agent_name is not None:
        changes["name"] = wire.agent_name
    if wire.base_url is not None:
        changes["address"] = parse_base_url(wire.base_url)
    if wire.capabilities is not None:
        changes["capabilities"] = capabilities_from(wire.capabilities)
    if wire.status is not None:
        changes["reported"] = Status(wire.status)
    if wire.metadata is not None:
        merged = {**(record.metadata or {}), **wire.metadata}
        gone = {key for key, value in wire.metadata.items() if value is None}
        kept = {key: value for key, value in merged.items() if key not in gone}
        changes["metadata"] = check_json("metadata", kept)
    if wire.tags is not None:
        changes["tags"] = distinct("tags", wire.tags)
    if wire.version is not None:
        changes["version"] = check_line("version", wire.version, MAX_VERSION, shortest=0)
    if wire.health_check is not None:
        changes["health_check"] = health_check_over(record.health_check, wire.health_check)
    return _checked(replace(record, updated_at=now, **changes)) if changes else record


def capabilities_from(wires: Sequence[AgentCapability]) -> tuple[Capability, ...]:
    """Read.

    Raises:
        InvalidInput: Parameters are too large.
    """
    return tuple(
        [
            Capability(
                name=one.name,
                description=one.description,
                tags=one.tags,
                parameters=check_json(f"capabilities.{place}.parameters", one.parameters),
                cost_estimate=one.cost_estimate,
            )
            for place, one in enumerate(wires)
        ]
    )


def capability_to(capability: Capability) -> AgentCapability:
    """Written."""
    return AgentCapability(
        name=capability.name,
        description=capability.description,
        parameters=capability.parameters or {},
        cost_estimate=capability.cost_estimate,
        tags=capability.tags,
    )


def info_to(view: View, active_tasks: int | None = None) -> AgentInfo:
    """A record as document 2 shows it."""
    record = view.record
    return AgentInfo(
        agent_id=record.id,
        agent_name=record.name,
        base_url=base_url(record.address),
        capabilities=tuple(map(capability_to, record.capabilities)),
        status=WORD[view.status],
        metadata=record.metadata or {},
        last_heartbeat=None if view.renewed_at is None else utc(view.renewed_at),
        created_at=utc(record.created_at),
        updated_at=utc(record.updated_at),
        kind=record.kind,
        namespace=record.namespace,
        tags=record.tags,
        version=record.version,
        runtime=record.runtime,
        active_tasks=active_tasks,
        health_check=health_check_to(record.health_check),
        revision=view.revision,
    )


def registration_of(info: AgentInfo) -> AgentRegistration:
    """The registration that would make an addressed agent read as it does, but for its lease.

    Raises:
        ValueError: It has no address, or reads as nothing that is reported.
    """
    return AgentRegistration(
        status=ReportedStatus(info.status),
        **info.model_dump(
            exclude={
                "status",
                "last_heartbeat",
                "created_at",
                "updated_at",
                "namespace",
                "active_tasks",
                "revision",
            }
        ),
    )


def health_to(view: View, evidence: Evidence, now: float) -> AgentHealth:
    """How well a record is, and what that rests on; `now` is in seconds since the epoch."""
    word, well = WORD[view.status], view.status in AVAILABLE
    return AgentHealth(
        agent_id=view.record.id,
        agent_name=view.record.name,
        status="healthy" if well else word.value,
        agent_status=word,
        last_heartbeat=None if view.renewed_at is None else utc(view.renewed_at),
        is_healthy=well,
        seconds_since_heartbeat=evidence.lease.silent,
        evidence=evidence_to(evidence, now),
    )


def hit_to(record: Record, status: Status, hit: TextHit) -> CapabilityHit:
    """One capability that was found."""
    capability = hit.capability
    # What is kept was checked when it came in.
    return CapabilityHit.model_construct(
        agent_id=record.id,
        agent_name=record.name,
        capability=capability.name,
        description=capability.description,
        base_url=base_url(record.address),
        tags=capability.tags,
        status=WORD[status],
        cost_estimate=capability.cost_estimate,
        score=round(hit.score, 6),
        reason=hit.reason,
        detail=hit.detail,
    )


def query_from(wire: Filters, text: str = "", match: Match = Match.LEXICAL) -> Query:
    """The question that filters, and perhaps words, ask.

    Raises:
        InvalidInput: The filters cannot be read.
    """
    statuses = frozenset[Status]().union(*(MEANS[word] for word in wire.status))
    return Query(
        text=text,
        match=match,
        statuses=statuses if wire.status else None,
        kinds=filters.kinds(wire.kind),
        tags=tuple(wire.tags),
        runtime=wire.runtime,
        metadata=filters.metadata(wire.metadata),
    )


def words_from(text: str) -> str:
    """The words of a search.

    Raises:
        InvalidInput: There are none.
    """
    if not text.strip():
        raise InvalidInput("q", "must hold at least one word")
    return text


def _lease(wire: AgentRegistration, timeout: float) -> Grant | str:
    if wire.lease == "own":
        return Grant(policy(wire.heartbeat_timeout_seconds or timeout))
    if not wire.runtime:
        raise InvalidInput("runtime", "must be given where the lease is the runtime's")
    return check_id("runtime", wire.runtime)


def _checked(record: Record) -> Record:
    with fields_named(field_name):
        check_record(record)
    return record
