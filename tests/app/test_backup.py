# SPDX-License-Identifier: Apache-2.0
"""A copy of the files holds all but what signs passes."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

from rollcall.app.backup import backup_of
from rollcall.app.places import Places
from rollcall.backends.sql.database import Database, dialect_of
from rollcall.backends.sql.keys import SqlKeyStore
from rollcall.backends.sql.passes import service_secret
from rollcall.web.keys import ApiKey


async def test_a_copy_has_the_keys_and_not_a_trace_of_the_secret(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/services.db"
    database = Database(dialect_of(url))
    await database.open()
    secret = await service_secret(database, 1.0, os.urandom)
    key = ApiKey("a" * 16, "digest", "n", "acme", frozenset({"read"}), 1.0)
    await SqlKeyStore(database).add(key)
    archive = tmp_path / "copy.tar"
    async with backup_of(Places(f"sqlite:///{tmp_path}/services.db", url))() as pieces:
        archive.write_bytes(b"".join([piece async for piece in pieces]))
    assert await service_secret(database, 2.0, os.urandom) == secret
    await database.close()

    assert secret in (tmp_path / "services.db").read_bytes()
    assert secret not in archive.read_bytes()
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path / "copy", filter="data")
    with closing(sqlite3.connect(tmp_path / "copy" / "services.db")) as copy:
        assert copy.execute("SELECT id FROM api_keys").fetchall() == [("a" * 16,)]
    again = Database(dialect_of(f"sqlite:///{tmp_path}/copy/services.db"))
    await again.open()
    assert await service_secret(again, 3.0, os.urandom) != secret
    await again.close()


async def test_what_others_have_open_is_copied_by_them_after_the_services(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/services.db"
    database = Database(dialect_of(url))
    await database.open()

    async def copied(path: Path) -> None:
        await asyncio.to_thread(path.write_text, "facts", encoding="utf-8")

    backup = backup_of(Places(f"sqlite:///{tmp_path}/records.db", url), {"facts.duckdb": copied})
    archive = tmp_path / "copy.tar"
    async with backup() as pieces:
        archive.write_bytes(b"".join([piece async for piece in pieces]))
    await database.close()
    with tarfile.open(archive) as tar:
        assert tar.getnames() == ["services.db", "facts.duckdb", "records.db"]
        found = tar.extractfile("facts.duckdb")
        assert found is not None
        assert found.read() == b"facts"
