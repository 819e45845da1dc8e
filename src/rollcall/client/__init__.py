# SPDX-License-Identifier: Apache-2.0
"""What clients and agents say to each other: so far, the wire models of delegation (document 2)."""

from rollcall.client.delegation import (
    AgentRequestEvent,
    AgentRequestType,
    AgentResponseEvent,
    AgentResponseStatus,
    RequestPriority,
)

__all__ = [
    "AgentRequestEvent",
    "AgentRequestType",
    "AgentResponseEvent",
    "AgentResponseStatus",
    "RequestPriority",
]
