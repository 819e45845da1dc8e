# SPDX-License-Identifier: Apache-2.0
"""Search by meaning, kept off the event loop: encoding is work for a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from rollcall.registry.index import Index
from rollcall.registry.meaning import Encoder, Meaning, MeaningIndex, Phrase


class SemanticSearch:
    """Ranks the phrases of a namespace by meaning, encoding those that are new first.

    Args:
        index: Whose phrases.
        encoder: Makes the encoder, at the first question.
    """

    def __init__(self, index: Index, encoder: Callable[[], Encoder]) -> None:
        self._index = index
        self._make = encoder
        self._encoder: Encoder | None = None
        self._spaces: dict[str, tuple[int, MeaningIndex]] = {}
        self._syncing = asyncio.Lock()

    async def ranked(self, namespace: str, text: str, limit: int) -> list[Meaning]:
        """The phrases that mean what `text` asks for, best first.

        Raises:
            MissingExtra: There is no encoder.
            InvalidInput: The text holds no word.
        """
        async with self._syncing:
            meanings = await self._synced(namespace)
        return await asyncio.to_thread(meanings.search, text, limit)

    async def _synced(self, namespace: str) -> MeaningIndex:
        for gone in self._spaces.keys() - self._index.namespaces():
            del self._spaces[gone]
        version = self._index.phrase_version(namespace)
        known = self._spaces.get(namespace)
        if known is not None and known[0] == version:
            return known[1]
        phrases = [
            Phrase(pid, capability.name, capability.description, capability.tags)
            for pid, capability in self._index.phrases(namespace)
        ]
        meanings = await asyncio.to_thread(self._sync, known, phrases)
        self._spaces[namespace] = (version, meanings)
        return meanings

    def _sync(self, known: tuple[int, MeaningIndex] | None, phrases: list[Phrase]) -> MeaningIndex:
        if self._encoder is None:
            self._encoder = self._make()
        meanings = MeaningIndex(self._encoder) if known is None else known[1]
        meanings.add(phrases)
        meanings.retain({phrase.pid for phrase in phrases})
        return meanings
