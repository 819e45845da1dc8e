# SPDX-License-Identifier: Apache-2.0
"""API keys without a running service: how the first one is made."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from rollcall.app.places import MEMORY, places
from rollcall.app.settings import Settings
from rollcall.backends.sql.database import Database, dialect_of
from rollcall.backends.sql.keys import SqlKeyStore
from rollcall.kernel.clock import SystemClock
from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.ids import RandomIds
from rollcall.protocols.admin.wire import key_to
from rollcall.registry.models import DEFAULT_NAMESPACE
from rollcall.web.keys import ApiKey, KeyStore, draw_key

__all__ = ["DEFAULT_NAMESPACE", "drawn", "kept_keys", "now", "shown"]


@asynccontextmanager
async def kept_keys(settings: Settings) -> AsyncGenerator[KeyStore]:
    """The keys in the database that the settings name.

    Raises:
        InvalidInput: Nothing outlives a process by these settings.
        StoreInUse: A running service holds the database: ask that.
        StoreUnavailable: It cannot be reached.
    """
    url = places(settings).database
    if url == MEMORY:
        raise InvalidInput(
            "ROLLCALL_STORE", "memory keeps no keys: set ROLLCALL_DATABASE, or ask a running one"
        )
    database = Database(dialect_of(url))
    await database.open()
    try:
        yield SqlKeyStore(database)
    finally:
        await database.close()


def drawn(
    name: str, namespace: str | None, scopes: Iterable[str], days: float | None
) -> tuple[ApiKey, str]:
    """A new key and its text.

    Raises:
        InvalidInput: A scope is unknown, or the days are not above 0.
    """
    clock = SystemClock()
    return draw_key(
        RandomIds(),
        clock,
        name=name,
        namespace=namespace or DEFAULT_NAMESPACE,
        scopes=frozenset(scopes),
        expires_at=None if days is None else clock.now() + days * 86_400,
    )


def shown(key: ApiKey) -> dict[str, Any]:
    """What may be seen of a key, as the administration of a running service writes it."""
    return key_to(key).model_dump(mode="json")


def now() -> float:
    """Seconds since the epoch."""
    return SystemClock().now()
