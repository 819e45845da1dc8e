# SPDX-License-Identifier: Apache-2.0
"""Where the registry's changes are told from: one row, moved with the events that it tells of."""

from __future__ import annotations

from typing import Final

from sqlalchemy import CheckConstraint, Column, Integer, Table, Text, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from rollcall.backends.sql.outbox import POSITION
from rollcall.backends.sql.tables import METADATA
from rollcall.registry.feed import Position

RELAY: Final = Table(
    "registry_relay",
    METADATA,
    Column("only", Integer, primary_key=True, autoincrement=False),
    Column("epoch", Text, nullable=False, comment="of the record store; empty: none"),
    Column("revision", POSITION, nullable=False),
    Column("ordinal", POSITION, nullable=False),
    CheckConstraint('"only" = 1', name="only"),
)
"""One row, which is there from its migration on."""

_PLACE: Final = (RELAY.c.epoch, RELAY.c.revision, RELAY.c.ordinal)


async def position(connection: AsyncConnection) -> Position | None:
    """Up to where everything was told; None: nothing ever was."""
    found = Position(*(await connection.execute(select(*_PLACE))).one())
    return found if found.epoch else None


async def advance(connection: AsyncConnection, to: Position) -> None:
    """Note that everything up to and with `to` was told; never moves back within an epoch."""
    # Locked first: another replica may move it at the same moment.
    row = (await connection.execute(select(*_PLACE).with_for_update())).one()
    if row.epoch != to.epoch or Position(*row) < to:
        await connection.execute(update(RELAY).values(to._asdict()))
