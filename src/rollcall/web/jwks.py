# SPDX-License-Identifier: Apache-2.0
"""Where the keys come from that sign JWTs."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from ipaddress import ip_address
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

import httpx
import jwt

from rollcall.kernel.addresses import refusal
from rollcall.kernel.caller import NotAuthenticated
from rollcall.kernel.clock import Clock
from rollcall.kernel.errors import InvalidInput, Unavailable
from rollcall.web.binding import is_loopback

_log = logging.getLogger(__name__)

Jwk = Mapping[str, Any]
Fetch = Callable[[], Awaitable[bytes]]
"""Gets a JWK set (RFC 7517) as JSON; raises what it likes where that fails."""

HMAC = frozenset({"HS256", "HS384", "HS512"})
ASYMMETRIC = frozenset(
    {
        *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
        *("ES256", "ES384", "ES512", "EdDSA"),
    }
)
SHORTEST_SECRET = 32
"""Bytes: RFC 7518 wants a key at least as long as the hash, and SHA-256 is the shortest."""
LONGEST_SET = 1 << 20
"""Bytes that a JWK set may have."""


class KeySource(Protocol):
    """Finds the key that a token says it was signed with."""

    @property
    def algorithms(self) -> frozenset[str]:
        """The algorithms that keys of this sort are for."""
        ...

    async def find(self, kid: str | None, algorithm: str) -> jwt.PyJWK | str:
        """The key named `kid`; None: the token names none.

        Raises:
            NotAuthenticated: There is no such key, or it is for another algorithm.
            Unavailable: The keys cannot be had now.
        """
        ...


class SharedSecret:
    """One secret, for who issues tokens and for who reads them.

    Raises:
        InvalidInput: The secret is shorter than 32 bytes.
    """

    algorithms = HMAC

    def __init__(self, secret: str) -> None:
        if len(secret.encode()) < SHORTEST_SECRET:
            raise InvalidInput("secret", f"must have at least {SHORTEST_SECRET} bytes")
        self._secret = secret

    async def find(self, kid: str | None, algorithm: str) -> str:
        return self._secret


class GivenKeys:
    """A JWK set that is known from the start.

    Raises:
        InvalidInput: It is no JWK set.
    """

    algorithms = ASYMMETRIC

    def __init__(self, jwks: Mapping[str, Any]) -> None:
        self._keys = _signing_keys(jwks)

    async def find(self, kid: str | None, algorithm: str) -> jwt.PyJWK:
        found = _pick(self._keys, kid, algorithm)
        if found is None:
            raise NotAuthenticated("the token was signed with a key that is not known here")
        return found


class FetchedKeys:
    """A JWK set that is fetched again when it grows old or a new key turns up in a token.

    Args:
        fetch: Gets the set.
        clock: Tells its age.
        max_age: Seconds after which it is fetched again; while that fails the old one serves on.
        min_interval: Seconds between two fetches at least, however many unknown keys are named,
            so that nobody can make us flood the issuer.
    """

    algorithms = ASYMMETRIC

    def __init__(
        self, fetch: Fetch, clock: Clock, *, max_age: float = 600, min_interval: float = 10
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._max_age = max_age
        self._min_interval = min_interval
        self._keys: Sequence[Jwk] | None = None
        self._fetched_at = 0.0
        self._tried_at: float | None = None
        self._lock = asyncio.Lock()

    async def find(self, kid: str | None, algorithm: str) -> jwt.PyJWK:
        if self._keys is None or self._clock.monotonic() - self._fetched_at > self._max_age:
            await self._refresh()
        found = _pick(self._keys or (), kid, algorithm)
        if found is None:
            await self._refresh()
            found = _pick(self._keys or (), kid, algorithm)
        if self._keys is None:
            raise Unavailable("the keys of the token's issuer cannot be had now")
        if found is None:
            raise NotAuthenticated("the token was signed with a key that is not known here")
        return found

    async def _refresh(self) -> None:
        async with self._lock:
            now = self._clock.monotonic()
            if self._tried_at is not None and now - self._tried_at < self._min_interval:
                return
            self._tried_at = now
            try:
                self._keys = _signing_keys(json.loads(await self._fetch()))
            except Exception as error:
                _log.warning("cannot fetch the keys that sign tokens: %s", error)
            else:
                self._fetched_at = now


def fetch_over_http(url: str, *, timeout: float = 5.0) -> Fetch:
    """Gets `url` with a client of its own each time; that is seldom.

    No redirection is followed, and no more than `LONGEST_SET` bytes are read.

    Raises:
        InvalidInput: The URL is not https, and not on this machine; or it leads to a link-local or
            metadata address. Private ones are welcome: issuers often have them.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        raise InvalidInput("jwks_url", "is no URL") from None
    reason = _refusal(parts.hostname)
    if reason is not None:
        raise InvalidInput("jwks_url", reason)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname)):
        raise InvalidInput("jwks_url", "must begin with https://, or nobody knows whose keys come")

    async def fetch() -> bytes:
        async with (
            httpx.AsyncClient(timeout=timeout, follow_redirects=False) as client,
            client.stream("GET", url) as response,
        ):
            if response.status_code != 200:
                raise Unavailable(f"{url} answers {response.status_code}")
            body = b""
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) > LONGEST_SET:
                    raise Unavailable(f"{url} sends more than {LONGEST_SET} bytes")
        return body

    return fetch


def _refusal(host: str | None) -> str | None:
    try:
        address = ip_address(host or "")
    except ValueError:
        return None
    return refusal(address)


def _signing_keys(jwks: object) -> list[Jwk]:
    keys: object = cast("Jwk", jwks).get("keys") if isinstance(jwks, Mapping) else None
    if not isinstance(keys, list):
        raise InvalidInput("jwks", 'must be a JWK set such as {"keys": [...]}')
    return [
        cast("Jwk", key)
        for key in cast("list[object]", keys)
        if isinstance(key, Mapping) and cast("Jwk", key).get("use", "sig") == "sig"
    ]


def _pick(keys: Sequence[Jwk], kid: str | None, algorithm: str) -> jwt.PyJWK | None:
    # A token that names no key is clear only where there is one.
    named = keys if kid is None and len(keys) == 1 else [k for k in keys if k.get("kid") == kid]
    for key in named:
        if key.get("alg", algorithm) == algorithm:
            try:
                return jwt.PyJWK.from_dict(dict(key), algorithm)
            except jwt.PyJWTError:
                continue
    return None
