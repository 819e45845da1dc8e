# SPDX-License-Identifier: Apache-2.0
"""Memories in the database of the services, with indexes in the words of each engine."""

from __future__ import annotations

from rollcall.backends.memories.store import SqlMemoryStore
from rollcall.backends.sql.database import Database


def memory_store(database: Database, url: str) -> SqlMemoryStore:
    """The store of memories in a database.

    Args:
        database: Opened and closed by whoever made it.
        url: The URL that it was made of.
    """
    if url.startswith("postgresql:"):
        from rollcall.backends.memories.postgres import PostgresMemoryStore

        return PostgresMemoryStore(database)
    from rollcall.backends.memories.sqlite import SqliteMemoryStore

    return SqliteMemoryStore(database)
