# SPDX-License-Identifier: Apache-2.0
"""Indexes of messages in the database of the services, in the words of each engine."""

from __future__ import annotations

from rollcall.backends.sql.database import Database
from rollcall.backends.sql.unit_of_work import SqlUnitOfWork
from rollcall.tools.messages.ports import MessageIndex


def message_index(database: Database, url: str) -> MessageIndex[SqlUnitOfWork]:
    """The index of messages in a database.

    Args:
        database: Opened and closed by whoever made it.
        url: The URL that it was made of.
    """
    if url.startswith("postgresql:"):
        from rollcall.backends.messages.postgres import PostgresMessageIndex

        return PostgresMessageIndex(database)
    from rollcall.backends.messages.sqlite import SqliteMessageIndex

    return SqliteMessageIndex(database)
