# SPDX-License-Identifier: Apache-2.0
"""A copy of the files of a process while it runs: of SQLite by its own backup, of others by whoever
has them open.
"""

from __future__ import annotations

import asyncio
import sqlite3
import tarfile
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from urllib.parse import unquote, urlsplit

from rollcall.app.places import Places
from rollcall.backends.sql.passes import SECRET
from rollcall.protocols.admin.archive import Backup
from rollcall.protocols.admin.errors import NoBackup

_PIECE: Final = 1 << 18


Copies = Mapping[str, Callable[[Path], Awaitable[None]]]
"""By the name of a file: what writes a copy of it to a place."""


def backup_of(where: Places, others: Copies | None = None) -> Backup:
    """What copies the files of these places.

    What others have open is copied between the services and the registry: a fact may be in its copy
    that the services have not noted yet, and is told again; never the other way round.

    The registry's records are copied last: an audit entry or a key may be missing in the copy that
    a record in it was written with, never the other way round.
    """

    @asynccontextmanager
    async def opened() -> AsyncGenerator[AsyncIterator[bytes]]:
        paths = [_path(url) for url in (where.database, where.records)]
        if any(path is None for path in paths):
            raise NoBackup(where.kind)
        with TemporaryDirectory(prefix="rollcall-backup-") as folder:
            archive = Path(folder) / "backup.tar"
            first, *rest = (path for path in paths if path)
            await asyncio.to_thread(_copy, [first], archive)
            for name, copy in (others or {}).items():
                file = archive.with_name(name)
                await copy(file)
                await asyncio.to_thread(_add, file, archive)
            await asyncio.to_thread(_copy, rest, archive)
            yield _read(archive)

    return opened


def _path(url: str) -> Path | None:
    parts = urlsplit(url)
    return Path(unquote(parts.path[1:])) if parts.scheme == "sqlite" else None


def _copy(paths: list[Path], archive: Path) -> None:
    for path in paths:
        copy = archive.with_name(path.name)
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
            # A thousand pages at a time, so that writers get their turn in between.
            source.backup(target, pages=1000)
            _forget_secret(target)
        _add(copy, archive)


def _add(copy: Path, archive: Path) -> None:
    """Move a file into the archive."""
    with tarfile.open(archive, "a") as tar:
        tar.add(copy, arcname=copy.name)
    copy.unlink()


def _forget_secret(copy: sqlite3.Connection) -> None:
    """Take out what signs passes: whoever starts from the copy makes a secret of their own."""
    tables = copy.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (SECRET.name,))
    if tables.fetchone() is not None:
        # Overwritten, not only unlinked.
        copy.execute("PRAGMA secure_delete = ON")
        copy.execute(f"DELETE FROM {SECRET.name}")  # noqa: S608 - a name of ours
        copy.commit()


async def _read(archive: Path) -> AsyncIterator[bytes]:
    with archive.open("rb") as source:
        while piece := await asyncio.to_thread(source.read, _PIECE):
            yield piece
