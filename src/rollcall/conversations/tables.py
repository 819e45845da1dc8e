# SPDX-License-Identifier: Apache-2.0
"""The tables of sessions and turns, and what their rows mean."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Boolean, Column, Double, Index, Integer, MetaData, Row, Table, Text

from rollcall.conversations.models import Exchange, Session, ToolRun, Turn, TurnStatus, Usage
from rollcall.kernel.clock import utc

METADATA: Final = MetaData()

SESSIONS: Final = Table(
    "conversation_sessions",
    METADATA,
    Column("namespace", Text, primary_key=True),
    Column("session_id", Text, primary_key=True),
    Column("agent_id", Text, nullable=False),
    Column("agent_version", Integer, comment="that it began with; null: of no definition"),
    Column("user_id", Text),
    Column("title", Text, nullable=False),
    Column("turns", Integer, nullable=False),
    Column("created_at", Double, nullable=False, comment="seconds since the epoch"),
    Column("updated_at", Double, nullable=False, comment="seconds since the epoch"),
    Index("ix_conversation_sessions_updated", "namespace", "updated_at", "session_id"),
)

TURNS: Final = Table(
    "conversation_turns",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("namespace", Text, nullable=False),
    Column("session_id", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("user_input", Text, nullable=False),
    Column("response", Text, nullable=False),
    Column("created_at", Double, nullable=False, comment="seconds since the epoch"),
    Column("owner", Text, nullable=False, comment="who sent it"),
    Column("idempotency_key", Text),
    Column("fingerprint", Text, nullable=False, comment="of what was asked"),
    Column("runner", Text, nullable=False, comment="the process that answers it"),
    Column("alive_at", Double, nullable=False, comment="when that process last said so"),
    Column("call_off", Boolean, nullable=False, comment="whether it is to be cancelled"),
    Column("body", Text, nullable=False, comment="what else it is made of, in JSON"),
    Index("uq_conversation_turns_number", "namespace", "session_id", "number", unique=True),
    Index("uq_conversation_turns_key", "namespace", "owner", "idempotency_key", unique=True),
    # Few turns are under way: those are looked for all the time.
    Index(
        "ix_conversation_turns_open",
        "runner",
        sqlite_where=(Column("status", Text).in_(("accepted", "running"))),
        postgresql_where=(Column("status", Text).in_(("accepted", "running"))),
    ),
)


class _Body(msgspec.Struct, omit_defaults=True):
    """What a row keeps as JSON."""

    agent_id: str
    agent_version: int | None = None
    user_id: str | None = None
    model: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    error: str | None = None
    error_type: str | None = None
    tools: tuple[ToolRun, ...] = ()
    usage: Usage | None = None
    history: tuple[Exchange, ...] | None = None
    instructions: str = ""
    correlation_id: str = ""


_BODY: Final = _Body.__struct_fields__
_decode: Final = msgspec.json.Decoder(_Body).decode


def body_of(turn: Turn) -> str:
    """What a row keeps as JSON."""
    return msgspec.json.encode(_Body(**{name: getattr(turn, name) for name in _BODY})).decode()


def row_of(turn: Turn) -> dict[str, Any]:
    """The row of a turn, without what only the store knows."""
    return {
        "id": turn.id,
        "namespace": turn.namespace,
        "session_id": turn.session_id,
        "number": turn.number,
        "status": turn.status.value,
        "user_input": turn.user_input,
        "response": turn.response,
        "created_at": turn.created_at.timestamp(),
        "owner": turn.owner,
        "idempotency_key": turn.idempotency_key,
        "body": body_of(turn),
    }


def turn_of(row: Row[Any]) -> Turn:
    """The turn of a row."""
    body = _decode(row.body)
    return Turn(
        id=row.id,
        namespace=row.namespace,
        session_id=row.session_id,
        number=row.number,
        user_input=row.user_input,
        response=row.response,
        status=TurnStatus(row.status),
        created_at=utc(row.created_at),
        owner=row.owner,
        idempotency_key=row.idempotency_key,
        **{name: getattr(body, name) for name in _BODY},
    )


def session_of(row: Row[Any]) -> Session:
    """The session of a row."""
    return Session(
        namespace=row.namespace,
        session_id=row.session_id,
        agent_id=row.agent_id,
        agent_version=row.agent_version,
        user_id=row.user_id,
        title=row.title,
        turns=row.turns,
        created_at=utc(row.created_at),
        updated_at=utc(row.updated_at),
    )
