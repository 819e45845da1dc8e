# SPDX-License-Identifier: Apache-2.0
"""The tables of what has happened lately."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from sqlalchemy import BigInteger, Column, Double, MetaData, Row, Table, Text

from rollcall.dashboard.models import Activity
from rollcall.kernel.clock import utc

METADATA: Final = MetaData()

HEADS: Final = Table(
    "dashboard_heads",
    METADATA,
    Column("namespace", Text, primary_key=True),
    Column("last", BigInteger, nullable=False, comment="id of the newest activity"),
)

ACTIVITIES: Final = Table(
    "dashboard_activities",
    METADATA,
    Column("namespace", Text, primary_key=True),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("type", Text, nullable=False),
    Column("at", Double, nullable=False, comment="seconds since the epoch"),
    Column("agent_id", Text),
    Column("message", Text, nullable=False),
    Column("details", Text, nullable=False, comment="JSON"),
)


def activity_of(row: Row[Any]) -> Activity:
    """What a row stands for."""
    return Activity(
        row.id,
        row.type,
        utc(row.at),
        row.agent_id,
        row.message,
        msgspec.json.decode(row.details),
    )
