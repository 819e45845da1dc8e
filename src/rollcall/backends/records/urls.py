# SPDX-License-Identifier: Apache-2.0
"""Makes record stores of URLs; `rollcall.registry.catalogue` finds these by name."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import SplitResult

from rollcall.backends.records.inmemory import InMemoryStore
from rollcall.kernel.clock import Clock
from rollcall.kernel.errors import InvalidInput, MissingExtra
from rollcall.kernel.ids import IdSource
from rollcall.registry.catalogue import path_of
from rollcall.registry.store import RecordStore


def memory(url: SplitResult, clock: Clock, ids: IdSource) -> RecordStore:
    if url.netloc or url.path:
        raise InvalidInput("store", f"{url.geturl()!r} names a place; memory has none: memory://")
    return InMemoryStore(clock, ids)


def sqlite(url: SplitResult, clock: Clock, ids: IdSource) -> RecordStore:
    from rollcall.backends.records.sqlite import SqliteStore

    return SqliteStore(Path(path_of(url)), clock, ids)


def postgresql(url: SplitResult, clock: Clock, ids: IdSource) -> RecordStore:
    try:
        from rollcall.backends.records.postgres import PostgresStore
    except ModuleNotFoundError as error:
        if error.name not in ("asyncpg", "sqlalchemy", "alembic"):
            raise
        raise MissingExtra("PostgreSQL", "postgres") from None

    return PostgresStore(url.geturl(), clock, ids)
