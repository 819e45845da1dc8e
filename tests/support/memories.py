# SPDX-License-Identifier: Apache-2.0
"""What tests of memories stand on: a small encoder, an owner of derived data, a whole service."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from rollcall.backends.memories import memory_store
from rollcall.backends.sql.database import Database
from rollcall.backends.sql.redaction import EventRedaction
from rollcall.backends.sql.unit_of_work import SqlUnitOfWork
from rollcall.events.envelope import Event, from_json
from rollcall.kernel.clock import Clock
from rollcall.kernel.errors import MissingExtra
from rollcall.kernel.ids import RandomIds
from rollcall.memory.meaning import Meaning
from rollcall.memory.module import BLANKS
from rollcall.memory.service import MemoryService
from rollcall.registry.meaning import Encoder, Vectors

SUBJECTS = (("tea", "coffee", "drink"), ("train", "ticket", "travel"), ("rain", "snow", "weather"))


class SubjectEncoder:
    """Knows three subjects, by a few words of each."""

    dimension = 3

    def __init__(self, name: str = "subjects") -> None:
        self.name = name

    def encode(self, texts: Sequence[str]) -> Vectors:
        counts = [[sum(word in one for word in words) for words in SUBJECTS] for one in texts]
        found = np.array(counts, np.float32).reshape(len(texts), self.dimension)
        lengths = np.linalg.norm(found, axis=1, keepdims=True)
        return np.divide(found, lengths, out=np.zeros_like(found), where=lengths > 0)


class NoEncoder:
    """One whose extra is not installed."""

    name = "none"
    dimension = 3

    def encode(self, texts: Sequence[str]) -> Vectors:
        raise MissingExtra("semantic search", "semantic")


class Notes:
    """Somebody who keeps a note of each memory, and lets go of it with the memory."""

    def __init__(self) -> None:
        self.kept: dict[str, set[str]] = {}

    async def forget(
        self, work: SqlUnitOfWork, namespace: str, memory_ids: Sequence[str]
    ) -> dict[str, int]:
        there = self.kept.setdefault(namespace, set())
        gone = there & set(memory_ids)
        there -= gone
        return {"notes": len(gone)}

    async def count(
        self, connection: AsyncConnection, namespace: str, memory_ids: Sequence[str]
    ) -> dict[str, int]:
        return {"notes": len(self.kept.get(namespace, set()) & set(memory_ids))}


def memories_in(
    database: Database,
    url: str,
    clock: Clock,
    encoder: Encoder | None = None,
    notes: Notes | None = None,
) -> MemoryService[SqlUnitOfWork]:
    """The service as it is put together, over a database that is open."""
    derived: list[Any] = [EventRedaction(BLANKS)]
    if notes is not None:
        derived.append(notes)
    store = memory_store(database, url)
    return MemoryService(store, clock, RandomIds(), Meaning(encoder), derived)


async def told(database: Database) -> list[Event]:
    """All events of the log, in order."""
    async with database.reading() as connection:
        rows = await connection.execute(text("SELECT event FROM outbox ORDER BY position"))
        return [from_json(row.event) for row in rows]
