# SPDX-License-Identifier: Apache-2.0
"""Erases what widgets know of a visitor, when the memories of a user, agent or session go. What was
counted stays; it tells of nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import delete, func, select

from rollcall.backends.sql.unit_of_work import SqlUnitOfWork
from rollcall.widgets.repository import of_visitors
from rollcall.widgets.tables import TURNS, VISITORS

NAME: Final = "widget_visitors"
"""What receipts call it."""


class WidgetErasure:
    """A `Holder` of visitors of widgets."""

    async def settle(self, namespace: str, filters: Mapping[str, str], /) -> None:
        """See `Holder`: nothing of this is ever under way."""

    async def erase(
        self, work: SqlUnitOfWork, namespace: str, filters: Mapping[str, str], at: datetime, /
    ) -> dict[str, int]:
        """See `Holder`."""
        connection = work.connection
        await connection.execute(delete(TURNS).where(*of_visitors(TURNS, namespace, filters)))
        gone = delete(VISITORS).where(*of_visitors(VISITORS, namespace, filters))
        return {NAME: (await connection.execute(gone)).rowcount}

    async def held(
        self, connection: Any, namespace: str, filters: Mapping[str, str], /
    ) -> dict[str, int]:
        """See `Holder`."""
        mine = of_visitors(VISITORS, namespace, filters)
        there = await connection.execute(select(func.count()).select_from(VISITORS).where(*mine))
        return {NAME: there.scalar_one()}

    async def tidy(self) -> None:
        """See `Holder`: no index of words is kept."""
