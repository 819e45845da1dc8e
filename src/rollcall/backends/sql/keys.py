# SPDX-License-Identifier: Apache-2.0
"""API keys in the database of the services."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Column, Double, Row, Table, Text, and_, func, insert, or_, select, update

from rollcall.backends.sql.database import Database
from rollcall.backends.sql.tables import METADATA
from rollcall.web.keys import ApiKey

KEYS: Final = Table(
    "api_keys",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("digest", Text, nullable=False, comment="SHA-256 of the secret, hexadecimal"),
    Column("name", Text, nullable=False),
    Column("namespace", Text, nullable=False, index=True),
    Column("scopes", Text, nullable=False, comment="words, in their order"),
    Column("created_at", Double, nullable=False, comment="seconds since the epoch"),
    Column("expires_at", Double, comment="seconds since the epoch; null: never"),
    Column("revoked_at", Double, comment="seconds since the epoch; null: not revoked"),
)


class SqlKeyStore:
    """Keeps keys in a database that is opened and closed by whoever made it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, key: ApiKey) -> None:
        row = {
            "id": key.id,
            "digest": key.digest,
            "name": key.name,
            "namespace": key.namespace,
            "scopes": " ".join(sorted(key.scopes)),
            "created_at": key.created_at,
            "expires_at": key.expires_at,
            "revoked_at": key.revoked_at,
        }
        async with self._database.begin() as work:
            await work.connection.execute(insert(KEYS).values(row))

    async def get(self, key_id: str) -> ApiKey | None:
        async with self._database.reading() as connection:
            found = await connection.execute(select(KEYS).where(KEYS.c.id == key_id))
            row = found.one_or_none()
        return None if row is None else _key(row)

    def recall(self, key_id: str) -> ApiKey | None:
        return None

    async def list(self, namespace: str) -> list[ApiKey]:
        wanted = select(KEYS).where(KEYS.c.namespace == namespace)
        async with self._database.reading() as connection:
            rows = await connection.execute(wanted.order_by(KEYS.c.created_at, KEYS.c.id))
            return [_key(row) for row in rows]

    async def revoke(self, namespace: str, key_id: str, at: float) -> bool:
        revoked = (
            update(KEYS)
            .where(and_(KEYS.c.namespace == namespace, KEYS.c.id == key_id))
            .values(revoked_at=func.coalesce(KEYS.c.revoked_at, at))
        )
        async with self._database.begin() as work:
            return (await work.connection.execute(revoked)).rowcount == 1

    async def usable(self, now: float) -> bool:
        good = select(KEYS.c.id).where(
            or_(KEYS.c.expires_at.is_(None), KEYS.c.expires_at > now),
            or_(KEYS.c.revoked_at.is_(None), KEYS.c.revoked_at > now),
        )
        async with self._database.reading() as connection:
            return (await connection.execute(good.limit(1))).first() is not None


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey(
        row.id,
        row.digest,
        row.name,
        row.namespace,
        frozenset(row.scopes.split()),
        row.created_at,
        row.expires_at,
        row.revoked_at,
    )
