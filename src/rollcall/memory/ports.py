# SPDX-License-Identifier: Apache-2.0
"""What memories need: a store, and to be heard by whoever derives something from them.

Corner cases, stated once for every store (`rollcall.testing.memory_store_contract` checks them):

- What was written in a unit of work is there once `begin` was left without an error, and not at
  all otherwise.
- Content is there once in its scope (the filters as a whole), whoever adds it at the same moment.
- What a search by words finds is what `word_query.matches` says of the first `terms.MOST_WORDS`
  folded words of each memory, no more and no less. The order is an engine's own: its score, the
  best first, then the newest first.
- A namespace's memories are found in that namespace alone, and what has expired nowhere.
- A search costs what the narrowest scope of its filters holds, not what the store holds.
- `StoreUnavailable` is raised where nothing was written, and `OutcomeUnknown` where that cannot be
  said.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from rollcall.events.log import Transactions, WorkT, WorkT_contra
from rollcall.kernel.word_query import Query
from rollcall.memory.models import Memory, MemoryVersion, Selection


class Derived(Protocol[WorkT_contra]):
    """Somebody who keeps what came from memories, and lets go of it with them."""

    async def forget(
        self, work: WorkT_contra, namespace: str, memory_ids: Sequence[str], /
    ) -> dict[str, int]:
        """Remove in `work` what came from these memories alone; how many of what.

        Args:
            memory_ids: At most 500; none: all there is to say is the names, each with 0.
        """
        ...

    async def count(
        self, connection: Any, namespace: str, memory_ids: Sequence[str], /
    ) -> dict[str, int]:
        """What `forget` would remove.

        Args:
            connection: Of the store's `reading`.
        """
        ...


class Holder(Protocol[WorkT_contra]):
    """Somebody who keeps more of users, agents and sessions than memories: what they have said."""

    async def settle(self, namespace: str, filters: Mapping[str, str], /) -> None:
        """Have what is under way end, so that it can be erased; outside of any unit of work."""
        ...

    async def erase(
        self, work: WorkT_contra, namespace: str, filters: Mapping[str, str], at: datetime, /
    ) -> dict[str, int]:
        """Remove in `work` what all the filters together fit; how many of what.

        Raises:
            StillTalking: More of it is just being said.
        """
        ...

    async def held(
        self, connection: Any, namespace: str, filters: Mapping[str, str], /
    ) -> dict[str, int]:
        """What `erase` would remove."""
        ...

    async def tidy(self) -> None:
        """Have indexes let go of what was removed, before files are written anew."""
        ...


class Encoded(NamedTuple):
    """A vector of what a memory means, and by whom."""

    encoder: str
    vector: bytes


class Numbered(NamedTuple):
    """A memory at its place in the store: later ones have higher numbers."""

    number: int
    memory: Memory


class MemoryStore(Transactions[WorkT], Derived[WorkT], Protocol[WorkT]):
    """Memories with their history, the index of their words, and their vectors.

    Its own `forget` removes all of that.
    """

    def reading(self) -> AbstractAsyncContextManager[Any]:
        """A connection in a transaction that only reads."""
        ...

    async def add(self, work: WorkT, memory: Memory, encoded: Encoded | None) -> Memory | None:
        """Keep a new memory. Where its scope has the content already, that memory is returned,
        expired or not, and nothing is changed; else None.
        """
        ...

    async def replace(self, work: WorkT, memory: Memory, encoded: Encoded | None) -> Memory | None:
        """Keep a new version of a memory that `locked` returned, and the old one as history. Where
        another one of its scope has the content, that memory is returned, expired or not, and
        nothing is changed; else None.

        Args:
            encoded: What the new content means; looked at where the content is another one.
        """
        ...

    async def locked(self, work: WorkT, namespace: str, memory_id: str) -> Memory | None:
        """A memory, expired or not, that nobody else changes before the end of `work`."""
        ...

    async def get(self, namespace: str, memory_id: str) -> Memory | None:
        """A memory, expired or not."""
        ...

    async def history(self, namespace: str, memory_id: str) -> list[MemoryVersion]:
        """The versions of a memory before the one it is at, the oldest first."""
        ...

    async def select(
        self, namespace: str, selection: Selection, *, limit: int, before: int | None = None
    ) -> list[Numbered]:
        """Memories, the newest first.

        Args:
            limit: How many at most.
            before: Only those with lower numbers.
        """
        ...

    async def ids(self, within: Any, namespace: str, selection: Selection) -> list[str]:
        """The ids of all these memories.

        Args:
            within: A unit of work, or what `reading` gave.
        """
        ...

    async def by_words(
        self, namespace: str, query: Query, selection: Selection, limit: int
    ) -> list[int]:
        """The numbers of the memories that answer a query, the best first."""
        ...

    async def vectors(
        self, namespace: str, selection: Selection, encoder: str, limit: int
    ) -> list[tuple[int, bytes]]:
        """The numbers and vectors of memories that have one of this encoder, the newest first."""
        ...

    async def numbered(self, namespace: str, numbers: Collection[int]) -> Mapping[int, Memory]:
        """The memories with these numbers that are still there, at most 1,000."""
        ...

    async def expired(self, work: WorkT, now: float, limit: int) -> list[tuple[str, str]]:
        """Namespaces and ids of memories that have expired by then."""
        ...

    async def unencoded(self, encoder: str, limit: int) -> list[Numbered]:
        """Memories that have no vector of this encoder, of any namespace."""
        ...

    async def encode(self, work: WorkT, vectors: Sequence[tuple[Numbered, Encoded]]) -> None:
        """Keep vectors of memories, as far as those are still there and at that version."""
        ...

    async def scrub(self) -> bool:
        """Have what was removed leave the database's files too.

        Returns:
            Whether it has; False: somebody is reading them. Where the database runs on a server of
            its own, that is its business, and the answer is True.
        """
        ...
