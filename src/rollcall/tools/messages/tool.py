# SPDX-License-Identifier: Apache-2.0
"""Message search as a tool."""

from __future__ import annotations

from typing import Any

from rollcall.tools.declaration import tool
from rollcall.tools.messages import wire
from rollcall.tools.messages.service import MessageSearch
from rollcall.tools.models import Tool, ToolContext


def search_tool(search: MessageSearch) -> Tool[..., Any]:
    """`POST /messages`."""

    @tool(path="/messages", description=wire.DESCRIPTION, idempotent=True, read_only=True)
    async def search_messages(  # noqa: PLR0913 - a parameter for each field of a request
        context: ToolContext,
        *,
        query: wire.QueryText,
        conversation_id: wire.ConversationId = None,
        sender_id: wire.SenderId = None,
        since: wire.Since = None,
        until: wire.Until = None,
        source: wire.OfSource = None,
        limit: wire.Limit = 10,
        relax: wire.Relax = True,
        cursor: wire.Cursor = None,
    ) -> wire.SearchAnswer:
        request = wire.SearchRequest(
            query=query,
            conversation_id=conversation_id,
            sender_id=sender_id,
            since=since,
            until=until,
            source=source,
            limit=limit,
            relax=relax,
            cursor=cursor,
        )
        return await search.search(context.namespace, request)

    return search_messages
