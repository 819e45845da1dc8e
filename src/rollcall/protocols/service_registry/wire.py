# SPDX-License-Identifier: Apache-2.0
"""What document 1 says on the wire. Fields and defaults are the contract's."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from rollcall.protocols.filters import MAX_FILTERS
from rollcall.protocols.paging import DEFAULT_PAGE, MAX_PAGE
from rollcall.protocols.streams import Following
from rollcall.protocols.wire import HealthCheckWire, JsonObject, Reading, Text, Wire
from rollcall.registry.models import Kind

Words = Annotated[list[str], Field(max_length=MAX_FILTERS)]
Phrases = Annotated[tuple[str, ...], Field(max_length=1_000)]


class ServiceStatus(StrEnum):
    """How a service reads."""

    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    STARTING = "starting"
    STOPPING = "stopping"
    UNKNOWN = "unknown"


class ServiceMetadata(Wire):
    """What a service says of itself."""

    description: Text = ""
    version: str = ""
    tags: tuple[str, ...] = ()
    capabilities: Phrases = ()
    dependencies: Phrases = ()
    extra: JsonObject = Field(default={})


class ServiceRegistration(Wire):
    """A service as it registers itself."""

    name: str
    service_type: Kind
    host: str
    port: int
    metadata: ServiceMetadata = ServiceMetadata()
    health_check: HealthCheckWire = HealthCheckWire()


class ServiceUpdate(Wire):
    """What is to change; what is not given stays, also within metadata and health check."""

    status: ServiceStatus | None = None
    metadata: ServiceMetadata | None = None
    health_check: HealthCheckWire | None = None


class Registered(Wire):
    """The answer to a registration."""

    service_id: str
    message: str


class Message(Wire):
    """The answer to a write."""

    message: str


class Cleaned(Wire):
    """How many services were removed."""

    message: str
    cleaned_count: int


class ServiceInfo(Wire):
    """A service as the registry knows it.

    Host and port are null where it is only reached inside its own process; `last_heartbeat` is null
    where it has no lease.
    """

    service_id: str
    name: str
    service_type: Kind
    host: str | None
    port: int | None
    status: ServiceStatus
    metadata: ServiceMetadata
    health_check: HealthCheckWire
    registered_at: datetime
    last_heartbeat: datetime | None


class Question(Wire):
    """What a service must be to be found. All that is given must hold."""

    service_type: Kind | None = None
    name: str | None = Field(default=None, max_length=256, description="A part of its name.")
    tags: Words = Field(default=[], description="All of these.")
    capabilities: Words = Field(default=[], description="All of these.")
    status: ServiceStatus | None = None


class DiscoverRequest(Question):
    """The body of a question. Without a word about the status it is for the healthy."""

    status: ServiceStatus | None = ServiceStatus.HEALTHY
    include_unaddressed: bool = False
    limit: int = Field(default=DEFAULT_PAGE, ge=1, le=MAX_PAGE)
    cursor: str | None = Field(default=None, max_length=4096)


class DiscoverQuery(Reading):
    """The parameters of a question. Without a word about the status it is for every status."""

    service_type: Kind | None = None
    name: str | None = Field(default=None, max_length=256, description="A part of its name.")
    tags: Words = Field(default=[], description="All of these.")
    capabilities: Words = Field(default=[], description="All of these.")
    status: ServiceStatus | None = None
    include_unaddressed: bool = False
    limit: int = Field(default=DEFAULT_PAGE, ge=1, le=MAX_PAGE)
    cursor: str | None = Field(default=None, max_length=4096)


class EventsQuery(Reading, Following):
    """What to follow. Without `watch` only `service_type`, `type` and `record_id` choose."""

    service_type: Kind | None = None
    name: str | None = Field(default=None, max_length=256, description="A part of its name.")
    tags: Words = Field(default=[], description="All of these.")
    capabilities: Words = Field(default=[], description="All of these.")
    status: ServiceStatus | None = None
    include_unaddressed: bool = False


class Discovered(Wire):
    """Services by name, how many there are of them on all pages, and the question again."""

    services: list[ServiceInfo]
    total_count: int
    query: Question


class ServiceStats(Wire):
    """Counts of all records, addressed or not."""

    total_services: int
    services_by_type: dict[Kind, int]
    services_by_status: dict[ServiceStatus, int]
    healthy_services: int
    unhealthy_services: int


class Banner(Wire):
    """Who answers here."""

    service: str = "service-registry"
    version: str
    status: Literal["running"] = "running"
    uptime_seconds: float
    store: str
