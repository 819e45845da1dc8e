# SPDX-License-Identifier: Apache-2.0
"""What a memory is, whose it is, and what narrows a search down.

Memories, versions and hits can be read by attribute and, as document 3 does, by key:
`memory.id`, `memory["memory_id"]`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

PREFIX: Final = "mem_"
"""What ids of memories begin with."""
MAX_CONTENT: Final = 20_000
"""Characters of a memory."""
MAX_METADATA: Final = 16_384
"""Bytes of a memory's metadata as JSON."""
MAX_SCOPE_ID: Final = 256
"""Characters of the id of a user, an agent or a session."""
MAX_LIMIT: Final = 100
"""Memories that one search finds."""
MAX_PAGE: Final = 1_000
"""Memories of one page of a list."""
PREVIEW: Final = 100
"""Characters of a memory that events tell (document 3)."""


class Filters(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whose a memory is; of a search: whose memories are looked at, all that is said together.

    Args:
        user_id: The user's; None: nobody's, or of a search whoever's.
        agent_id: The agent's.
        session_id: The session's.
    """

    user_id: str | None = None
    agent_id: str | None = None
    session_id: str | None = None

    def __bool__(self) -> bool:
        """Whether they say anything at all."""
        return any(True for _ in self)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """What they say, the narrowest first: a session is a user's, an agent has many users."""
        for name in ("session_id", "user_id", "agent_id"):
            value: str | None = getattr(self, name)
            if value is not None:
                yield name, value

    def as_dict(self) -> dict[str, str]:
        """What they say, by name, as callers give them."""
        return dict(sorted(self, reverse=True))


class _ByKey(msgspec.Struct, frozen=True, kw_only=True):
    """Can be read as if it were a dict: `dict(it)` makes one of it."""

    def keys(self) -> tuple[str, ...]:
        return self.__struct_fields__

    def get(self, key: str, default: Any = None) -> Any:
        try:
            return self[key]
        except KeyError:
            return default

    def __contains__(self, key: object) -> bool:
        return key in self.keys()

    def __getitem__(self, key: str) -> Any:
        if key not in self:
            raise KeyError(key)
        return getattr(self, key)


class Memory(_ByKey, frozen=True, kw_only=True):
    """Something to be remembered.

    Args:
        id: `mem_...`.
        namespace: The tenant.
        content: What it says.
        filters: Whose it is.
        metadata: What else is known of it, an object of JSON.
        content_hash: Of the content, in hexadecimal digits.
        created_at: UTC.
        updated_at: UTC; when this version was made.
        expires_at: UTC; from then on it is not there any more. None: it stays.
        version: From 1 on, one more with each change.
        duplicate: Of one that was to be added: it was there already, and nothing was changed.
    """

    id: str
    namespace: str
    content: str
    filters: Filters
    metadata: dict[str, Any]
    content_hash: str
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None = None
    version: int = 1
    duplicate: bool = False

    @property
    def memory_id(self) -> str:
        """The id, as document 3 calls it."""
        return self.id

    def keys(self) -> tuple[str, ...]:
        return ("memory_id", *self.__struct_fields__)

    def __getitem__(self, key: str) -> Any:
        if key == "filters":
            return self.filters.as_dict()
        return super().__getitem__(key)


class MemoryVersion(_ByKey, frozen=True, kw_only=True):
    """What a memory said once, or says now.

    Args:
        memory_id: The memory.
        version: From 1 on.
        content: What it said.
        metadata: What else was known of it.
        at: UTC; when it began to say so.
    """

    memory_id: str
    version: int
    content: str
    metadata: dict[str, Any]
    at: datetime


class Hit(_ByKey, frozen=True, kw_only=True):
    """A memory that was found. Scores are compared within one answer only: more is better.

    Args:
        memory: Itself; its own keys lead to its fields here too.
        score: By reciprocal ranks, see `ranking`.
        matched: By what: `text`, `meaning`, or both.
    """

    memory: Memory
    score: float
    matched: tuple[str, ...]

    def keys(self) -> tuple[str, ...]:
        return (*self.memory.keys(), "score", "matched")

    def __getitem__(self, key: str) -> Any:
        return self.memory[key] if key in self.memory else super().__getitem__(key)


class Found(list[Hit]):
    """The hits of a search, the best first.

    Args:
        hits: Those.
        semantic: Whether meaning was looked at. It is not where no encoder is installed.
    """

    def __init__(self, hits: list[Hit], *, semantic: bool) -> None:
        super().__init__(hits)
        self.semantic = semantic


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Which memories of a namespace count, by all that is said together.

    Args:
        filters: Whose; empty: everybody's.
        metadata: Keys that their metadata has with these values: text, numbers, booleans or null.
        since: Those created then or later, in seconds since the epoch.
        until: Those created before.
        now: Those that have not expired then; None: those that have as well.
    """

    filters: Filters = Filters()
    metadata: Mapping[str, Any] = {}
    since: float | None = None
    until: float | None = None
    now: float | None = None


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What an erasure has removed, or would.

    Args:
        filters: Whose memories.
        dry_run: Whether nothing was removed, and this is what would be.
        removed: How many entries of each store: `memories`, `history`, `embeddings`,
            `search_index`, `events` (redacted, since others count on their order), and those of
            whoever derives from memories. Of conversations `conversations`, `turns` and `messages`.
        scrubbed: Whether nothing of it is left in the files of the database either. False: those
            were in use, and it is left to the database to write over it.
        at: UTC.
    """

    filters: Filters
    dry_run: bool
    removed: dict[str, int]
    scrubbed: bool
    at: datetime
