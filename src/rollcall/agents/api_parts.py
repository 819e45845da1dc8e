# SPDX-License-Identifier: Apache-2.0
"""What the routes of definitions and capabilities share."""

from __future__ import annotations

import base64
import binascii
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
from rollcall.kernel.errors import InvalidInput
from rollcall.web import correlation
from rollcall.web.auth import require
from rollcall.web.lines import check_id
from rollcall.web.preconditions import etag
from rollcall.web.services import service

Agents = Annotated[AgentService, Depends(service("agent_service"))]
Capabilities = Annotated[CapabilityService, Depends(service("capability_service"))]
Reader = Annotated[Caller, Depends(require(READ))]
Writer = Annotated[Caller, Depends(require(REGISTER))]
IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        max_length=1000,
        description="The entity tag that was read: write only if it is still that (else 412).",
    ),
]

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
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def place_of(text: str | None) -> Place | None:
    """The place that `cursor` made the word of.

    Raises:
        InvalidInput: It is none of our words.
    """
    if text is None:
        return None
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        at, key = _place(raw)
        return Place(at, check_id("cursor", key, MAX_ID))
    except (binascii.Error, UnicodeError, ValueError, msgspec.MsgspecError) as error:
        raise InvalidInput("cursor", "must be taken from the Link of a page before") from error


def fields(body: Any, *without: str) -> dict[str, Any]:
    """The fields of a Pydantic model that were given."""
    return body.model_dump(mode="json", exclude_unset=True, exclude=set(without))
