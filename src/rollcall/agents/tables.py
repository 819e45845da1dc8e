# SPDX-License-Identifier: Apache-2.0
"""The tables of definitions and capabilities, and what their rows mean."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from sqlalchemy import Column, Double, Index, Integer, MetaData, Row, Table, Text

from rollcall.agents.models import (
    Capability,
    Content,
    Definition,
    Priority,
    Status,
    StatusMove,
    Version,
)
from rollcall.kernel.clock import utc

METADATA: Final = MetaData()

DEFINITIONS: Final = Table(
    "agent_definitions",
    METADATA,
    Column("namespace", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("created_at", Double, nullable=False, comment="seconds since the epoch"),
    Column("updated_at", Double, nullable=False, comment="seconds since the epoch"),
    Column("deleted_at", Double, comment="seconds since the epoch"),
    Column("name", Text, nullable=False),
    Column("industry", Text),
    Column("search", Text, nullable=False, comment="what it is found by, case folded"),
    Column("content", Text, nullable=False, comment="JSON"),
    Column("priority", Text, nullable=False, server_default=Priority.MEDIUM.value),
    Index("ix_agent_definitions_created", "namespace", "created_at", "id"),
    Index("ix_agent_definitions_name", "namespace", "name"),
    # Each in the order of a listing, so that a page costs no more than itself.
    Index("ix_agent_definitions_status", "namespace", "status", "created_at", "id"),
    Index("ix_agent_definitions_priority", "namespace", "priority", "created_at", "id"),
    Index("ix_agent_definitions_industry", "namespace", "industry", "created_at", "id"),
    Index("ix_agent_definitions_updated", "namespace", "updated_at", "id"),
)

VERSIONS: Final = Table(
    "agent_versions",
    METADATA,
    Column("namespace", Text, primary_key=True),
    Column("agent_id", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", Double, nullable=False, comment="seconds since the epoch"),
    Column("content", Text, nullable=False, comment="JSON"),
)

MOVES: Final = Table(
    "agent_status_moves",
    METADATA,
    Column("namespace", Text, primary_key=True),
    Column("agent_id", Text, primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("old", Text),
    Column("new", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", Double, nullable=False, comment="seconds since the epoch"),
)

CAPABILITIES: Final = Table(
    "agent_capabilities",
    METADATA,
    Column("namespace", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("tags", Text, nullable=False, comment="JSON"),
    Column("configuration_schema", Text, nullable=False, comment="JSON"),
    Column("revision", Integer, nullable=False),
    Column("created_at", Double, nullable=False, comment="seconds since the epoch"),
    Column("updated_at", Double, nullable=False, comment="seconds since the epoch"),
    Column("search", Text, nullable=False, comment="what it is found by, case folded"),
)

TAGS: Final = Table(
    "agent_capability_tags",
    METADATA,
    Column("namespace", Text, primary_key=True),
    Column("tag", Text, primary_key=True),
    Column("capability_id", Text, primary_key=True),
    Index("ix_agent_capability_tags_capability", "namespace", "capability_id"),
)

ATTACHED: Final = Table(
    "agent_attached",
    METADATA,
    Column("namespace", Text, primary_key=True),
    Column("agent_id", Text, primary_key=True),
    Column("capability_id", Text, primary_key=True),
    # Who has a capability is asked by it.
    Index("ix_agent_attached_capability", "namespace", "capability_id", "agent_id"),
)

_content: Final = msgspec.json.Decoder(Content).decode
_words: Final = msgspec.json.Decoder(tuple[str, ...]).decode
_object: Final = msgspec.json.Decoder(dict[str, Any]).decode


def as_json(value: object) -> str:
    """What a column of JSON holds."""
    return msgspec.json.encode(value).decode()


def folded(*texts: str | None) -> str:
    """What a search by `q` looks at."""
    return "\n".join(text.casefold() for text in texts if text)


def definition_row(one: Definition) -> dict[str, Any]:
    """The row of a definition."""
    content = one.content
    return {
        "namespace": one.namespace,
        "id": one.id,
        "version": one.version,
        "revision": one.revision,
        "status": one.status.value,
        "owner": one.owner,
        "created_at": one.created_at.timestamp(),
        "updated_at": one.updated_at.timestamp(),
        "deleted_at": None if one.deleted_at is None else one.deleted_at.timestamp(),
        "name": content.name,
        "industry": content.industry,
        "priority": content.priority.value,
        "search": folded(
            content.name,
            content.description,
            content.business_name,
            content.business_description,
        ),
        "content": as_json(content),
    }


def definition_of(row: Row[Any]) -> Definition:
    """The definition of a row."""
    return Definition(
        namespace=row.namespace,
        id=row.id,
        version=row.version,
        revision=row.revision,
        status=Status(row.status),
        owner=row.owner,
        created_at=utc(row.created_at),
        updated_at=utc(row.updated_at),
        deleted_at=None if row.deleted_at is None else utc(row.deleted_at),
        content=_content(row.content),
    )


def version_row(one: Version) -> dict[str, Any]:
    """The row of a version."""
    return {
        "namespace": one.namespace,
        "agent_id": one.agent_id,
        "number": one.number,
        "author": one.author,
        "reason": one.reason,
        "at": one.at.timestamp(),
        "content": as_json(one.content),
    }


def version_of(row: Row[Any]) -> Version:
    """The version of a row."""
    return Version(
        namespace=row.namespace,
        agent_id=row.agent_id,
        number=row.number,
        author=row.author,
        reason=row.reason,
        at=utc(row.at),
        content=_content(row.content),
    )


def move_row(one: StatusMove) -> dict[str, Any]:
    """The row of a change of status."""
    return {**msgspec.structs.asdict(one), "at": one.at.timestamp()}


def move_of(row: Row[Any]) -> StatusMove:
    """The change of status of a row."""
    return StatusMove(
        namespace=row.namespace,
        agent_id=row.agent_id,
        revision=row.revision,
        old=None if row.old is None else Status(row.old),
        new=Status(row.new),
        author=row.author,
        reason=row.reason,
        at=utc(row.at),
    )


def capability_row(one: Capability) -> dict[str, Any]:
    """The row of a capability."""
    return {
        **msgspec.structs.asdict(one),
        "tags": as_json(one.tags),
        "configuration_schema": as_json(one.configuration_schema),
        "created_at": one.created_at.timestamp(),
        "updated_at": one.updated_at.timestamp(),
        "search": folded(one.name, one.description),
    }


def capability_of(row: Row[Any]) -> Capability:
    """The capability of a row."""
    return Capability(
        namespace=row.namespace,
        id=row.id,
        name=row.name,
        description=row.description,
        tags=_words(row.tags),
        configuration_schema=_object(row.configuration_schema),
        revision=row.revision,
        created_at=utc(row.created_at),
        updated_at=utc(row.updated_at),
    )
