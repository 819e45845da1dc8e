# SPDX-License-Identifier: Apache-2.0
"""Databases that keep the statements that they execute."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from rollcall.backends.sql.postgres import PostgresDialect
from rollcall.backends.sql.sqlite import SqliteDialect


class _Kept:
    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.executed: list[str] = []

    def open(self) -> AsyncEngine:
        engine: AsyncEngine = super().open()  # type: ignore[misc]
        event.listen(engine.sync_engine, "before_cursor_execute", self._add)
        return engine

    def _add(self, *given: Any) -> None:
        if not given[2].startswith("BEGIN"):
            self.executed.append(given[2])


class KeptSqlite(_Kept, SqliteDialect):
    pass


class KeptPostgres(_Kept, PostgresDialect):
    pass


def keeping(url: str) -> KeptSqlite | KeptPostgres:
    """The database at a URL, which keeps the statements in `executed`."""
    if url.startswith("sqlite"):
        return KeptSqlite(Path(url.removeprefix("sqlite:///")), 5)
    return KeptPostgres(url, 5)
