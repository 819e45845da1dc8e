# SPDX-License-Identifier: Apache-2.0
"""The words that options take, so that a shell can complete them and `--help` lists them."""

from __future__ import annotations

from enum import StrEnum


class AgentStatus(StrEnum):
    """How an agent reads."""

    ACTIVE = "active"
    BUSY = "busy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"
    OFFLINE = "offline"
    SUSPECT = "suspect"


class ReportedStatus(StrEnum):
    """What may be said of an agent."""

    ACTIVE = "active"
    BUSY = "busy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"
    OFFLINE = "offline"


class ServiceStatus(StrEnum):
    """How a service reads, and what may be said of it."""

    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    STARTING = "starting"
    STOPPING = "stopping"
    UNKNOWN = "unknown"


class ServiceType(StrEnum):
    """What sort of thing a record is of."""

    AGENT = "agent"
    TOOL = "tool"
    API = "api"
    DATABASE = "database"
    GATEWAY = "gateway"
    OTHER = "other"


class Kind(StrEnum):
    """The same, or any of them."""

    AGENT = "agent"
    TOOL = "tool"
    API = "api"
    DATABASE = "database"
    GATEWAY = "gateway"
    OTHER = "other"
    ANY = "any"


class Match(StrEnum):
    """How words are compared with what agents can do."""

    LEXICAL = "lexical"
    SEMANTIC = "semantic"
    AUTO = "auto"


class Scope(StrEnum):
    """What an API key lets in for."""

    READ = "read"
    REGISTER = "register"
    ADMIN = "admin"


class EventType(StrEnum):
    """What happens in a registry."""

    REGISTERED = "registered"
    REREGISTERED = "reregistered"
    UPDATED = "updated"
    STATUS_CHANGED = "status_changed"
    DEREGISTERED = "deregistered"
    RUNTIME_JOINED = "runtime_joined"
    RUNTIME_LEFT = "runtime_left"
    PRESERVATION_STARTED = "preservation_started"
    PRESERVATION_ENDED = "preservation_ended"


class OnConflict(StrEnum):
    """What an import does with a record that is there already."""

    SKIP = "skip"
    REPLACE = "replace"
    FAIL = "fail"


class InvoiceStatus(StrEnum):
    """Where an invoice stands."""

    DRAFT = "draft"
    SENT = "sent"
    PAID = "paid"
    OVERDUE = "overdue"
    VOID = "void"
