# SPDX-License-Identifier: Apache-2.0
"""Whether the books balance, for `rollcall doctor`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from rollcall.app.findings import Finding, Grade
from rollcall.app.places import Places
from rollcall.backends.sql.checkup import file_looked_at, looked_at
from rollcall.billing.books_checkup import damaged
from rollcall.kernel.errors import RollcallError

SUBJECT: Final = "books"
PATIENCE: Final = 10.0
"""Seconds that reading the ledger may take."""


async def books(where: Places) -> list[Finding]:
    """How the ledger is; nothing where there is none yet, or none that can be asked."""
    parts = urlsplit(where.database)
    try:
        if parts.scheme == "sqlite":
            path = Path(unquote(parts.path[1:]))
            found = await asyncio.to_thread(file_looked_at, path, damaged)
        elif parts.scheme == "postgresql":
            async with asyncio.timeout(PATIENCE):
                found = await looked_at(where.database, damaged)
        else:
            return []
    except (RollcallError, TimeoutError):
        # What keeps it from being read is said of the database itself.
        return []
    return [] if found is None else list(_judged(found))


def _judged(found: Sequence[str]) -> Iterator[Finding]:
    if not found:
        yield Finding(SUBJECT, Grade.OK, "every transaction sums to zero")
        return
    text = (
        f"they do not balance: somebody has changed transactions ({', '.join(found)}). Stop"
        " billing and restore a backup"
    )
    yield Finding(SUBJECT, Grade.ERROR, text)
