# SPDX-License-Identifier: Apache-2.0
"""How HTTP asks for definitions of agents, as documents 3 and 4 do: one resource for both."""

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Body, Query, Request, Response
from fastapi import Path as PathParameter

from rollcall.agents import wire
from rollcall.agents.api_parts import (
    AgentId,
    Agents,
    Capabilities,
    CapabilityId,
    IdempotencyKey,
    by,
    fields,
)
from rollcall.agents.changes import change_of
from rollcall.agents.checks import MAX_NAME, check_text
from rollcall.agents.documents import document_of, number_of, version_document
from rollcall.agents.models import Wanted
from rollcall.web.answers import answer
from rollcall.web.audit import audit_subject
from rollcall.web.callers import Reader, Writer
from rollcall.web.lines import check_line
from rollcall.web.paging import following, place_of
from rollcall.web.preconditions import IfMatch, accepted
from rollcall.web.strict import StrictRoute

PREFIX = "/api/agents"

Number = Annotated[int, PathParameter(ge=1, le=wire.HIGHEST)]


def router() -> APIRouter:
    """The routes of definitions."""
    routes = APIRouter(prefix=PREFIX, route_class=StrictRoute, tags=["agents"])
    _add_reads(routes)
    _add_history(routes)
    _add_writes(routes)
    _add_capabilities(routes)
    return routes


def _add_reads(routes: APIRouter) -> None:
    @routes.get("", response_model=list[wire.AgentView])
    async def find(
        caller: Reader,
        agents: Agents,
        asked: Annotated[wire.AgentsQuery, Query()],
        request: Request,
    ) -> Response:
        """The definitions, the newest first; `Link` leads to more."""
        page, after = await agents.find(
            _wanted(asked),
            namespace=caller.namespace,
            limit=asked.limit,
            after=place_of(asked.cursor),
        )
        headers = following(request.url, after)
        return answer([document_of(one) for one in page], headers=headers)

    @routes.get("/{agent_id}", response_model=wire.AgentView)
    async def get(caller: Reader, agents: Agents, agent_id: AgentId) -> Response:
        """A definition; its entity tag is for `If-Match`."""
        found = await agents.get(agent_id, namespace=caller.namespace)
        return answer(document_of(found), revision=found.revision)


def _add_history(routes: APIRouter) -> None:
    @routes.get("/{agent_id}/versions", response_model=list[wire.VersionView])
    async def versions(
        caller: Reader,
        agents: Agents,
        agent_id: AgentId,
        asked: Annotated[wire.VersionsQuery, Query()],
        request: Request,
    ) -> Response:
        """The history, the newest version first; `Link` leads to more."""
        page, before = await agents.versions(
            agent_id, namespace=caller.namespace, limit=asked.limit, before=asked.before
        )
        headers = following(request.url, str(before) if before else None, "before")
        return answer([version_document(one) for one in page], headers=headers)

    # Before the route with a number in its place.
    @routes.get("/{agent_id}/versions/diff", response_model=wire.Difference)
    async def difference(
        caller: Reader,
        agents: Agents,
        agent_id: AgentId,
        asked: Annotated[wire.DifferenceQuery, Query()],
    ) -> Response:
        """What makes version `to` of version `from`, as a JSON Patch (RFC 6902)."""
        found = await agents.get(agent_id, namespace=caller.namespace)
        new = asked.to_version or found.version
        old = asked.from_version or max(1, new - 1)
        steps = await agents.compare(agent_id, old, new, namespace=caller.namespace)
        return answer(
            {
                "agent_id": agent_id,
                "from_version": str(old),
                "to_version": str(new),
                "operations": steps,
            }
        )

    @routes.get("/{agent_id}/versions/{version}", response_model=wire.VersionView)
    async def version(
        caller: Reader, agents: Agents, agent_id: AgentId, version: Number
    ) -> Response:
        """One version. It never changes."""
        await agents.get(agent_id, namespace=caller.namespace)
        found = await agents.version(agent_id, version, namespace=caller.namespace)
        return answer(version_document(found))


def _add_writes(routes: APIRouter) -> None:
    @routes.post("", response_model=wire.AgentView)
    async def create(
        caller: Writer,
        agents: Agents,
        body: wire.AgentCreate,
        request: Request,
        key: IdempotencyKey = None,
    ) -> Response:
        """Make a definition, of what document 3 or document 4 gives."""
        if key is not None:
            check_line("Idempotency-Key", key, MAX_NAME)
        change = change_of(fields(body, "id", "status", "reason"))
        made = await agents.create(
            change, by(caller, body.reason), agent_id=body.id, status=body.status, key=key
        )
        audit_subject(request.scope, made.id)
        headers = {"Location": f"{PREFIX}/{quote(made.id, safe='')}"}
        return answer(document_of(made), revision=made.revision, headers=headers)

    @routes.patch("/{agent_id}", response_model=wire.AgentView)
    async def update(
        caller: Writer,
        agents: Agents,
        agent_id: AgentId,
        body: wire.AgentFields,
        if_match: IfMatch = None,
    ) -> Response:
        """Have a definition say something else, as its next version."""
        done = await agents.update(
            agent_id,
            change_of(fields(body, "reason")),
            by(caller, body.reason),
            accepted(if_match),
        )
        return answer(document_of(done), revision=done.revision)

    @routes.delete("/{agent_id}")
    async def delete(
        caller: Writer, agents: Agents, agent_id: AgentId, if_match: IfMatch = None
    ) -> wire.Done:
        """Delete a definition. Its id and its history are kept."""
        await agents.delete(agent_id, by(caller), accepted(if_match))
        return wire.Done()

    @routes.patch("/{agent_id}/status", response_model=wire.AgentView)
    async def move(
        caller: Writer,
        agents: Agents,
        agent_id: AgentId,
        body: wire.StatusChange,
        if_match: IfMatch = None,
    ) -> Response:
        """Give a definition another status; it makes no version."""
        done = await agents.move(agent_id, body.status, by(caller, body.reason), accepted(if_match))
        return answer(document_of(done), revision=done.revision)

    @routes.post("/{agent_id}/revert", response_model=wire.AgentView)
    async def revert(
        caller: Writer,
        agents: Agents,
        agent_id: AgentId,
        body: wire.Revert,
        if_match: IfMatch = None,
    ) -> Response:
        """Have a definition say again what it said once, as a new version."""
        done = await agents.revert(
            agent_id, number_of(body.version), by(caller, body.reason), accepted(if_match)
        )
        return answer(document_of(done), revision=done.revision)


def _add_capabilities(routes: APIRouter) -> None:
    @routes.post("/{agent_id}/capabilities/{capability_id}", response_model=wire.Done)
    async def attach(
        caller: Writer,
        capabilities: Capabilities,
        agent_id: AgentId,
        capability_id: CapabilityId,
        configuration: Annotated[dict[str, Any] | None, Body()] = None,
        if_match: IfMatch = None,
    ) -> Response:
        """Give an agent a capability; the body is its configuration."""
        done = await capabilities.add_capability_to_agent(
            agent_id, capability_id, configuration or {}, by(caller), accepted(if_match)
        )
        return answer(wire.Done().model_dump(), revision=done.revision)

    @routes.delete("/{agent_id}/capabilities/{capability_id}", response_model=wire.Done)
    async def detach(
        caller: Writer,
        capabilities: Capabilities,
        agent_id: AgentId,
        capability_id: CapabilityId,
        if_match: IfMatch = None,
    ) -> Response:
        """Take a capability from an agent."""
        done = await capabilities.remove_capability_from_agent(
            agent_id, capability_id, by(caller), accepted(if_match)
        )
        return answer(wire.Done().model_dump(), revision=done.revision)


def _wanted(asked: wire.AgentsQuery) -> Wanted:
    for field in ("name", "industry", "capability", "tag"):
        text: str | None = getattr(asked, field)
        if text is not None:
            check_line(field, text, wire.MAX_WORD)
    return Wanted(
        name=asked.name,
        status=asked.status,
        industry=asked.industry,
        capability=asked.capability,
        tag=asked.tag,
        q=None if asked.q is None else check_text("q", asked.q, wire.MAX_WORD),
    )
