# SPDX-License-Identifier: Apache-2.0
"""How HTTP asks for memories."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from msgspec import UNSET

from rollcall.kernel.caller import ADMIN, Caller, NotPermitted
from rollcall.kernel.clock import Clock, utc
from rollcall.kernel.errors import InvalidInput
from rollcall.memory import wire
from rollcall.memory.models import Memory, Receipt
from rollcall.memory.service import MemoryService
from rollcall.web.callers import Reader, Writer
from rollcall.web.lines import check_line
from rollcall.web.paging import link
from rollcall.web.preconditions import etag, expected
from rollcall.web.services import service
from rollcall.web.strict import StrictRoute

Memories = Annotated[MemoryService[Any], Depends(service("memory_service"))]


async def _memory_id(memory_id: str) -> str:
    return check_line("memory_id", memory_id)


async def _agent_id(agent_id: str) -> str:
    return check_line("agent_id", agent_id)


MemoryId = Annotated[str, Depends(_memory_id)]
AgentId = Annotated[str, Depends(_agent_id)]
IfMatch = Annotated[str | None, Header(description="The `ETag` of the version that was seen.")]


def router(clock: Clock) -> APIRouter:
    """The routes of memories, under `/api`.

    Args:
        clock: Says until when a memory that is given a time to live stays.
    """
    routes = APIRouter(prefix="/api", tags=["memories"], route_class=StrictRoute)
    _add_whole(routes, clock)
    _add_single(routes)
    return routes


def _add_whole(routes: APIRouter, clock: Clock) -> None:
    @routes.post(
        "/memories",
        status_code=201,
        responses={200: {"model": wire.AddedView, "description": "It was there already."}},
    )
    async def add(
        caller: Writer, memories: Memories, body: wire.NewMemory, response: Response
    ) -> wire.AddedView:
        """Keep a memory. The same content with the same filters is kept once."""
        if body.expires_at is not None and body.ttl_seconds is not None:
            raise InvalidInput("ttl_seconds", "must not be given together with expires_at")
        expires_at = body.expires_at
        if body.ttl_seconds is not None:
            expires_at = utc(clock.now()) + timedelta(seconds=body.ttl_seconds)
        memory = await memories.add_memory(
            body.content,
            body.filters.model_dump(exclude_none=True),
            body.metadata,
            expires_at=expires_at,
            namespace=caller.namespace,
        )
        response.headers["ETag"] = etag(memory.version)
        response.status_code = 200 if memory.duplicate else 201
        return wire.AddedView(**dict(memory))

    @routes.get("/memories")
    async def several(
        caller: Reader,
        memories: Memories,
        asked: Annotated[wire.ListQuery, Query()],
        request: Request,
        response: Response,
    ) -> list[wire.MemoryView]:
        """Memories of a user, an agent or a session, the newest first; `Link` leads to more."""
        _check_everywhere(caller, everywhere=asked.everywhere)
        found, before = await memories.list_memories(
            asked.model_dump(include={"user_id", "agent_id", "session_id"}, exclude_none=True),
            asked.limit,
            before=asked.cursor,
            everywhere=asked.everywhere,
            namespace=caller.namespace,
        )
        return _page(found, before, request, response)

    @routes.get("/agents/{agent_id}/memories")
    async def of_agent(
        caller: Reader,
        memories: Memories,
        agent_id: AgentId,
        asked: Annotated[wire.AgentQuery, Query()],
        request: Request,
        response: Response,
    ) -> list[wire.MemoryView]:
        """An agent's memories, the newest first; `Link` leads to more."""
        found, before = await memories.list_memories(
            {"agent_id": agent_id}, asked.limit, before=asked.cursor, namespace=caller.namespace
        )
        return _page(found, before, request, response)

    @routes.post("/memories/search")
    async def search(caller: Reader, memories: Memories, body: wire.SearchIn) -> wire.SearchAnswer:
        """Memories that answer a query by their words or by their meaning, the best first."""
        _check_everywhere(caller, everywhere=body.everywhere)
        found = await memories.search_memories(
            body.query,
            body.filters.model_dump(exclude_none=True),
            body.limit,
            metadata=body.metadata,
            since=body.since,
            until=body.until,
            everywhere=body.everywhere,
            namespace=caller.namespace,
        )
        hits = [wire.HitView(**dict(hit)) for hit in found]
        return wire.SearchAnswer(memories=hits, total_count=len(hits), semantic=found.semantic)

    @routes.post("/memories/erase")
    async def erase(caller: Writer, memories: Memories, body: wire.EraseIn) -> wire.ReceiptView:
        """Erase all memories of a user, an agent or a session with everything that came from
        them: history, embeddings, indexes, facts of the graph, previews in events. With `dry_run`
        it only says what that would be.
        """
        receipt = await memories.erase(
            body.filters.model_dump(exclude_none=True),
            dry_run=body.dry_run,
            namespace=caller.namespace,
        )
        return _receipt(receipt)


def _add_single(routes: APIRouter) -> None:
    @routes.get("/memories/{memory_id}")
    async def one(
        caller: Reader, memories: Memories, memory_id: MemoryId, response: Response
    ) -> wire.MemoryView:
        """A memory; its `ETag` is its version."""
        memory = await memories.get_memory(memory_id, namespace=caller.namespace)
        response.headers["ETag"] = etag(memory.version)
        return wire.MemoryView(**dict(memory))

    @routes.patch("/memories/{memory_id}")
    async def change(
        caller: Writer,
        memories: Memories,
        memory_id: MemoryId,
        body: wire.MemoryPatch,
        response: Response,
        if_match: IfMatch = None,
    ) -> wire.MemoryView:
        """Change a memory; what it said before is kept as its history."""
        if "content" in body.model_fields_set and body.content is None:
            raise InvalidInput("content", "must be text: leave it out to keep what is there")
        memory = await memories.update_memory(
            memory_id,
            body.content,
            body.metadata,
            expires_at=body.expires_at if "expires_at" in body.model_fields_set else UNSET,
            version=await _seen(memories, caller, memory_id, if_match),
            namespace=caller.namespace,
        )
        response.headers["ETag"] = etag(memory.version)
        return wire.MemoryView(**dict(memory))

    @routes.delete("/memories/{memory_id}")
    async def delete(
        caller: Writer, memories: Memories, memory_id: MemoryId, if_match: IfMatch = None
    ) -> wire.Deleted:
        """Delete a memory with everything that came from it alone."""
        await memories.delete_memory(
            memory_id,
            version=await _seen(memories, caller, memory_id, if_match),
            namespace=caller.namespace,
        )
        return wire.Deleted(message=f"memory {memory_id} was deleted", memory_id=memory_id)

    @routes.get("/memories/{memory_id}/history")
    async def history(
        caller: Reader, memories: Memories, memory_id: MemoryId
    ) -> list[wire.VersionView]:
        """All versions of a memory, the one that it is at last."""
        versions = await memories.get_memory_history(memory_id, namespace=caller.namespace)
        return [wire.VersionView(**dict(version)) for version in versions]


async def _seen(
    memories: MemoryService[Any], caller: Caller, memory_id: str, if_match: str | None
) -> int | None:
    """The version that a write must find; None: any."""
    if if_match is None:
        return None
    current = await memories.get_memory(memory_id, namespace=caller.namespace)
    return expected(if_match, current.version)


def _check_everywhere(caller: Caller, *, everywhere: bool) -> None:
    if everywhere and not caller.may(ADMIN):
        raise NotPermitted("looking at everybody's memories needs the scope admin", scope=ADMIN)


def _page(
    found: Sequence[Memory], before: int | None, request: Request, response: Response
) -> list[wire.MemoryView]:
    if before is not None:
        response.headers["Link"] = link(request.url, str(before))
    return [wire.MemoryView(**dict(memory)) for memory in found]


def _receipt(receipt: Receipt) -> wire.ReceiptView:
    return wire.ReceiptView(
        filters=receipt.filters.as_dict(),
        dry_run=receipt.dry_run,
        removed=receipt.removed,
        scrubbed=receipt.scrubbed,
        at=receipt.at,
    )
