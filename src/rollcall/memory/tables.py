# SPDX-License-Identifier: Apache-2.0
"""The tables of memories, and what their rows mean."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Row,
    Table,
    Text,
)

from rollcall.kernel.clock import utc
from rollcall.memory.models import Filters, Memory
from rollcall.memory.terms import scope

METADATA: Final = MetaData()

NUMBER: Final = BigInteger().with_variant(Integer, "sqlite")

MEMORIES: Final = Table(
    "memories",
    METADATA,
    Column("number", NUMBER, primary_key=True, autoincrement=True),
    Column("namespace", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("user_id", Text),
    Column("agent_id", Text),
    Column("session_id", Text),
    Column("scope", Text, nullable=False, comment="names the three ids together"),
    Column("content_hash", Text, nullable=False),
    Column("created_at", Double, nullable=False, comment="seconds since the epoch"),
    Column("updated_at", Double, nullable=False, comment="seconds since the epoch"),
    Column("expires_at", Double, comment="seconds since the epoch; null: never"),
    Column("version", Integer, nullable=False),
    Column("metadata", Text, nullable=False, comment="an object of JSON"),
    Column("content", Text, nullable=False),
    Index("uq_memories_id", "namespace", "id", unique=True),
    Index("uq_memories_content", "namespace", "scope", "content_hash", unique=True),
    Index("ix_memories_user", "namespace", "user_id", "number"),
    Index("ix_memories_agent", "namespace", "agent_id", "number"),
    Index("ix_memories_session", "namespace", "session_id", "number"),
    Index("ix_memories_expires", "expires_at"),
)

VERSIONS: Final = Table(
    "memory_versions",
    METADATA,
    Column("namespace", Text, primary_key=True),
    Column("memory_id", Text, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("at", Double, nullable=False, comment="seconds since the epoch; when it was made"),
    Column("metadata", Text, nullable=False, comment="an object of JSON"),
    Column("content", Text, nullable=False),
)
"""What memories have said before."""

VECTORS: Final = Table(
    "memory_vectors",
    METADATA,
    Column("number", NUMBER, primary_key=True, autoincrement=False),
    Column("namespace", Text, nullable=False),
    Column("encoder", Text, nullable=False),
    Column("vector", LargeBinary, nullable=False, comment="32-bit floats"),
)
"""What memories mean, as far as somebody has encoded it."""


def row_of(memory: Memory) -> dict[str, Any]:
    """What every engine keeps of a memory."""
    return {
        "namespace": memory.namespace,
        "id": memory.id,
        "user_id": memory.filters.user_id,
        "agent_id": memory.filters.agent_id,
        "session_id": memory.filters.session_id,
        "scope": scope(memory.filters),
        "content_hash": memory.content_hash,
        "created_at": memory.created_at.timestamp(),
        "updated_at": memory.updated_at.timestamp(),
        "expires_at": _seconds(memory.expires_at),
        "version": memory.version,
        "metadata": msgspec.json.encode(memory.metadata).decode(),
        "content": memory.content,
    }


def memory_of(row: Row[Any]) -> Memory:
    """The memory of a row."""
    return Memory(
        id=row.id,
        namespace=row.namespace,
        content=row.content,
        filters=Filters(row.user_id, row.agent_id, row.session_id),
        metadata=msgspec.json.decode(row.metadata),
        content_hash=row.content_hash,
        created_at=utc(row.created_at),
        updated_at=utc(row.updated_at),
        expires_at=None if row.expires_at is None else utc(row.expires_at),
        version=row.version,
    )


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()
