# SPDX-License-Identifier: Apache-2.0
"""Makes record stores of URLs; `rollcall.registry.catalogue` finds these by name."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import SplitResult, parse_qs, unquote

from rollcall.backends.records.inmemory import InMemoryStore
from rollcall.kernel.clock import Clock
from rollcall.kernel.errors import InvalidInput, MissingExtra
from rollcall.kernel.ids import IdSource
from rollcall.policies import checks
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


def zookeeper(url: SplitResult, clock: Clock, ids: IdSource) -> RecordStore:
    try:
        from rollcall.backends.records.zookeeper import SESSION_TIMEOUT, ZookeeperStore
    except ModuleNotFoundError as error:
        if error.name != "kazoo":
            raise
        raise MissingExtra("ZooKeeper", "zookeeper") from None

    root = unquote(url.path).rstrip("/")
    if not url.netloc or "@" in url.netloc or not root.strip("/"):
        raise InvalidInput("store", "must be like zookeeper://host:2181,host:2181/services")
    text = parse_qs(url.query).get("timeout", [str(SESSION_TIMEOUT)])[-1]
    try:
        timeout = float(text)
    except ValueError:
        raise InvalidInput("store", f"timeout must be a number of seconds, not {text!r}") from None
    return ZookeeperStore(url.netloc, root, clock, ids, timeout=checks.positive("timeout", timeout))
