# SPDX-License-Identifier: Apache-2.0
"""Every key store keeps the same promises."""

from __future__ import annotations

import pytest

from rollcall.backends.sql.database import Database
from rollcall.backends.sql.keys import SqlKeyStore
from rollcall.kernel.caller import ADMIN, READ
from rollcall.web.keys import ApiKey, InMemoryKeyStore, KeyStore

FIRST = ApiKey("a" * 16, "d1", "first", "acme", frozenset({READ, ADMIN}), 100.0)
SECOND = ApiKey("b" * 16, "d2", "second", "acme", frozenset({READ}), 101.0, expires_at=200.0)
OTHER = ApiKey("c" * 16, "d3", "other", "globex", frozenset({READ}), 99.0)


@pytest.fixture(params=["memory", "sql"])
def store(request: pytest.FixtureRequest) -> KeyStore:
    if request.param == "memory":
        return InMemoryKeyStore()
    return SqlKeyStore(request.getfixturevalue("database"))


async def test_a_key_is_read_as_it_was_kept(store: KeyStore) -> None:
    await store.add(FIRST)
    await store.add(SECOND)
    assert await store.get(FIRST.id) == FIRST
    assert await store.get(SECOND.id) == SECOND
    assert await store.get("0" * 16) is None


async def test_a_list_holds_one_namespace_the_oldest_first(store: KeyStore) -> None:
    for key in (SECOND, FIRST, OTHER):
        await store.add(key)
    assert await store.list("acme") == [FIRST, SECOND]
    assert await store.list("nobody") == []


async def test_a_revoked_key_keeps_its_first_date(store: KeyStore) -> None:
    await store.add(FIRST)
    assert await store.revoke("acme", FIRST.id, 150.0)
    assert await store.revoke("acme", FIRST.id, 160.0)
    found = await store.get(FIRST.id)
    assert found is not None
    assert found.revoked_at == 150.0


async def test_a_key_is_not_revoked_from_another_namespace(store: KeyStore) -> None:
    await store.add(FIRST)
    assert not await store.revoke("globex", FIRST.id, 150.0)
    found = await store.get(FIRST.id)
    assert found is not None
    assert found.revoked_at is None


async def test_somebody_could_come_in_while_a_key_is_neither_expired_nor_revoked(
    store: KeyStore,
) -> None:
    assert not await store.usable(100.0)
    await store.add(SECOND)
    assert await store.usable(199.0)
    assert not await store.usable(200.0)
    await store.revoke("acme", SECOND.id, 150.0)
    assert not await store.usable(160.0)


async def test_keys_survive_the_process(url: str, database: Database) -> None:
    from rollcall.backends.sql.database import dialect_of

    await SqlKeyStore(database).add(FIRST)
    await database.close()
    again = Database(dialect_of(url))
    await again.open()
    assert await SqlKeyStore(again).get(FIRST.id) == FIRST
    await again.close()
