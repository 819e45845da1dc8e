# SPDX-License-Identifier: Apache-2.0
"""Search by words and by meaning, whose rankings become one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, Generic

from rollcall.events.log import WorkT
from rollcall.kernel.word_query import Clause, Query, holds, parse, relaxed
from rollcall.memory import checking
from rollcall.memory.meaning import MOST, Meaning
from rollcall.memory.models import MAX_LIMIT, Found, Hit, Memory, Selection
from rollcall.memory.ports import MemoryStore
from rollcall.memory.ranking import fused
from rollcall.memory.terms import indexed

_DEPTH: Final = 50
"""Places of each ranking that count, if not more are asked for."""


class Search(Generic[WorkT]):
    """Finds memories.

    Args:
        store: Where they are.
        meaning: Finds them by meaning too.
    """

    def __init__(self, store: MemoryStore[WorkT], meaning: Meaning) -> None:
        self._store = store
        self._meaning = meaning

    async def find(self, namespace: str, query: str, selection: Selection, limit: int) -> Found:
        """The memories of a selection that answer a query, the best first.

        Raises:
            InvalidInput: The query names no word to look for, or the limit is none.
        """
        checking.limit_of(limit, MAX_LIMIT)
        asked = parse(query)
        depth = max(limit, _DEPTH)
        texts, means = await asyncio.gather(
            self._by_words(namespace, asked, selection, depth),
            self._by_meaning(namespace, query, asked, selection, depth),
        )
        best = fused({"text": texts, "meaning": means or ()})[:limit]
        memories = await self._store.numbered(namespace, [one.number for one in best])
        hits = [
            Hit(memory=memories[one.number], score=one.score, matched=one.matched)
            for one in best
            # One of them may have gone meanwhile.
            if one.number in memories
        ]
        return Found(hits, semantic=means is not None)

    async def _by_words(
        self, namespace: str, query: Query, selection: Selection, depth: int
    ) -> list[int]:
        found = await self._store.by_words(namespace, query, selection, depth)
        loose = relaxed(query)
        if loose is None or len(found) >= depth:
            return found
        more = await self._store.by_words(namespace, loose, selection, depth)
        return list(dict.fromkeys([*found, *more]))[:depth]

    async def _by_meaning(
        self, namespace: str, text: str, query: Query, selection: Selection, depth: int
    ) -> list[int] | None:
        asked = await self._meaning.encoded([text])
        if asked is None:
            return None
        encoder, vector = asked[0]
        rows = await self._store.vectors(namespace, selection, encoder, MOST)
        near = await self._meaning.nearest(vector, rows, depth)
        unwanted = query.unwanted
        if not unwanted:
            return near
        memories = await self._store.numbered(namespace, near)
        return [
            number
            for number in near
            if number in memories and not _has_any(memories[number], unwanted)
        ]


def _has_any(memory: Memory, clauses: Sequence[Clause]) -> bool:
    said = indexed(memory.content)
    return any(holds(said, clause) for clause in clauses)
