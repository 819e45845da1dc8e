from __future__ import annotations

from dataclasses import replace

import pytest

from rollcall.kernel.caller import ADMIN, READ, REGISTER, Caller, NotAuthenticated
from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.ids import RandomIds
from rollcall.testing.clock import FrozenClock
from rollcall.web.keys import ApiKey, InMemoryKeyStore, check_key, draw_key


def drawn(
    clock: FrozenClock, *, scopes: frozenset[str] = frozenset({READ}), lifetime: float | None = None
) -> tuple[ApiKey, str]:
    expires_at = None if lifetime is None else clock.now() + lifetime
    return draw_key(
        RandomIds(), clock, name="ci", namespace="acme", scopes=scopes, expires_at=expires_at
    )


async def test_a_key_says_who_its_holder_is(clock: FrozenClock) -> None:
    store = InMemoryKeyStore()
    key, text = drawn(clock, scopes=frozenset({READ, REGISTER}))
    await store.add(key)

    caller = (await check_key(store, text, clock.now())).caller

    assert caller == Caller(f"key:{key.id}", "acme", frozenset({READ, REGISTER}))


def test_nothing_that_is_kept_tells_the_secret(clock: FrozenClock) -> None:
    key, text = drawn(clock)
    secret = text.rpartition("_")[2]

    assert len(secret) == 64
    assert secret not in repr(key)
    assert text.startswith(f"rck_{key.id}_")


async def test_a_key_with_one_wrong_digit_is_not_known(clock: FrozenClock) -> None:
    store = InMemoryKeyStore()
    key, text = drawn(clock)
    await store.add(key)
    wrong = text[:-1] + ("0" if text[-1] != "0" else "1")

    with pytest.raises(NotAuthenticated, match="not known"):
        await check_key(store, wrong, clock.now())


@pytest.mark.parametrize("text", ["", "rck_", "rck_zz_zz", f"rck_{'0' * 16}_{'0' * 64}"])
async def test_what_is_no_key_is_not_known(clock: FrozenClock, text: str) -> None:
    with pytest.raises(NotAuthenticated, match="not known"):
        await check_key(InMemoryKeyStore(), text, clock.now())


async def test_a_key_is_good_until_it_expires(clock: FrozenClock) -> None:
    store = InMemoryKeyStore()
    key, text = drawn(clock, lifetime=60)
    await store.add(key)

    clock.jump(59)
    assert (await check_key(store, text, clock.now())).namespace == "acme"
    clock.jump(1)
    with pytest.raises(NotAuthenticated, match="expired"):
        await check_key(store, text, clock.now())


async def test_a_revoked_key_is_no_good_at_once(clock: FrozenClock) -> None:
    store = InMemoryKeyStore()
    key, text = drawn(clock)
    await store.add(key)

    assert await store.revoke("acme", key.id, clock.now())

    with pytest.raises(NotAuthenticated, match="revoked"):
        await check_key(store, text, clock.now())


async def test_a_key_is_revoked_in_its_own_namespace_alone_and_once(clock: FrozenClock) -> None:
    store = InMemoryKeyStore()
    key, _ = drawn(clock)
    await store.add(key)

    assert not await store.revoke("other", key.id, clock.now())
    assert not await store.revoke("acme", "unknown", clock.now())
    assert await store.revoke("acme", key.id, 1.0)
    assert await store.revoke("acme", key.id, 2.0)
    assert await store.get(key.id) == replace(key, revoked_at=1.0)


async def test_the_keys_of_a_namespace_are_listed_by_age(clock: FrozenClock) -> None:
    store = InMemoryKeyStore()
    first, _ = drawn(clock)
    clock.jump(1)
    second, _ = drawn(clock)
    for key in (second, first, replace(first, id="x", namespace="other")):
        await store.add(key)

    assert await store.list("acme") == [first, second]


@pytest.mark.parametrize("scopes", [frozenset[str](), frozenset({"root"}), frozenset({ADMIN, "x"})])
def test_a_key_needs_scopes_that_there_are(clock: FrozenClock, scopes: frozenset[str]) -> None:
    with pytest.raises(InvalidInput, match="scopes"):
        drawn(clock, scopes=scopes)


def test_a_key_is_not_made_to_be_no_good(clock: FrozenClock) -> None:
    with pytest.raises(InvalidInput, match="expires_at"):
        drawn(clock, lifetime=0)
