# SPDX-License-Identifier: Apache-2.0
"""Erases what analytics knows of what somebody said, when the memories of a user, agent or session
go. Its numbers stay; they tell of nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from rollcall.analytics.repository import SqlTexts
from rollcall.backends.sql.unit_of_work import SqlUnitOfWork

NAME: Final = "analytics_texts"
"""What receipts call it."""


class TextErasure:
    """A `Holder` of what was said, as analytics knows it.

    Args:
        texts: Where it is.
    """

    def __init__(self, texts: SqlTexts) -> None:
        self._texts = texts

    async def settle(self, namespace: str, filters: Mapping[str, str], /) -> None:
        """See `Holder`: nothing of this is ever under way."""

    async def erase(
        self, work: SqlUnitOfWork, namespace: str, filters: Mapping[str, str], at: datetime, /
    ) -> dict[str, int]:
        """See `Holder`."""
        return {NAME: await self._texts.erase(work, namespace, filters)}

    async def held(
        self, connection: Any, namespace: str, filters: Mapping[str, str], /
    ) -> dict[str, int]:
        """See `Holder`."""
        return {NAME: await self._texts.held(connection, namespace, filters)}

    async def tidy(self) -> None:
        """See `Holder`: no index of words is kept."""
