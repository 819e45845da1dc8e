# SPDX-License-Identifier: Apache-2.0
"""How many events wait for an operator, whichever log delivers and whichever process handles."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select, union_all

from rollcall.backends.eventlog.kafka_tables import HELD as FROM_KAFKA
from rollcall.backends.sql.consumers import HELD
from rollcall.backends.sql.database import Database
from rollcall.dashboard.models import Parked


class SqlParked:
    """`Events` of the dashboard, by what consumer groups have written down.

    Args:
        database: Where.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def parked(self, namespace: str) -> Sequence[Parked]:
        """See `Events`."""
        held = union_all(
            *(
                select(one.c.group_name, one.c.failed_at).where(
                    one.c.namespace == namespace, one.c.retry_at.is_(None)
                )
                for one in (HELD, FROM_KAFKA)
            )
        ).subquery()
        query = (
            select(held.c.group_name, func.count(), func.min(held.c.failed_at))
            .group_by(held.c.group_name)
            .order_by(held.c.group_name)
        )
        async with self._database.reading() as connection:
            return [Parked(*row) for row in await connection.execute(query)]
