# SPDX-License-Identifier: Apache-2.0
"""What memories are about: kept once, searched by words and meaning, and gone when deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Generic

import msgspec
from msgspec import UNSET, UnsetType

from rollcall.events.log import WorkT
from rollcall.kernel.clock import Clock, utc
from rollcall.kernel.ids import IdSource
from rollcall.memory import checking, telling
from rollcall.memory.errors import MemoryChanged, MemoryExists, MemoryNotFound
from rollcall.memory.forgetting import Forgetting
from rollcall.memory.meaning import Meaning
from rollcall.memory.models import (
    MAX_LIMIT,
    MAX_PAGE,
    PREFIX,
    Filters,
    Found,
    Memory,
    MemoryVersion,
    Receipt,
    Selection,
)
from rollcall.memory.ports import Derived, Encoded, Holder, MemoryStore
from rollcall.memory.searching import Search
from rollcall.memory.terms import content_hash
from rollcall.memory.upkeep import Upkeep
from rollcall.registry.models import DEFAULT_NAMESPACE

SWEEP_EVERY: Final = 60.0
"""Seconds between looks for what has expired; it is not found any more at once."""

_DIGITS: Final = 24
_DEPTH: Final = 50
"""Places of each ranking that count, if not more are asked for."""
_BATCH: Final = 200


class MemoryService(Generic[WorkT]):
    """Memories of users, agents and sessions.

    Args:
        store: Where they are kept; units of work that change them begin there.
        clock: Time.
        ids: Randomness.
        meaning: Finds them by meaning too.
        derived: Who keeps what comes from memories; told of deletions in the same unit of work.
        holders: Who keeps more of users, agents and sessions, which an erasure removes too.
    """

    def __init__(
        self,
        store: MemoryStore[WorkT],
        clock: Clock,
        ids: IdSource,
        meaning: Meaning | None = None,
        derived: Sequence[Derived[WorkT]] = (),
        holders: Sequence[Holder[WorkT]] = (),
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._meaning = meaning or Meaning(None)
        self._search = Search(store, self._meaning)
        self._forgetting = Forgetting(store, derived, holders)
        self.upkeep = Upkeep(store, self._forgetting, self._meaning, clock)
        """What goes on beside the requests."""

    async def add_memory(
        self,
        content: str,
        filters: Filters | Mapping[str, str | None],
        metadata: Mapping[str, Any] | None = None,
        *,
        expires_at: datetime | None = None,
        namespace: str = DEFAULT_NAMESPACE,
    ) -> Memory:
        """Remember something. The same content in the same scope, all filters together, is kept
        once: what is there is returned as it is, with `duplicate` set.

        Args:
            content: What to remember; white space around it is left out.
            filters: Whose it is: at least one of `user_id`, `agent_id`, `session_id`.
            metadata: What else is known of it, an object of JSON.
            expires_at: When it is to be forgotten; has an offset.

        Raises:
            InvalidInput: Something of it cannot be kept.
        """
        content = checking.content_of(content)
        now = self._clock.now()
        memory = Memory(
            id=PREFIX + self._ids.hex(_DIGITS),
            namespace=namespace,
            content=content,
            filters=checking.scoped(filters),
            metadata=checking.metadata_of(metadata),
            content_hash=content_hash(content),
            created_at=utc(now),
            updated_at=utc(now),
            expires_at=checking.moment("expires_at", expires_at, after=now),
        )
        encoded = await self._encoded(content)
        async with self._store.begin() as work:
            known = await self._store.add(work, memory, encoded)
            if known is not None and _expired(known, now):
                await self._forgetting.forget(work, namespace, [known.id], utc(now))
                known = await self._store.add(work, memory, encoded)
            if known is not None:
                return msgspec.structs.replace(known, duplicate=True)
            work.publish(telling.created(memory))
        return memory

    async def get_memory(self, memory_id: str, *, namespace: str = DEFAULT_NAMESPACE) -> Memory:
        """A memory.

        Raises:
            MemoryNotFound: There is none.
        """
        memory = await self._store.get(namespace, memory_id)
        if memory is None or _expired(memory, self._clock.now()):
            raise MemoryNotFound(memory_id)
        return memory

    async def get_memories_for_agent(
        self, agent_id: str, limit: int = MAX_PAGE, *, namespace: str = DEFAULT_NAMESPACE
    ) -> list[Memory]:
        """An agent's memories, the newest first."""
        found, _ = await self.list_memories({"agent_id": agent_id}, limit, namespace=namespace)
        return found

    async def list_memories(
        self,
        filters: Filters | Mapping[str, str | None],
        limit: int = MAX_LIMIT,
        *,
        before: int | None = None,
        everywhere: bool = False,
        namespace: str = DEFAULT_NAMESPACE,
    ) -> tuple[list[Memory], int | None]:
        """Memories of a scope, the newest first; and `before` of the next page, if there is one.

        Args:
            filters: Whose, all of it together.
            limit: How many at most.
            before: Where the page before has ended.
            everywhere: Whether no filters mean everybody's memories; else they are refused.
        """
        checking.limit_of(limit, MAX_PAGE)
        selection = Selection(
            filters=checking.whose(filters, everywhere=everywhere), now=self._clock.now()
        )
        found = await self._store.select(namespace, selection, limit=limit + 1, before=before)
        following = found[limit - 1].number if len(found) > limit else None
        return [one.memory for one in found[:limit]], following

    async def search_memories(
        self,
        query: str,
        filters: Filters | Mapping[str, str | None],
        limit: int = 10,
        *,
        metadata: Mapping[str, Any] | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        everywhere: bool = False,
        namespace: str = DEFAULT_NAMESPACE,
    ) -> Found:
        """The memories of a scope that answer a query by their words or by their meaning.

        Args:
            query: Words, in the language of `rollcall.kernel.word_query`. Where fewer than `limit`
                have all of them, those that have some come behind.
            filters: Whose, all of it together.
            limit: How many at most.
            metadata: Keys that their metadata has, with these values.
            since: Only those created then or later; has an offset.
            until: Only those created before; has an offset.
            everywhere: Whether no filters mean everybody's memories; else they are refused.

        Raises:
            InvalidInput: The query names no word to look for, or something else cannot be used.
        """
        selection = Selection(
            filters=checking.whose(filters, everywhere=everywhere),
            metadata=checking.conditions_of(metadata),
            since=checking.seconds("since", since),
            until=checking.seconds("until", until),
            now=self._clock.now(),
        )
        return await self._search.find(namespace, checking.query_of(query), selection, limit)

    async def update_memory(
        self,
        memory_id: str,
        content: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        *,
        expires_at: datetime | UnsetType | None = UNSET,
        version: int | None = None,
        namespace: str = DEFAULT_NAMESPACE,
    ) -> Memory:
        """Change a memory. What it said before is kept as its history.

        Args:
            content: What it says now; None: as before.
            metadata: Keys to set; one that is None is removed, others stay (RFC 7396).
            expires_at: When it is to be forgotten; None: never.
            version: The version that the caller has seen; None: whatever it is.

        Raises:
            MemoryNotFound: There is none.
            MemoryChanged: It is at another version.
            MemoryExists: Another one of its scope says that already.
            InvalidInput: Something of it cannot be kept.
        """
        now = self._clock.now()
        content = None if content is None else checking.content_of(content)
        if expires_at is not UNSET:
            expires_at = checking.moment("expires_at", expires_at, after=now)
        encoded = None if content is None else await self._encoded(content)
        async with self._store.begin() as work:
            memory = await self._store.locked(work, namespace, memory_id)
            if memory is None or _expired(memory, now):
                raise MemoryNotFound(memory_id)
            if version is not None and version != memory.version:
                raise MemoryChanged(memory_id, version, memory.version)
            said = memory.content if content is None else content
            changed = msgspec.structs.replace(
                memory,
                content=said,
                content_hash=content_hash(said),
                metadata=checking.merged(memory.metadata, metadata or {}),
                expires_at=memory.expires_at if expires_at is UNSET else expires_at,
            )
            if changed == memory:
                return memory
            changed = msgspec.structs.replace(
                changed, version=memory.version + 1, updated_at=utc(now)
            )
            other = await self._store.replace(work, changed, encoded)
            if other is not None and _expired(other, now):
                await self._forgetting.forget(work, namespace, [other.id], utc(now))
                other = await self._store.replace(work, changed, encoded)
            if other is not None:
                raise MemoryExists(other.id)
            work.publish(telling.updated(changed))
        return changed

    async def delete_memory(
        self, memory_id: str, *, version: int | None = None, namespace: str = DEFAULT_NAMESPACE
    ) -> None:
        """Delete a memory with everything that came from it alone.

        Args:
            version: The version that the caller has seen; None: whatever it is.

        Raises:
            MemoryNotFound: There is none.
            MemoryChanged: It is at another version.
        """
        now = self._clock.now()
        async with self._store.begin() as work:
            memory = await self._store.locked(work, namespace, memory_id)
            if memory is None or _expired(memory, now):
                raise MemoryNotFound(memory_id)
            if version is not None and version != memory.version:
                raise MemoryChanged(memory_id, version, memory.version)
            await self._forgetting.forget(work, namespace, [memory_id], utc(now))

    async def get_memory_history(
        self, memory_id: str, *, namespace: str = DEFAULT_NAMESPACE
    ) -> list[MemoryVersion]:
        """All versions of a memory, the one that it is at last.

        Raises:
            MemoryNotFound: There is none.
        """
        memory = await self.get_memory(memory_id, namespace=namespace)
        # It may have changed since; what came before the version that was seen never does.
        earlier = [
            one
            for one in await self._store.history(namespace, memory_id)
            if one.version < memory.version
        ]
        newest = MemoryVersion(
            memory_id=memory.id,
            version=memory.version,
            content=memory.content,
            metadata=memory.metadata,
            at=memory.updated_at,
        )
        return [*earlier, newest]

    async def erase(
        self,
        filters: Filters | Mapping[str, str | None],
        *,
        dry_run: bool = False,
        namespace: str = DEFAULT_NAMESPACE,
    ) -> Receipt:
        """Remove all memories of a scope, with everything that came from them, and what was said
        in its conversations, from every store and from the files of the database.

        Asked again, after it was broken off, it goes on where it was.

        Args:
            filters: Whose, all of it together; at least one.
            dry_run: Whether only to say what would be removed.

        Raises:
            InvalidInput: The filters are empty, or none that there are.
            StillTalking: A message of the scope is being answered; nothing was erased.
        """
        whose = checking.scoped(filters)
        at = utc(self._clock.now())
        if dry_run:
            there = await self._forgetting.held(namespace, whose)
            return Receipt(filters=whose, dry_run=True, removed=there, scrubbed=False, at=at)
        gone = await self._forgetting.erase(namespace, whose, at)
        scrubbed = await self._forgetting.scrub()
        return Receipt(filters=whose, dry_run=False, removed=gone, scrubbed=scrubbed, at=at)

    async def _encoded(self, content: str) -> Encoded | None:
        vectors = await self._meaning.encoded([content])
        return None if vectors is None else vectors[0]


def _expired(memory: Memory, now: float) -> bool:
    return memory.expires_at is not None and memory.expires_at.timestamp() <= now
