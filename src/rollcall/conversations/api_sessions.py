# SPDX-License-Identifier: Apache-2.0
"""How HTTP asks for sessions and their turns."""

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from starlette.responses import StreamingResponse

from rollcall.conversations import translate, wire
from rollcall.conversations.api_export import ENDINGS, MEDIA_TYPES, Format, exported
from rollcall.conversations.api_streams import told
from rollcall.conversations.models import Turn, TurnStatus
from rollcall.conversations.ports import Conversations
from rollcall.kernel.clock import Clock
from rollcall.web.callers import Reader, Writer
from rollcall.web.drain import Drain
from rollcall.web.lines import check_id, check_line
from rollcall.web.paging import link
from rollcall.web.sse import EventStream

EVENTS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Server-sent events: `accepted`, `started`, `text`, `reset`,"
        " `tool_started`, `tool_finished`, and at last `done` or `failed`.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    },
    204: {"description": "`Last-Event-ID` is that of the last event."},
}
FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The session as a file.",
        "content": {
            "application/json": {"schema": {"type": "object"}},
            "application/x-ndjson": {"schema": {"type": "string"}},
            "text/markdown": {"schema": {"type": "string"}},
        },
    }
}


async def _session_id(session_id: str) -> str:
    return translate.session_id(session_id)


async def _turn_id(turn_id: str) -> str:
    return check_id("turn_id", turn_id, wire.MAX_NAME)


SessionId = Annotated[str, Depends(_session_id)]
TurnId = Annotated[str, Depends(_turn_id)]


def add_sessions(
    routes: APIRouter, conversations: Conversations, clock: Clock, drain: Drain
) -> None:
    """Declare the routes."""
    _add_reads(routes, conversations)
    _add_writes(routes, conversations)

    @routes.get(
        "/sessions/{session_id}/turns/{turn_id}/events",
        response_class=Response,
        responses=EVENTS,
    )
    async def follow(
        caller: Reader,
        session_id: SessionId,
        turn_id: TurnId,
        last_event_id: Annotated[str | None, Header(max_length=wire.MAX_NAME)] = None,
    ) -> Response:
        """Follow a turn, from its beginning to its end. Leaving does not end it."""
        turn = await conversations.turn(caller.namespace, session_id, turn_id)
        if last_event_id == turn.id:
            # The one answer after which an EventSource does not come back.
            return Response(status_code=204)
        return EventStream(told(conversations, turn), clock, drain, ends=True)


def _add_reads(routes: APIRouter, conversations: Conversations) -> None:
    @routes.get("/sessions")
    async def sessions(
        caller: Reader,
        asked: Annotated[wire.SessionsQuery, Query()],
        request: Request,
        response: Response,
    ) -> list[wire.SessionView]:
        """The conversations, the one that changed last first; `Link` leads to more."""
        page, cursor = await conversations.sessions(
            caller.namespace,
            user_id=translate.line("user_id", asked.user_id),
            agent_id=translate.line("agent_id", asked.agent_id),
            limit=asked.limit,
            after=None if asked.cursor is None else check_line("cursor", asked.cursor, 1000),
        )
        if cursor is not None:
            response.headers["Link"] = link(request.url, cursor)
        return [translate.session_to(one) for one in page]

    @routes.get("/sessions/{session_id}")
    async def session(
        caller: Reader,
        session_id: SessionId,
        asked: Annotated[wire.TurnsQuery, Query()],
        request: Request,
        response: Response,
    ) -> wire.SessionDetail:
        """A conversation with its turns, in order; `Link` leads to more."""
        found = await conversations.session(caller.namespace, session_id)
        page = await conversations.turns(
            caller.namespace, session_id, limit=asked.limit + 1, after=asked.after
        )
        if len(page) > asked.limit:
            page = page[: asked.limit]
            response.headers["Link"] = link(request.url, str(page[-1].number), "after")
        return wire.SessionDetail(
            session=translate.session_to(found), turns=[translate.turn_to(one) for one in page]
        )

    @routes.get("/sessions/{session_id}/turns/{turn_id}")
    async def turn(caller: Reader, session_id: SessionId, turn_id: TurnId) -> wire.TurnView:
        """A message, and where its answer stands."""
        found = await conversations.turn(caller.namespace, session_id, turn_id)
        return translate.turn_to(found)

    @routes.get("/sessions/{session_id}/export", response_class=Response, responses=FILE)
    async def export(
        caller: Reader,
        session_id: SessionId,
        shape: Annotated[Format, Query(alias="format")] = "json",
    ) -> Response:
        """A conversation as a file, with all that was said and all tools that ran."""
        found = await conversations.session(caller.namespace, session_id)
        name = quote(f"{session_id}.{ENDINGS[shape]}", safe="")
        return StreamingResponse(
            exported(conversations, found, shape),
            media_type=MEDIA_TYPES[shape],
            headers={"Content-Disposition": f"attachment; filename*=UTF-8''{name}"},
        )


def _add_writes(routes: APIRouter, conversations: Conversations) -> None:
    @routes.delete("/sessions/{session_id}")
    async def delete(caller: Writer, session_id: SessionId) -> wire.Deleted:
        """Delete a conversation. What is under way in it is called off first."""
        count = await conversations.delete(caller.namespace, session_id)
        return wire.Deleted(message=f"session {session_id} was deleted", deleted_turns=count)

    @routes.post("/sessions/{session_id}/cancel")
    async def cancel_all(caller: Writer, session_id: SessionId) -> wire.Cancelled:
        """Call off whatever is under way in a conversation, and what waits behind it."""
        done: list[str] = []
        # The last first, so that none of them begins when the one before it ends.
        for one in reversed(await under_way(conversations, caller.namespace, session_id)):
            ended = await conversations.cancel(caller.namespace, session_id, one.id)
            if ended.status is TurnStatus.CANCELLED:
                done.insert(0, ended.id)
        message = f"{len(done)} turn{'' if len(done) == 1 else 's'} called off"
        return wire.Cancelled(message=message, turns=done)

    @routes.post("/sessions/{session_id}/turns/{turn_id}/cancel")
    async def cancel(caller: Writer, session_id: SessionId, turn_id: TurnId) -> wire.TurnView:
        """Call a turn off, and wait until it has ended. One that had ended stays as it is."""
        ended = await conversations.cancel(caller.namespace, session_id, turn_id)
        return translate.turn_to(ended)


async def under_way(
    conversations: Conversations, namespace: str, session_id: str, *, page: int = 100
) -> list[Turn]:
    """The turns of a session that have not ended: the last ones, since they end in order.

    Raises:
        SessionNotFound: There is no such session.
    """
    found: list[Turn] = []
    end = (await conversations.session(namespace, session_id)).turns
    while end > 0:
        start = max(0, end - page)
        turns = await conversations.turns(namespace, session_id, limit=end - start, after=start)
        waiting = [one for one in turns if not one.status.ended]
        found = waiting + found
        if len(waiting) < len(turns):
            break
        end = start
    return found
