# SPDX-License-Identifier: Apache-2.0
"""What the routes of definitions and capabilities share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec
from fastapi import Depends, Header, Response

from rollcall.agents.capability_service import CapabilityService
from rollcall.agents.checks import MAX_ID, MAX_NAME
from rollcall.agents.models import By
from rollcall.agents.ports import Place
from rollcall.agents.service import AgentService
from rollcall.kernel.caller import READ, REGISTER, Caller
from rollcall.kernel.cursors import cursor_of, place_at
from rollcall.web import correlation
from rollcall.web.auth import require
from rollcall.web.lines import check_id
from rollcall.web.preconditions import etag
from rollcall.web.services import service

Agents = Annotated[AgentService, Depends(service("agent_service"))]
Capabilities = Annotated[CapabilityService, Depends(service("capability_service"))]
Reader = Annotated[Caller, Depends(require(READ))]
Writer = Annotated[Caller, Depends(require(REGISTER))]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        max_length=MAX_NAME,
        description="The same request again with the same key is answered with what the first one"
        " made; another request with it is a 409.",
    ),
]

_place: Final = msgspec.json.Decoder(tuple[float, str]).decode


async def _agent_id(agent_id: str) -> str:
    return check_id("agent_id", agent_id, MAX_ID)


async def _capability_id(capability_id: str) -> str:
    return check_id("capability_id", capability_id, MAX_ID)


AgentId = Annotated[str, Depends(_agent_id)]
CapabilityId = Annotated[str, Depends(_capability_id)]


def by(caller: Caller, reason: str = "") -> By:
    """Whoever sent the request that is being answered."""
    named = correlation.current()
    return By(
        namespace=caller.namespace,
        author=caller.subject,
        reason=reason,
        correlation_id=named.request_id if named else "",
    )


def answer(
    body: object, revision: int | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """An answer in JSON.

    Args:
        body: What it says.
        revision: Of what it is about, for its entity tag.
        headers: More of them.
    """
    tag = {} if revision is None else {"ETag": etag(revision)}
    return Response(msgspec.json.encode(body), 200, {**tag, **(headers or {})}, "application/json")


def cursor(place: Place) -> str:
    """An opaque word for where a page ended."""
    return cursor_of(place)


def place_of(text: str | None) -> Place | None:
    """The place that `cursor` made the word of.

    Raises:
        InvalidInput: It is none of our words.
    """
    if text is None:
        return None
    at, key = place_at(text, _place)
    return Place(at, check_id("cursor", key, MAX_ID))


def fields(body: Any, *without: str) -> dict[str, Any]:
    """The fields of a Pydantic model that were given."""
    return body.model_dump(mode="json", exclude_unset=True, exclude=set(without))
