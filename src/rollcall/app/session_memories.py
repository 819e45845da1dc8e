# SPDX-License-Identifier: Apache-2.0
"""What was remembered within a session goes with the session."""

from __future__ import annotations

from typing import Any, Final

from rollcall.events.envelope import Event
from rollcall.events.subscriptions import Sink
from rollcall.memory.errors import MemoryNotFound
from rollcall.memory.models import Filters, Memory
from rollcall.memory.service import MemoryService
from rollcall.web.module import Module

GROUP: Final = "memories-of-sessions"
_PAGE: Final = 100


def session_memories(memories: MemoryService[Any]) -> Module:
    """A module that deletes what is remembered in the scope of a session, once that is deleted.

    What is remembered of a user stays: it is the user's, whatever session it was said in.
    """

    async def forget(event: Event) -> None:
        whose = Filters(session_id=event.data["session_id"])
        found: list[Memory] = []
        cursor = None
        while True:
            page, cursor = await memories.list_memories(
                whose, _PAGE, before=cursor, namespace=event.namespace
            )
            found += page
            if cursor is None:
                break
        for one in found:
            # A session of the same name may have begun since.
            if one.filters != whose or one.created_at > event.time:
                continue
            try:
                await memories.delete_memory(one.id, namespace=event.namespace)
            except MemoryNotFound:
                continue

    wanted = Sink(GROUP, frozenset({"conversation.deleted"}), forget)
    return Module(name="session-memories", subscriptions=(wanted,))
