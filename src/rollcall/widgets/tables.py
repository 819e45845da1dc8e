# SPDX-License-Identifier: Apache-2.0
"""The tables of widgets, and what their rows mean."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from sqlalchemy import Boolean, Column, Double, Index, Integer, MetaData, Row, Table, Text

from rollcall.kernel.clock import utc
from rollcall.widgets.models import Content, Figures, Widget

METADATA: Final = MetaData()
NEVER: Final = -1
"""An hour in which nothing was counted."""

WIDGETS: Final = Table(
    "widgets",
    METADATA,
    Column("namespace", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("public_key", Text, nullable=False, comment="pages name it by this; no secret"),
    Column("agent_id", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("paused", Boolean, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("created_at", Double, nullable=False, comment="seconds since the epoch"),
    Column("updated_at", Double, nullable=False, comment="seconds since the epoch"),
    Column("idempotency_key", Text, comment="of the request that made it"),
    Column("fingerprint", Text, nullable=False, comment="of what that request said"),
    Column("content", Text, nullable=False, comment="JSON"),
    Index("ix_widgets_public_key", "public_key", unique=True),
    Index("ix_widgets_key", "namespace", "owner", "idempotency_key", unique=True),
    Index("ix_widgets_created", "namespace", "created_at", "id"),
    Index("ix_widgets_agent", "namespace", "agent_id", "created_at", "id"),
)

VISITORS: Final = Table(
    "widget_visitors",
    METADATA,
    Column("namespace", Text, primary_key=True),
    Column("widget_id", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("heard_at", Double, nullable=False, comment="seconds since the epoch"),
    Column("view_hour", Integer, nullable=False, comment="hours since the epoch; -1: none"),
    Column("interaction_hour", Integer, nullable=False, comment="hours since the epoch; -1: none"),
    Column("messages", Integer, nullable=False),
    Index("ix_widget_visitors_heard", "heard_at"),
)

TURNS: Final = Table(
    "widget_turns",
    METADATA,
    Column("namespace", Text, primary_key=True),
    Column("turn_id", Text, primary_key=True),
    Column("widget_id", Text, nullable=False),
    Column("visitor_id", Text, nullable=False),
    Column("at", Double, nullable=False, comment="seconds since the epoch"),
    Column("failed", Boolean, nullable=False),
    Index("ix_widget_turns_visitor", "namespace", "widget_id", "visitor_id"),
    Index("ix_widget_turns_at", "at"),
)

DAYS: Final = Table(
    "widget_days",
    METADATA,
    Column("namespace", Text, primary_key=True),
    Column("widget_id", Text, primary_key=True),
    Column("day", Text, primary_key=True, comment="UTC, as in 2026-01-31"),
    Column("views", Integer, nullable=False),
    Column("interactions", Integer, nullable=False),
    Column("visitors", Integer, nullable=False),
    Column("conversations", Integer, nullable=False),
    Column("messages", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
)

SCRIPTS: Final = Table(
    "widget_scripts",
    METADATA,
    Column("hash", Text, primary_key=True),
    Column("body", Text, nullable=False),
    Column("kept_at", Double, nullable=False, comment="seconds since the epoch"),
)

FIGURES: Final = Figures.__struct_fields__
_content: Final = msgspec.json.Decoder(Content).decode


def widget_row(widget: Widget) -> dict[str, Any]:
    """A widget as a row."""
    return {
        "namespace": widget.namespace,
        "id": widget.id,
        "public_key": widget.public_key,
        "agent_id": widget.content.agent_id,
        "owner": widget.owner,
        "paused": widget.paused,
        "revision": widget.revision,
        "created_at": widget.created_at.timestamp(),
        "updated_at": widget.updated_at.timestamp(),
        "content": msgspec.json.encode(widget.content).decode(),
    }


def widget_of(row: Row[Any]) -> Widget:
    """The widget of a row."""
    return Widget(
        namespace=row.namespace,
        id=row.id,
        public_key=row.public_key,
        content=_content(row.content),
        paused=row.paused,
        owner=row.owner,
        revision=row.revision,
        created_at=utc(row.created_at),
        updated_at=utc(row.updated_at),
    )


def figures_of(row: Row[Any]) -> Figures:
    """What was counted on the day of a row."""
    return Figures(**{name: getattr(row, name) for name in FIGURES})
