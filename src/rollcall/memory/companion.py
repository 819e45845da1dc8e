# SPDX-License-Identifier: Apache-2.0
"""What the agent service asks of memories: what is known of a user, and what is to be remembered.

All of it stays within the user's scope; without a user the session is the scope.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Protocol

from rollcall.kernel.words import words
from rollcall.memory.checking import MAX_QUERY
from rollcall.memory.models import Memory
from rollcall.memory.noticing import Notice, notices
from rollcall.memory.service import MemoryService

LIMIT: Final = 5


class Noticing(Protocol):
    """Decides what of a message is worth remembering: a model, where one is configured."""

    async def notices(self, text: str) -> Sequence[Notice]:
        """What a user's message gives to remember; none is an answer too."""
        ...


class ByPhrase:
    """Decides by known turns of phrase, without a model."""

    async def notices(self, text: str) -> Sequence[Notice]:
        return notices(text)


class Companion:
    """Memories for conversations.

    Args:
        memories: Where they are.
        noticing: Decides what is remembered.
    """

    def __init__(self, memories: MemoryService[Any], noticing: Noticing | None = None) -> None:
        self._memories = memories
        self._noticing = noticing or ByPhrase()

    async def recall(
        self,
        namespace: str,
        user_id: str | None,
        session_id: str,
        text: str,
        limit: int = LIMIT,
    ) -> list[str]:
        """What is remembered that may help to answer a message: what fits it, the best first, and
        behind that the newest. Texts of the user: data for a model, never instructions.

        Args:
            namespace: The tenant.
            user_id: Who says it; None: nobody knows, and the session's memories count.
            session_id: Where it is said.
            text: The message.
            limit: How many at most.
        """
        filters = _scope(user_id, session_id)
        newest, _ = await self._memories.list_memories(filters, limit, namespace=namespace)
        if not newest:
            # As in every new session: a search asks far more, to find nothing.
            return []
        found: list[Memory] = []
        # Bare words: what stands between them is not meant in the language of queries.
        asked = " ".join(word.folded for word in words(text))[:MAX_QUERY]
        if asked:
            hits = await self._memories.search_memories(asked, filters, limit, namespace=namespace)
            found = [hit.memory for hit in hits]
        found += newest
        return list(dict.fromkeys(memory.content for memory in found))[:limit]

    async def remember(
        self, namespace: str, user_id: str | None, session_id: str, text: str
    ) -> list[Memory]:
        """Remember what a message gives to remember; those memories, known ones among them.

        Said twice it is remembered once, so a message may be given again after a failure.
        """
        metadata = {"source": "conversation", "session_id": session_id}
        return [
            await self._memories.add_memory(
                notice.text,
                _scope(user_id, session_id),
                {**metadata, "kind": notice.kind.value},
                namespace=namespace,
            )
            for notice in await self._noticing.notices(text)
        ]


def _scope(user_id: str | None, session_id: str) -> dict[str, str]:
    return {"session_id": session_id} if user_id is None else {"user_id": user_id}
