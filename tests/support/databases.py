# SPDX-License-Identifier: Apache-2.0
"""SQLite files with our tables in them: made once for a process, and copied for each test."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import cache
from pathlib import Path

from sqlalchemy import create_engine

from rollcall.backends.sql.migrate import upgrade


def sqlite_at(path: Path) -> str:
    """Puts a database with our tables and nothing in them at `path`; its URL."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_model())
    return f"sqlite:///{path}"


@cache
def _model() -> bytes:
    with closing(sqlite3.connect(":memory:")) as memory:
        engine = create_engine("sqlite://", creator=lambda: memory)
        with engine.begin() as connection:
            upgrade(connection)
        return memory.serialize()
