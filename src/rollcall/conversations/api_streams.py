# SPDX-License-Identifier: Apache-2.0
"""A turn as server-sent events.

    accepted        the turn, as `GET .../turns/{turn_id}` tells of it
    started         {"turn_id", "started_at"}: the model was asked
    text            {"text"}: put it behind the text before
    reset           {}: the text before was not the answer, the model went on to call tools
    tool_started    {"call_id", "name", "service", "arguments"}
    tool_finished   the call, with `call_id`, `arguments` and `result`
    done            the body that the answer without a stream would have had
    failed          the problem that it would have been

`done` or `failed` is the last one, and the only one with an id: whoever comes back with it has
heard everything.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec

from rollcall.conversations.models import (
    TextPart,
    TextReset,
    ToolFinished,
    ToolStarted,
    Turn,
    TurnChanged,
    TurnStatus,
    Update,
)
from rollcall.conversations.ports import Conversations
from rollcall.conversations.problems import unanswered
from rollcall.conversations.translate import answer_to, tool_detail, turn_to
from rollcall.web.sse import ServerEvent, closed

_encode = msgspec.json.Encoder().encode


async def told(conversations: Conversations, turn: Turn) -> AsyncIterator[ServerEvent]:
    """What happens to a turn, from its beginning to its end."""
    yield ServerEvent(turn_to(turn).model_dump_json().encode(), "accepted")
    updates = conversations.follow(turn)
    try:
        async for update in updates:
            event = server_event(update)
            if event is not None:
                yield event
    finally:
        await closed(updates)


def server_event(update: Update) -> ServerEvent | None:
    """An update on the wire; None: it says nothing that was not said."""
    match update:
        case TextPart(text):
            return ServerEvent(_encode({"text": text}), "text")
        case TextReset():
            return ServerEvent(b"{}", "reset")
        case ToolStarted():
            said = {
                "call_id": update.call_id,
                "name": update.name,
                "service": update.service,
                "arguments": update.arguments,
            }
            return ServerEvent(_encode(said), "tool_started")
        case ToolFinished(run):
            return ServerEvent(tool_detail(run).model_dump_json().encode(), "tool_finished")
        case TurnChanged(turn):
            return _changed(turn)


def _changed(turn: Turn) -> ServerEvent | None:
    if turn.status is TurnStatus.ACCEPTED:
        return None
    if turn.status is TurnStatus.RUNNING:
        said = {"turn_id": turn.id, "started_at": turn.started_at}
        return ServerEvent(_encode(said), "started")
    if turn.status is TurnStatus.ANSWERED:
        return ServerEvent(answer_to(turn).model_dump_json().encode(), "done", turn.id)
    return ServerEvent(bytes(unanswered(turn).body), "failed", turn.id)
