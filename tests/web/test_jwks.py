from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from rollcall.kernel.caller import NotAuthenticated
from rollcall.kernel.errors import InvalidInput, Unavailable
from rollcall.testing.clock import FrozenClock
from rollcall.web.jwks import FetchedKeys, GivenKeys, fetch_over_http
from support.hosting import hosted


def public(kid: str, **more: object) -> dict[str, Any]:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    return {**jwt.algorithms.ECAlgorithm.to_jwk(key, as_dict=True), "kid": kid, **more}


class Issuer:
    """Publishes keys, as long as it is up."""

    def __init__(self, *keys: dict[str, Any]) -> None:
        self.keys = list(keys)
        self.up = True
        self.asked = 0

    async def fetch(self) -> bytes:
        self.asked += 1
        if not self.up:
            raise ConnectionError("the issuer is down")
        return json.dumps({"keys": self.keys}).encode()


async def test_keys_are_fetched_once_for_many_tokens(clock: FrozenClock) -> None:
    issuer = Issuer(public("one"))
    keys = FetchedKeys(issuer.fetch, clock)

    for _ in range(5):
        assert (await keys.find("one", "ES256")).key_id == "one"

    assert issuer.asked == 1


async def test_a_new_key_is_found_as_soon_as_a_token_names_it(clock: FrozenClock) -> None:
    issuer = Issuer(public("one"))
    keys = FetchedKeys(issuer.fetch, clock, min_interval=10)
    await keys.find("one", "ES256")
    issuer.keys.append(public("two"))
    clock.jump(10)

    assert (await keys.find("two", "ES256")).key_id == "two"


async def test_tokens_with_made_up_keys_do_not_flood_the_issuer(clock: FrozenClock) -> None:
    issuer = Issuer(public("one"))
    keys = FetchedKeys(issuer.fetch, clock, min_interval=10)

    for number in range(50):
        with pytest.raises(NotAuthenticated):
            await keys.find(f"made-up-{number}", "ES256")

    assert issuer.asked == 1


async def test_a_key_that_the_issuer_withdrew_is_forgotten(clock: FrozenClock) -> None:
    issuer = Issuer(public("one"))
    keys = FetchedKeys(issuer.fetch, clock, max_age=600)
    await keys.find("one", "ES256")
    issuer.keys = [public("two")]
    clock.jump(601)

    with pytest.raises(NotAuthenticated):
        await keys.find("one", "ES256")


async def test_known_keys_serve_on_while_the_issuer_is_down(clock: FrozenClock) -> None:
    issuer = Issuer(public("one"))
    keys = FetchedKeys(issuer.fetch, clock, max_age=600)
    await keys.find("one", "ES256")
    issuer.up = False
    clock.jump(3600)

    assert (await keys.find("one", "ES256")).key_id == "one"
    assert issuer.asked == 2


async def test_without_any_key_it_is_not_the_callers_fault(clock: FrozenClock) -> None:
    issuer = Issuer(public("one"))
    issuer.up = False
    keys = FetchedKeys(issuer.fetch, clock, min_interval=10)

    with pytest.raises(Unavailable):
        await keys.find("one", "ES256")

    issuer.up = True
    clock.jump(10)
    assert (await keys.find("one", "ES256")).key_id == "one"


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        pytest.param(public("one", use="enc"), "ES256", id="for-encryption"),
        pytest.param(public("one", alg="ES256"), "ES384", id="for-another-algorithm"),
        pytest.param(public("one"), "RS256", id="of-another-sort"),
        pytest.param({"kid": "one", "kty": "nonsense"}, "ES256", id="broken"),
    ],
)
async def test_a_key_serves_what_it_is_for_alone(key: dict[str, Any], algorithm: str) -> None:
    with pytest.raises(NotAuthenticated):
        await GivenKeys({"keys": [key]}).find("one", algorithm)


async def test_a_token_without_a_key_name_is_clear_where_there_is_one_key() -> None:
    assert (await GivenKeys({"keys": [public("one")]}).find(None, "ES256")).key_id == "one"
    with pytest.raises(NotAuthenticated):
        await GivenKeys({"keys": [public("one"), public("two")]}).find(None, "ES256")


@pytest.mark.parametrize("jwks", [{}, {"keys": "none"}, {"keys": None}])
def test_what_is_no_key_set_is_refused(jwks: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="JWK set"):
        GivenKeys(jwks)


@pytest.mark.parametrize("url", ["http://issuer.test/jwks", "file:///etc/passwd", "nonsense"])
def test_keys_come_from_where_nobody_can_change_them(url: str) -> None:
    with pytest.raises(InvalidInput, match="https"):
        fetch_over_http(url)


@pytest.mark.parametrize("url", ["https://issuer.test/jwks", "http://127.0.0.1:8080/jwks"])
def test_keys_come_over_https_or_from_this_machine(url: str) -> None:
    assert callable(fetch_over_http(url))


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "[fe80::1]", "[::ffff:169.254.169.254]", "100.100.100.200"]
)
def test_keys_never_come_from_a_link_local_or_metadata_address(host: str) -> None:
    with pytest.raises(InvalidInput, match="jwks_url"):
        fetch_over_http(f"https://{host}/jwks")


async def _elsewhere(scope: Scope, receive: Receive, send: Send) -> None:
    await RedirectResponse("/keys")(scope, receive, send)


async def _far_too_long(scope: Scope, receive: Receive, send: Send) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield b" " * 65_536

    await StreamingResponse(pieces())(scope, receive, send)


async def _broken(scope: Scope, receive: Receive, send: Send) -> None:
    await Response("down", 503)(scope, receive, send)


@pytest.mark.parametrize("app", [_elsewhere, _far_too_long, _broken])
async def test_a_set_that_comes_from_elsewhere_or_is_far_too_long_is_none(
    app: ASGIApp, clock: FrozenClock
) -> None:
    @asynccontextmanager
    async def opened() -> AsyncGenerator[ASGIApp]:
        yield app

    with hosted(opened) as url:
        keys = FetchedKeys(fetch_over_http(url), clock)
        with pytest.raises(Unavailable, match="cannot be had"):
            await keys.find("one", "RS256")
