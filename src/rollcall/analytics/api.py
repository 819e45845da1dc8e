# SPDX-License-Identifier: Apache-2.0
"""How HTTP tells of conversations, and asks for them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request, Response

from rollcall.analytics import wire
from rollcall.analytics.figures import ConversationFigure
from rollcall.analytics.periods import MOST_DAYS
from rollcall.analytics.questions import Span
from rollcall.analytics.service import AnalyticsService
from rollcall.kernel.caller import Caller
from rollcall.web.callers import Reader, Writer
from rollcall.web.lines import check_line
from rollcall.web.paging import link
from rollcall.web.services import service
from rollcall.web.strict import StrictRoute

Analytics = Annotated[AnalyticsService[Any], Depends(service("analytics_service"))]


async def _conversation_id(conversation_id: str) -> str:
    return check_line("conversation_id", conversation_id, wire.MAX_ID)


ConversationId = Annotated[str, Depends(_conversation_id)]
Key = Annotated[
    str | None,
    Header(max_length=wire.MAX_ID, description="Told again with the same one, it is kept once."),
]


def router() -> APIRouter:
    """The routes of conversations, under `/api`."""
    routes = APIRouter(prefix="/api", tags=["conversations"], route_class=StrictRoute)

    @routes.post(
        "/conversations",
        status_code=201,
        responses={200: {"model": ConversationFigure, "description": "It was there already."}},
    )
    async def add(
        caller: Writer,
        analytics: Analytics,
        body: wire.NewConversation,
        response: Response,
        idempotency_key: Key = None,
    ) -> ConversationFigure:
        """Tell of a conversation that was held elsewhere. Told again, it is kept once."""
        key = wire.checked("Idempotency-Key", idempotency_key)
        kept, new = await analytics.record(caller.namespace, body.told(), key)
        response.status_code = 201 if new else 200
        return kept

    @routes.get("/conversations")
    async def several(
        caller: Reader,
        analytics: Analytics,
        asked: Annotated[wire.ListQuery, Query()],
        request: Request,
        response: Response,
    ) -> list[ConversationFigure]:
        """Conversations, the newest first; `Link` leads to more."""
        found, following = await analytics.conversations(
            caller.namespace,
            agent_id=wire.checked("agent_id", asked.agent_id),
            session_id=wire.checked("session_id", asked.session_id),
            span=await _span(analytics, caller, asked),
            before=asked.before,
            offset=asked.offset,
            limit=asked.limit,
        )
        if following is not None:
            url = request.url.remove_query_params("offset")
            response.headers["Link"] = link(url, wire.cursor_of(following))
        return found

    @routes.get("/conversations/{conversation_id}")
    async def one(
        caller: Reader, analytics: Analytics, conversation_id: ConversationId
    ) -> ConversationFigure:
        """A conversation."""
        return await analytics.conversation(caller.namespace, conversation_id)

    @routes.delete("/conversations/{conversation_id}")
    async def delete(
        caller: Writer, analytics: Analytics, conversation_id: ConversationId
    ) -> wire.Deleted:
        """Erase what was said in a conversation, and list it no more; its numbers stay."""
        await analytics.delete(caller.namespace, conversation_id)
        return wire.Deleted(conversation_id=conversation_id)

    return routes


async def _span(
    analytics: AnalyticsService[Any], caller: Caller, asked: wire.ListQuery
) -> Span | None:
    if asked.first is None and asked.last is None:
        return None
    days = await analytics.reports.period(
        caller.namespace, days=MOST_DAYS, first=asked.first, last=asked.last
    )
    return days.span
