# SPDX-License-Identifier: Apache-2.0
"""How HTTP asks for document 2."""

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Query, Request, Response

from rollcall.protocols.access import namespace_for
from rollcall.protocols.agent_registry import questions, wire
from rollcall.protocols.agent_registry.operations import AgentOperations
from rollcall.protocols.bodies import strict_route
from rollcall.protocols.parameters import Read, Where
from rollcall.protocols.preconditions import reached
from rollcall.web.audit import audit_subject
from rollcall.web.callers import Reader, Writer
from rollcall.web.lines import check_id
from rollcall.web.paging import link
from rollcall.web.preconditions import IfMatch, etag


async def _agent_id(agent_id: str) -> str:
    return check_id("agent_id", agent_id)


async def _runtime(runtime: str) -> str:
    return check_id("runtime", runtime)


AgentId = Annotated[str, Depends(_agent_id)]
Runtime = Annotated[str, Depends(_runtime)]


def router(agents: AgentOperations) -> APIRouter:
    """The routes of document 2."""
    routes = APIRouter(route_class=strict_route(agents.service), tags=["agent registry"])
    _add_writes(routes, agents)
    _add_reads(routes, agents)
    return routes


def _add_writes(routes: APIRouter, agents: AgentOperations) -> None:
    @routes.post("/register")
    async def register(
        caller: Writer, place: Where, agent: wire.AgentRegistration, request: Request
    ) -> wire.Registered:
        """Register an agent, or register it again."""
        audit_subject(request.scope, agent.agent_id)
        return await agents.register(caller, namespace_for(caller, place.namespace), agent)

    @routes.post("/register/batch")
    async def register_batch(
        caller: Writer, place: Where, batch: wire.AgentBatch, request: Request
    ) -> wire.BatchRegistered:
        """Register many agents at once; each has its own outcome."""
        audit_subject(request.scope, ", ".join(agent.agent_id for agent in batch.agents)[:1000])
        return await agents.register_many(caller, namespace_for(caller, place.namespace), batch)

    @routes.post("/heartbeats")
    async def heartbeats(
        caller: Writer, place: Where, beats: wire.HeartbeatBatch
    ) -> wire.HeartbeatBatchAnswer:
        """Heartbeats of many agents, or of all of a runtime; `/ws/heartbeats` takes the same."""
        return await agents.heartbeats(caller, namespace_for(caller, place.namespace), beats)

    @routes.delete("/runtimes/{runtime:path}")
    async def release(caller: Writer, place: Where, runtime: Runtime) -> wire.RuntimeReleased:
        """A runtime leaves, with all agents that share its lease."""
        return await agents.release(caller, namespace_for(caller, place.namespace), runtime)

    @routes.post("/agents/{agent_id:path}/heartbeat")
    async def heartbeat(
        caller: Writer,
        place: Where,
        agent_id: AgentId,
        beat: Annotated[wire.Heartbeat | None, Body()] = None,
    ) -> wire.HeartbeatAnswer:
        """A sign of life. 404: register again."""
        namespace = namespace_for(caller, place.namespace)
        return await agents.heartbeat(caller, namespace, agent_id, beat or wire.Heartbeat())

    @routes.patch("/agents/{agent_id:path}/status")
    async def report(
        caller: Writer,
        place: Where,
        agent_id: AgentId,
        update: wire.StatusUpdate,
        response: Response,
        if_match: IfMatch = None,
    ) -> wire.AgentInfo:
        """Report a status, as the agent or as an operator. It is no sign of life."""
        namespace = namespace_for(caller, place.namespace)
        view = await agents.report(caller, namespace, agent_id, update.status, if_match)
        response.headers["ETag"] = etag(view.revision)
        return agents.info(view)

    @routes.patch("/agents/{agent_id:path}")
    async def patch(
        caller: Writer,
        place: Where,
        agent_id: AgentId,
        change: wire.AgentPatch,
        response: Response,
        if_match: IfMatch = None,
    ) -> wire.AgentInfo:
        """Change what is given; keys of metadata that are null go."""
        namespace = namespace_for(caller, place.namespace)
        view = await agents.patch(caller, namespace, agent_id, change, if_match)
        response.headers["ETag"] = etag(view.revision)
        return agents.info(view)

    @routes.delete("/agents/{agent_id:path}")
    async def deregister(
        caller: Writer, place: Where, agent_id: AgentId, if_match: IfMatch = None
    ) -> wire.Deregistered:
        """Remove an agent."""
        namespace = namespace_for(caller, place.namespace)
        return await agents.deregister(caller, namespace, agent_id, if_match)


def _add_reads(routes: APIRouter, agents: AgentOperations) -> None:
    service = agents.service

    @routes.get("/agents")
    async def list_agents(
        caller: Reader,
        asked: Annotated[wire.ListQuery, Query()],
        request: Request,
        response: Response,
    ) -> list[wire.AgentInfo]:
        """Agents by name; the next page is in the `Link` header."""
        namespace = namespace_for(caller, asked.namespace)
        await reached(service, asked.min_revision)
        page, more = agents.page(namespace, asked)
        if more is not None:
            response.headers["Link"] = link(request.url, more)
        return page

    @routes.get("/agents/{agent_id:path}/explain")
    async def explain(
        caller: Reader, asked: Annotated[wire.ExplainQuery, Query()], agent_id: AgentId
    ) -> wire.Explanation:
        """Why an agent is, or is not, in the answer to a question."""
        namespace = namespace_for(caller, asked.namespace)
        await reached(service, asked.min_revision)
        return await questions.explain(service, namespace, agent_id, asked)

    @routes.get("/agents/{agent_id:path}")
    async def get_agent(
        caller: Reader, asked: Read, agent_id: AgentId, response: Response
    ) -> wire.AgentInfo:
        """One agent, or record of any other kind."""
        namespace = namespace_for(caller, asked.namespace)
        await reached(service, asked.min_revision)
        view = service.get(namespace, agent_id)
        response.headers["ETag"] = etag(view.revision)
        return agents.info(view)

    @routes.get("/capabilities/search")
    async def search(
        caller: Reader, asked: Annotated[wire.SearchQuery, Query()]
    ) -> list[wire.CapabilityHit]:
        """Capabilities that match words, best first, one row for each."""
        namespace = namespace_for(caller, asked.namespace)
        await reached(service, asked.min_revision)
        return await questions.search(service, agents.metrics, namespace, asked)

    @routes.get("/health/{agent_id:path}")
    async def agent_health(caller: Reader, asked: Read, agent_id: AgentId) -> wire.AgentHealth:
        """How well an agent is, and what that rests on."""
        namespace = namespace_for(caller, asked.namespace)
        await reached(service, asked.min_revision)
        return questions.health(service, namespace, agent_id)

    @routes.get("/stats")
    async def stats(caller: Reader, asked: Read) -> wire.AgentStats:
        """How many agents there are of each status."""
        namespace = namespace_for(caller, asked.namespace)
        await reached(service, asked.min_revision)
        return questions.stats(service, namespace)
