# SPDX-License-Identifier: Apache-2.0
"""A copy of the SQLite files of a process while it runs, by SQLite's own backup."""

from __future__ import annotations

import asyncio
import sqlite3
import tarfile
from collections.abc import AsyncGenerator, AsyncIterator
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


def backup_of(where: Places) -> Backup:
    """What copies the files of these places.

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
            await asyncio.to_thread(_copy, [path for path in paths if path], archive)
            yield _read(archive)

    return opened


def _path(url: str) -> Path | None:
    parts = urlsplit(url)
    return Path(unquote(parts.path[1:])) if parts.scheme == "sqlite" else None


def _copy(paths: list[Path], archive: Path) -> None:
    with tarfile.open(archive, "w") as tar:
        for path in paths:
            copy = archive.with_name(path.name)
            with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
                # A thousand pages at a time, so that writers get their turn in between.
                source.backup(target, pages=1000)
                _forget_secret(target)
            tar.add(copy, arcname=path.name)
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
