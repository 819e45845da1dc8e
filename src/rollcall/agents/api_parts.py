# SPDX-License-Identifier: Apache-2.0
"""What the routes of definitions and capabilities share."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Header

from rollcall.agents.capability_service import CapabilityService
from rollcall.agents.checks import MAX_ID, MAX_NAME
from rollcall.agents.models import By
from rollcall.agents.service import AgentService
from rollcall.kernel.caller import Caller
from rollcall.web import correlation
from rollcall.web.lines import check_id
from rollcall.web.services import service

Agents = Annotated[AgentService, Depends(service("agent_service"))]
Capabilities = Annotated[CapabilityService, Depends(service("capability_service"))]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        max_length=MAX_NAME,
        description="The same request again with the same key is answered with what the first one"
        " made; another request with it is a 409.",
    ),
]


async def _agent_id(agent_id: str) -> str:
    return check_id("agent_id", agent_id, MAX_ID)


async def _capability_id(capability_id: str) -> str:
    return check_id("capability_id", capability_id, MAX_ID)


AgentId = Annotated[str, Depends(_agent_id)]
CapabilityId = Annotated[str, Depends(_capability_id)]


def by(caller: Caller, reason: str = "") -> By:
    """Whoever sent the request that is being answered."""
    return By(
        namespace=caller.namespace,
        author=caller.subject,
        reason=reason,
        correlation_id=correlation.request_id(),
    )


def fields(body: Any, *without: str) -> dict[str, Any]:
    """The fields of a Pydantic model that were given."""
    return body.model_dump(mode="json", exclude_unset=True, exclude=set(without))
