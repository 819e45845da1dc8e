# SPDX-License-Identifier: Apache-2.0
"""How HTTP asks for capabilities."""

from typing import Annotated, Any
from urllib.parse import quote

import msgspec
from fastapi import APIRouter, Query, Request, Response

from rollcall.agents import wire
from rollcall.agents.api_parts import Capabilities, CapabilityId, by, fields
from rollcall.agents.capability_service import CapabilityChange
from rollcall.agents.checks import MAX_ID, check_text
from rollcall.agents.models import Capability
from rollcall.web.answers import answer
from rollcall.web.audit import audit_subject
from rollcall.web.callers import Reader, Writer
from rollcall.web.lines import check_id, check_line
from rollcall.web.paging import following
from rollcall.web.preconditions import IfMatch, accepted
from rollcall.web.strict import StrictRoute

PREFIX = "/api/capabilities"


def router() -> APIRouter:
    """The routes of capabilities."""
    routes = APIRouter(prefix=PREFIX, route_class=StrictRoute, tags=["capabilities"])
    _add_reads(routes)
    _add_writes(routes)
    return routes


def _add_reads(routes: APIRouter) -> None:
    @routes.get("", response_model=list[wire.CapabilityView])
    async def find(
        caller: Reader,
        capabilities: Capabilities,
        asked: Annotated[wire.CapabilitiesQuery, Query()],
        request: Request,
    ) -> Response:
        """The capabilities by id; `Link` leads to more."""
        page, after = await capabilities.find(
            namespace=caller.namespace,
            tag=None if asked.tag is None else check_line("tag", asked.tag, wire.MAX_WORD),
            q=None if asked.q is None else check_text("q", asked.q, wire.MAX_WORD),
            limit=asked.limit,
            after=None if asked.cursor is None else check_id("cursor", asked.cursor, MAX_ID),
        )
        headers = following(request.url, after)
        return answer([_document(one) for one in page], headers=headers)

    @routes.get("/{capability_id}", response_model=wire.CapabilityView)
    async def get(
        caller: Reader, capabilities: Capabilities, capability_id: CapabilityId
    ) -> Response:
        """A capability; its entity tag is for `If-Match`."""
        found = await capabilities.get(capability_id, namespace=caller.namespace)
        return answer(_document(found), revision=found.revision)


def _add_writes(routes: APIRouter) -> None:
    @routes.post("", response_model=wire.CapabilityView)
    async def create(
        caller: Writer, capabilities: Capabilities, body: wire.CapabilityCreate, request: Request
    ) -> Response:
        """Make a capability."""
        made = await capabilities.create(
            body.name,
            by(caller),
            capability_id=body.id,
            description=body.description,
            tags=body.tags,
            configuration_schema=body.configuration_schema,
        )
        audit_subject(request.scope, made.id)
        headers = {"Location": f"{PREFIX}/{quote(made.id, safe='')}"}
        return answer(_document(made), revision=made.revision, headers=headers)

    @routes.patch("/{capability_id}", response_model=wire.CapabilityView)
    async def update(
        caller: Writer,
        capabilities: Capabilities,
        capability_id: CapabilityId,
        body: wire.CapabilityFields,
        if_match: IfMatch = None,
    ) -> Response:
        """Change a capability. A new schema counts for what agents are told from now on."""
        change = msgspec.convert(fields(body), CapabilityChange)
        done = await capabilities.update(capability_id, change, by(caller), accepted(if_match))
        return answer(_document(done), revision=done.revision)

    @routes.delete("/{capability_id}")
    async def delete(
        caller: Writer,
        capabilities: Capabilities,
        capability_id: CapabilityId,
        force: Annotated[bool, Query(description="Take it from the agents that have it.")] = False,
        if_match: IfMatch = None,
    ) -> wire.Done:
        """Delete a capability that no agent has; with `force`, one that some have."""
        await capabilities.delete(capability_id, by(caller), accepted(if_match), force=force)
        return wire.Done()


def _document(one: Capability) -> dict[str, Any]:
    said = msgspec.structs.asdict(one)
    return {name: value for name, value in said.items() if name != "namespace"}
