# SPDX-License-Identifier: Apache-2.0
"""The SDK: clients of the registries of documents 1 and 2, discovery, delegation, typed errors.

It needs no part of a server, and is quick to import: httpx is loaded by the first request.
"""

from rollcall.client.delegation import (
    AgentRequestEvent,
    AgentRequestType,
    AgentResponseEvent,
    AgentResponseStatus,
    RequestPriority,
)
from rollcall.client.discovery import Choice, Discovery, Instances
from rollcall.client.errors import (
    AnswerLost,
    NoAgentFound,
    NoInstance,
    RegistryUnavailable,
    UnexpectedAnswer,
)
from rollcall.client.models import (
    AgentCapability,
    AgentRegistration,
    CapabilityMatch,
    HealthCheck,
    ServiceInfo,
    ServiceMetadata,
)
from rollcall.client.registration import RegistrationClient, get_registration_client
from rollcall.client.registry_client import RegistryClient
from rollcall.client.sync import SyncRegistryClient
from rollcall.kernel.caller import NotAuthenticated, NotPermitted, RateLimited
from rollcall.kernel.errors import Closed, InvalidInput, RollcallError, Unavailable
from rollcall.kernel.record_errors import RecordNotFound, RevisionMismatch

__all__ = [
    "AgentCapability",
    "AgentRegistration",
    "AgentRequestEvent",
    "AgentRequestType",
    "AgentResponseEvent",
    "AgentResponseStatus",
    "AnswerLost",
    "CapabilityMatch",
    "Choice",
    "Closed",
    "Discovery",
    "HealthCheck",
    "Instances",
    "InvalidInput",
    "NoAgentFound",
    "NoInstance",
    "NotAuthenticated",
    "NotPermitted",
    "RateLimited",
    "RecordNotFound",
    "RegistrationClient",
    "RegistryClient",
    "RegistryUnavailable",
    "RequestPriority",
    "RevisionMismatch",
    "RollcallError",
    "ServiceInfo",
    "ServiceMetadata",
    "SyncRegistryClient",
    "Unavailable",
    "UnexpectedAnswer",
    "get_registration_client",
]
