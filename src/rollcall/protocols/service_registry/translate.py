# SPDX-License-Identifier: Apache-2.0
"""Document 1's words to the core's and back: pure, and the only place that knows both."""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from rollcall.kernel.clock import utc
from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.ids import derived
from rollcall.protocols.addresses import parse_address
from rollcall.protocols.checks import (
    MAX_VERSION,
    check_json,
    distinct,
    fields_named,
)
from rollcall.protocols.service_registry.wire import (
    DiscoverQuery,
    DiscoverRequest,
    Question,
    ServiceInfo,
    ServiceMetadata,
    ServiceRegistration,
    ServiceStatus,
    ServiceUpdate,
)
from rollcall.protocols.wire import health_check_from, health_check_over, health_check_to
from rollcall.registry.models import Capability, Grant, LeasePolicy, Record
from rollcall.registry.query import Query
from rollcall.registry.reader import View
from rollcall.registry.status import AVAILABLE, REPORTABLE, Status
from rollcall.registry.validation import MAX_PHRASE, check_record
from rollcall.web.lines import check_line

POLICY: Final = LeasePolicy(unhealthy_after=60.0, offline_after=120.0, deregister_after=300.0)
"""The lease of a service."""

_OWN: Final = ("description", "dependencies")
"""What document 1 has fields for and the core keeps as metadata."""

_UNWELL: Final = frozenset({Status.DEGRADED, Status.UNHEALTHY, Status.OFFLINE})
_STOPPING: Final = frozenset({Status.STOPPING})

_MEANS: Final[dict[ServiceStatus, tuple[frozenset[Status], frozenset[Status] | None]]] = {
    ServiceStatus.HEALTHY: (AVAILABLE, None),
    ServiceStatus.UNHEALTHY: (_UNWELL, REPORTABLE - _STOPPING),
    ServiceStatus.STARTING: (frozenset({Status.STARTING}), None),
    # What stops takes no new work, so it reads offline; what it said makes the difference.
    ServiceStatus.STOPPING: (frozenset({Status.OFFLINE}), _STOPPING),
    ServiceStatus.UNKNOWN: (frozenset({Status.SUSPECT}), None),
}

_REPORTS: Final = {
    ServiceStatus.HEALTHY: Status.ACTIVE,
    ServiceStatus.UNHEALTHY: Status.UNHEALTHY,
    ServiceStatus.STARTING: Status.STARTING,
    ServiceStatus.STOPPING: Status.STOPPING,
}


def word(status: Status, reported: Status) -> ServiceStatus:
    """How a record of an effective status reads, given what it reported."""
    if status in AVAILABLE:
        return ServiceStatus.HEALTHY
    if status is Status.STARTING:
        return ServiceStatus.STARTING
    if status is Status.SUSPECT:
        return ServiceStatus.UNKNOWN
    if status is Status.OFFLINE and reported is Status.STOPPING:
        return ServiceStatus.STOPPING
    return ServiceStatus.UNHEALTHY


def service_id(namespace: str, name: str, host: str, port: int) -> str:
    """The id of a service: the same one at every replica and every registration."""
    return derived("service", namespace, name, host, str(port))


def record_from(wire: ServiceRegistration, *, namespace: str, owner: str, now: float) -> Record:
    """The record that a registration asks for.

    Args:
        wire: The registration.
        namespace: Whose it is.
        owner: Who registered it.
        now: Seconds since the epoch.

    Raises:
        InvalidInput: It cannot be kept. Names document 1's field.
    """
    address = parse_address(wire.host, wire.port)
    check_line("name", wire.name)
    bare = Record(
        namespace=namespace,
        id=service_id(namespace, wire.name, address.host, address.port),
        kind=wire.service_type,
        name=wire.name,
        reported=Status.ACTIVE,
        created_at=now,
        updated_at=now,
        lease=Grant(POLICY),
        address=address,
        owner=owner,
        health_check=health_check_from(wire.health_check),
    )
    return _described(bare, wire.metadata)


def updated(record: Record, wire: ServiceUpdate, now: float) -> Record:
    """`record` with what `wire` changes; the same object where it says nothing.

    Raises:
        InvalidInput: It could not be kept. Names document 1's field.
    """
    new = record
    if wire.status is not None and word(record.reported, record.reported) is not wire.status:
        new = replace(new, reported=reported_from(wire.status))
    if wire.metadata is not None:
        given = wire.metadata.model_dump(exclude_unset=True)
        there = metadata_to(record).model_dump()
        new = _described(new, ServiceMetadata(**{**there, **given}))
    if wire.health_check is not None:
        check = health_check_over(record.health_check, wire.health_check)
        new = replace(new, health_check=check)
    return record if new is record else replace(new, updated_at=now)


def reported_from(status: ServiceStatus) -> Status:
    """What a record reports whose status is set to `status`.

    Raises:
        InvalidInput: Nobody reports that.
    """
    if status not in _REPORTS:
        raise InvalidInput("status", f"{status.value!r} is concluded, never reported")
    return _REPORTS[status]


def metadata_to(record: Record) -> ServiceMetadata:
    """What a record says of itself, as document 1 shows it."""
    extra = dict(record.metadata or {})
    description = extra.pop("description", "")
    if not isinstance(description, str):
        extra["description"], description = description, ""
    dependencies: Any = extra.pop("dependencies", [])
    if not _is_words(dependencies):
        extra["dependencies"], dependencies = dependencies, []
    return ServiceMetadata.model_construct(
        description=description,
        version=record.version,
        tags=record.tags,
        capabilities=tuple(capability.name for capability in record.capabilities),
        dependencies=tuple(dependencies),
        extra=extra,
    )


def info_to(view: View) -> ServiceInfo:
    """A record as document 1 shows it."""
    record, address = view.record, view.record.address
    return ServiceInfo(
        service_id=record.id,
        name=record.name,
        service_type=record.kind,
        host=None if address is None else address.host,
        port=None if address is None else address.port,
        status=word(view.status, record.reported),
        metadata=metadata_to(record),
        health_check=health_check_to(record.health_check),
        registered_at=utc(record.created_at),
        last_heartbeat=None if view.renewed_at is None else utc(view.renewed_at),
    )


def query_from(wire: Question, *, unaddressed: bool = False) -> Query:
    """The core's question.

    Args:
        wire: The question.
        unaddressed: Whether records count that are only reached inside their own process.
    """
    statuses, reported = (None, None) if wire.status is None else _MEANS[wire.status]
    return Query(
        statuses=statuses,
        reported=reported,
        kinds=None if wire.service_type is None else frozenset({wire.service_type}),
        name=wire.name or "",
        tags=tuple(wire.tags),
        capabilities=tuple(wire.capabilities),
        addressed=None if unaddressed else True,
    )


def question_of(wire: DiscoverRequest) -> Question:
    """The question alone, as an answer repeats it."""
    return Question(**{name: getattr(wire, name) for name in Question.model_fields})


def request_of(wire: DiscoverQuery) -> DiscoverRequest:
    """The question that parameters ask, as the body that would ask it."""
    return DiscoverRequest(**{name: getattr(wire, name) for name in DiscoverRequest.model_fields})


def _described(record: Record, metadata: ServiceMetadata) -> Record:
    """`record` with this metadata; capabilities that it has keep all that they say."""
    for name in _OWN:
        if name in metadata.extra and not _kept_as_extra(name, metadata.extra[name]):
            raise InvalidInput(f"metadata.extra.{name}", f"belongs into metadata.{name}")
    check_line("metadata.version", metadata.version, MAX_VERSION, shortest=0)
    for field in ("capabilities", "dependencies"):
        for place, phrase in enumerate(distinct(f"metadata.{field}", getattr(metadata, field))):
            check_line(f"metadata.{field}.{place}", phrase, MAX_PHRASE)
    kept: dict[str, Any] = dict(metadata.extra)
    if metadata.description:
        kept["description"] = metadata.description
    if metadata.dependencies:
        kept["dependencies"] = list(metadata.dependencies)
    there = {capability.name: capability for capability in record.capabilities}
    new = replace(
        record,
        capabilities=tuple(there.get(name) or Capability(name) for name in metadata.capabilities),
        tags=distinct("metadata.tags", metadata.tags),
        version=metadata.version,
        metadata=check_json("metadata", kept),
    )
    with fields_named(_field_name):
        check_record(new)
    return new


def _kept_as_extra(name: str, value: Any) -> bool:
    """Whether document 1 would show `value` as extra: it is not of the kind its own field is."""
    return not (isinstance(value, str) if name == "description" else _is_words(value))


def _is_words(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)  # pyright: ignore[reportUnknownVariableType]


def _field_name(field: str) -> str:
    return f"metadata.{field}" if field.startswith(("tags", "capabilities")) else field
