# SPDX-License-Identifier: Apache-2.0
"""How HTTP takes messages in. Searching them is a tool, and asked for as tools are."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request

from rollcall.tools.messages.service import MessageSearch
from rollcall.tools.messages.wire import ImportAnswer
from rollcall.web.callers import Writer

IMPORT: Final = "/messages/import"
"""Its body may be of any length, since it is read piece by piece."""
MEDIA_TYPE: Final = "application/x-ndjson"


_BODY: Final = {
    "requestBody": {
        "required": True,
        "content": {MEDIA_TYPE: {"schema": {"type": "string", "description": "JSON lines"}}},
    }
}


def router(search: MessageSearch) -> APIRouter:
    """The route of imports, for the scope `register`."""
    routes = APIRouter(tags=["messages"])

    @routes.post(IMPORT, openapi_extra=_BODY)
    async def take(
        caller: Writer,
        request: Request,
        dry_run: Annotated[
            bool, Query(description="Only say what would be done, and write nothing.")
        ] = False,
    ) -> ImportAnswer:
        """Take in messages as JSON lines, however many, to be found by searches.

        Each line is an object with `text` and `sent_at` (with an offset), and perhaps `id`,
        `conversation_id`, `sender_id` and `metadata`. A message whose id is there already is left
        as it is, so that what was broken off can be sent again. Lines that cannot be taken are
        told of, and the others taken all the same.
        """
        return await search.take(caller.namespace, request.stream(), dry_run=dry_run)

    return routes
