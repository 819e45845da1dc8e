# SPDX-License-Identifier: Apache-2.0
"""Passes between services: good for a minute, for reading, and made by nobody else."""

from __future__ import annotations

from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from rollcall.kernel.caller import ADMIN, READ, REGISTER, Caller, NotAuthenticated, NotPermitted
from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.ids import RandomIds
from rollcall.protocols.access import namespace_for
from rollcall.testing.clock import FrozenClock
from rollcall.web.auth import Access, BearerAccess, OpenAccess
from rollcall.web.jwks import SharedSecret
from rollcall.web.keys import InMemoryKeyStore, draw_key
from rollcall.web.passes import AUDIENCE, LIFETIME, PREFIX, PassAccess, Passes
from rollcall.web.tokens import TokenSettings, TokenVerifier

SECRET = bytes(range(32))
OTHER = bytes(range(1, 33))
READER = frozenset({READ})


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def passes(clock: FrozenClock) -> Passes:
    return Passes(SECRET, clock)


def headers(*authorizations: str, host: str = "localhost:3006") -> Headers:
    raw = [(b"authorization", one.encode("latin-1")) for one in authorizations]
    return Headers(raw=[(b"host", host.encode()), *raw])


names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)


@given(subject=names, namespace=names)
def test_a_pass_says_for_whom_it_is_and_grants_reading_alone(subject: str, namespace: str) -> None:
    passes = Passes(SECRET, FrozenClock())

    caller = passes.check(passes.issue(f"key:{subject}", namespace))

    assert caller == Caller(f"key:{subject}", namespace, READER)
    assert not caller.may(REGISTER)
    assert not caller.may(ADMIN)


@pytest.mark.parametrize(
    ("scopes", "granted"),
    [
        ({READ, REGISTER}, {READ, REGISTER}),
        ({READ}, {READ}),
        (set[str](), {READ}),
        ({ADMIN}, {READ}),
        ({ADMIN, REGISTER, "owner"}, {READ, REGISTER}),
    ],
)
def test_a_pass_grants_registering_where_it_was_made_for_that_and_never_more(
    scopes: set[str], granted: set[str], passes: Passes
) -> None:
    caller = passes.check(passes.issue("widget:w", "acme", scopes))
    assert caller.scopes == granted
    assert not caller.may(ADMIN)


async def test_a_pass_is_good_for_a_minute_by_the_clock_it_was_given(
    passes: Passes, clock: FrozenClock
) -> None:
    text = passes.issue("key:a", "acme")
    clock.jump(LIFETIME - 0.001)
    assert passes.check(text).namespace == "acme"
    clock.jump(0.001)
    with pytest.raises(NotAuthenticated, match="expired"):
        passes.check(text)


@given(place=st.integers(0, 10_000), letter=st.sampled_from("AZaz09-_.é"))
def test_a_pass_of_which_a_letter_was_changed_is_refused(place: int, letter: str) -> None:
    passes = Passes(SECRET, FrozenClock())
    text = passes.issue("key:a", "acme")
    # The last one holds bits that mean nothing.
    at = len(PREFIX) + place % (len(text) - len(PREFIX) - 1)
    changed = text[:at] + letter + text[at + 1 :]
    if changed != text:
        with pytest.raises(NotAuthenticated):
            passes.check(changed)


def test_a_pass_of_another_installation_is_refused(passes: Passes, clock: FrozenClock) -> None:
    with pytest.raises(NotAuthenticated, match="not valid"):
        passes.check(Passes(OTHER, clock).issue("key:a", "acme"))


def forged(clock: FrozenClock, key: Any, algorithm: str, **changes: object) -> str:
    claims = {
        "aud": AUDIENCE,
        "sub": "key:a",
        "namespace": "acme",
        "exp": clock.now() + 30,
        **changes,
    }
    given = {name: value for name, value in claims.items() if value is not None}
    return PREFIX + jwt.encode(given, key, algorithm)


@pytest.mark.parametrize("scope", ["admin", "register admin", ["register"], 1, ""])
def test_a_scope_that_no_pass_is_made_with_grants_reading_alone(
    scope: object, passes: Passes, clock: FrozenClock
) -> None:
    text = forged(clock, signing(passes), "HS256", scope=scope)
    assert passes.check(text).scopes == READER


def signing(passes: Passes) -> bytes:
    """What signs: somebody has stolen it."""
    return passes._signing  # pyright: ignore[reportPrivateUsage]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"aud": "rollcall"}, id="other-audience"),
        pytest.param({"aud": None}, id="no-audience"),
        pytest.param({"exp": None}, id="no-end"),
        pytest.param({"exp": "tomorrow"}, id="end-that-is-no-time"),
        pytest.param({"exp": True}, id="end-that-is-no-number"),
        pytest.param({"sub": None}, id="nobody"),
        pytest.param({"sub": ""}, id="empty-subject"),
        pytest.param({"namespace": None}, id="no-namespace"),
        pytest.param({"namespace": ""}, id="empty-namespace"),
        pytest.param({"namespace": ["acme"]}, id="odd-namespace"),
    ],
)
def test_a_token_that_is_signed_and_is_no_pass_is_refused(
    changes: dict[str, object], passes: Passes, clock: FrozenClock
) -> None:
    assert passes.check(forged(clock, signing(passes), "HS256")).subject == "key:a"
    with pytest.raises(NotAuthenticated):
        passes.check(forged(clock, signing(passes), "HS256", **changes))


def test_an_unsigned_pass_and_one_signed_otherwise_are_refused(
    passes: Passes, clock: FrozenClock
) -> None:
    key = signing(passes)
    for text in (
        forged(clock, None, "none"),
        forged(clock, SECRET, "HS256"),
        forged(clock, key * 2, "HS512"),
    ):
        with pytest.raises(NotAuthenticated):
            passes.check(text)


@pytest.mark.parametrize("text", ["", PREFIX, f"{PREFIX}a.b.c", "é.é.é", "." * 1000, "[" * 20_000])
def test_what_is_no_pass_is_refused(text: str, passes: Passes) -> None:
    with pytest.raises(NotAuthenticated):
        passes.check(text)


def test_a_short_secret_is_refused_and_none_is_shown(passes: Passes, clock: FrozenClock) -> None:
    with pytest.raises(InvalidInput, match="32 bytes"):
        Passes(SECRET[:31], clock)
    assert SECRET.hex() not in repr(passes)
    assert repr(SECRET) not in repr(vars(passes))


def test_a_mark_is_for_its_words_alone_and_by_its_installation_alone(
    passes: Passes, clock: FrozenClock
) -> None:
    mark = passes.mark("a", "bc")
    assert mark == Passes(SECRET, clock).mark("a", "bc")
    others = {passes.mark("ab", "c"), passes.mark("a", "b"), Passes(OTHER, clock).mark("a", "bc")}
    assert mark not in others
    assert len(others) == 3


def test_whoever_sat_at_the_machine_is_nobody_special_by_a_pass(passes: Passes) -> None:
    caller = passes.check(passes.issue("local", "acme"))

    with pytest.raises(NotPermitted):
        namespace_for(caller, "zoo")


async def doors(clock: FrozenClock, passes: Passes) -> tuple[Access, str]:
    """A door with a key and an issuer whose tokens have the name of ours, and the key."""
    store = InMemoryKeyStore()
    key, text = draw_key(
        RandomIds(), clock, name="n", namespace="acme", scopes=frozenset({REGISTER})
    )
    await store.add(key)
    secret = "a secret of at least thirty-two bytes"  # noqa: S105
    settings = TokenSettings(issuer="i", audience=AUDIENCE, algorithms=("HS256",))
    verifier = TokenVerifier(settings, SharedSecret(secret))
    return PassAccess(BearerAccess(store, clock, tokens=verifier), passes), text


async def test_where_a_login_is_required_a_pass_is_one_and_keys_are_as_before(
    passes: Passes, clock: FrozenClock
) -> None:
    door, key = await doors(clock, passes)

    assert door.authenticated
    shown = await door.identify(headers(f"bearer  {passes.issue('key:a', 'zoo')}"))
    assert shown == Caller("key:a", "zoo", READER)
    by_key = await door.identify(headers(f"Bearer {key}"))
    assert by_key.namespace == "acme"
    recalled = {b"authorization": f"Bearer {key}".encode()}
    assert door.recall(recalled) == by_key
    with pytest.raises(NotAuthenticated, match="send"):
        await door.identify(headers())


@pytest.mark.parametrize("without", ["key", "prefix", "other", "twice", "basic"])
async def test_where_a_login_is_required_a_bad_pass_is_refused(
    without: str, passes: Passes, clock: FrozenClock
) -> None:
    door, _ = await doors(clock, passes)
    good = passes.issue("key:a", "zoo")
    shown = {
        "key": [f"Bearer {PREFIX}{'0' * 64}"],
        "prefix": [f"Bearer {good.removeprefix(PREFIX)}"],
        "other": [f"Bearer {Passes(OTHER, clock).issue('key:a', 'zoo')}"],
        "twice": [f"Bearer {good}", f"Bearer {good}"],
        "basic": [f"Basic {good}"],
    }
    with pytest.raises(NotAuthenticated):
        await door.identify(headers(*shown[without]))


async def test_without_a_login_a_pass_gives_its_namespace_and_a_bad_one_is_refused(
    passes: Passes, clock: FrozenClock
) -> None:
    door = PassAccess(OpenAccess(), passes)
    good = f"Bearer {passes.issue('key:a', 'zoo')}"

    assert not door.authenticated
    assert await door.identify(headers(good)) == Caller("key:a", "zoo", READER)
    for whatever in ((), ("Bearer something",), ("Basic eDp5",)):
        assert (await door.identify(headers(*whatever))).subject == "local"
    clock.jump(LIFETIME)
    with pytest.raises(NotAuthenticated, match="expired"):
        await door.identify(headers(good))
    with pytest.raises(NotAuthenticated, match="one"):
        await door.identify(headers("Basic eDp5", good))


async def test_without_a_login_a_pass_brings_in_nobody_from_elsewhere(passes: Passes) -> None:
    door = PassAccess(OpenAccess(), passes)

    with pytest.raises(NotPermitted):
        await door.identify(headers(f"Bearer {passes.issue('key:a', 'zoo')}", host="evil.test"))


def test_who_shows_a_pass_is_never_taken_for_somebody_known(passes: Passes) -> None:
    door = PassAccess(OpenAccess(), passes)

    assert door.recall({b"host": b"localhost"}) is not None
    shown = {b"host": b"localhost", b"authorization": b"Bearer " + passes.issue("a", "b").encode()}
    assert door.recall(shown) is None
