# SPDX-License-Identifier: Apache-2.0
"""API keys: `rck_<id>_<secret>`, of which only a digest of the secret is kept.

A secret is 256 bits of randomness. Nobody guesses that, so a plain SHA-256 protects it as well as
scrypt or Argon2 would: those are slow on purpose to make guessing a *human's* password dear, and
here they would only make every request dear.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, replace
from typing import Protocol

from rollcall.kernel.caller import ADMIN, READ, REGISTER, Caller, NotAuthenticated
from rollcall.kernel.clock import Clock
from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.ids import IdSource

PREFIX = "rck_"
_KEY = re.compile(rf"{PREFIX}([0-9a-f]{{16}})_([0-9a-f]{{64}})")
_SCOPES = (READ, REGISTER, ADMIN)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is kept of a key.

    Args:
        id: 16 hexadecimal digits; no secret.
        digest: SHA-256 of the secret, hexadecimal.
        name: What people call it.
        namespace: Where it is good.
        scopes: What it grants.
        created_at: Seconds since the epoch.
        expires_at: From when on it is no good; None: never.
        revoked_at: Since when it is no good; None: it was not revoked.
    """

    id: str
    digest: str
    name: str
    namespace: str
    scopes: frozenset[str]
    created_at: float
    expires_at: float | None = None
    revoked_at: float | None = None

    @property
    def caller(self) -> Caller:
        """Who shows this key."""
        return Caller(f"key:{self.id}", self.namespace, self.scopes)

    def problem(self, now: float) -> str | None:
        """Why it is no good at `now`, in seconds since the epoch; None: it is good."""
        if self.revoked_at is not None and self.revoked_at <= now:
            return "was revoked"
        if self.expires_at is not None and self.expires_at <= now:
            return "has expired"
        return None


class KeyStore(Protocol):
    """Where keys are kept. What is done is durable when the call returns.

    Every method raises `Unavailable` where the store does not answer.
    """

    async def add(self, key: ApiKey) -> None:
        """Keep a new key."""
        ...

    async def get(self, key_id: str) -> ApiKey | None:
        """The key with this id, also when it has expired or was revoked."""
        ...

    def recall(self, key_id: str) -> ApiKey | None:
        """The key with this id where that is known without waiting, else None."""
        ...

    async def list(self, namespace: str) -> list[ApiKey]:
        """All keys of a namespace, the oldest first."""
        ...

    async def revoke(self, namespace: str, key_id: str, at: float) -> bool:
        """Have the key be no good any more; False: there is none in this namespace.

        A key that was revoked before keeps its first date.
        """
        ...

    async def usable(self, now: float) -> bool:
        """Whether there is a key in any namespace that somebody could come in with."""
        ...


class InMemoryKeyStore:
    """Keys for as long as the process lives."""

    def __init__(self) -> None:
        self._keys: dict[str, ApiKey] = {}

    async def add(self, key: ApiKey) -> None:
        self._keys[key.id] = key

    async def get(self, key_id: str) -> ApiKey | None:
        return self._keys.get(key_id)

    def recall(self, key_id: str) -> ApiKey | None:
        return self._keys.get(key_id)

    async def list(self, namespace: str) -> list[ApiKey]:
        keys = [key for key in self._keys.values() if key.namespace == namespace]
        return sorted(keys, key=lambda key: (key.created_at, key.id))

    async def revoke(self, namespace: str, key_id: str, at: float) -> bool:
        key = self._keys.get(key_id)
        if key is None or key.namespace != namespace:
            return False
        if key.revoked_at is None:
            self._keys[key_id] = replace(key, revoked_at=at)
        return True

    async def usable(self, now: float) -> bool:
        return any(key.problem(now) is None for key in self._keys.values())


class CachedKeys:
    """Remembers keys for a few seconds, so that not every request asks the store.

    A key that is revoked through this object is no good at once; one that is revoked elsewhere, by
    another process, at most `max_age` later.

    Args:
        store: Where keys are kept.
        clock: Tells how old a copy is.
        max_age: Seconds that a copy is good for.
        keep: Of how many keys there are copies at most.
    """

    def __init__(
        self, store: KeyStore, clock: Clock, *, max_age: float = 5.0, keep: int = 10_000
    ) -> None:
        self._store = store
        self._clock = clock
        self._max_age = max_age
        self._keep = keep
        self._copies: dict[str, tuple[float, ApiKey]] = {}

    async def add(self, key: ApiKey) -> None:
        await self._store.add(key)

    async def get(self, key_id: str) -> ApiKey | None:
        key = self.recall(key_id)
        if key is not None:
            return key
        key = await self._store.get(key_id)
        if key is None:
            # Not remembered: anybody can make up ids, and they would push out those in use.
            self._copies.pop(key_id, None)
            return None
        if len(self._copies) >= self._keep:
            self._copies.clear()
        self._copies[key_id] = (self._clock.monotonic() + self._max_age, key)
        return key

    def recall(self, key_id: str) -> ApiKey | None:
        copy = self._copies.get(key_id)
        return copy[1] if copy is not None and copy[0] > self._clock.monotonic() else None

    async def list(self, namespace: str) -> list[ApiKey]:
        return await self._store.list(namespace)

    async def revoke(self, namespace: str, key_id: str, at: float) -> bool:
        try:
            return await self._store.revoke(namespace, key_id, at)
        finally:
            self._copies.pop(key_id, None)

    async def usable(self, now: float) -> bool:
        return await self._store.usable(now)


def draw_key(
    ids: IdSource,
    clock: Clock,
    *,
    name: str,
    namespace: str,
    scopes: frozenset[str],
    expires_at: float | None = None,
) -> tuple[ApiKey, str]:
    """A new key: what to keep of it, and its text, which is shown once and kept nowhere.

    Raises:
        InvalidInput: There is no scope or an unknown one, or it would be expired from the start.
    """
    unknown = sorted(scopes.difference(_SCOPES))
    if unknown or not scopes:
        raise InvalidInput("scopes", f"must be some of {', '.join(_SCOPES)}, not {unknown}")
    now = clock.now()
    if expires_at is not None and expires_at <= now:
        raise InvalidInput("expires_at", "must lie in the future")
    key_id, secret = ids.hex(16), ids.hex(64)
    key = ApiKey(key_id, _digest(secret), name, namespace, scopes, now, expires_at)
    return key, f"{PREFIX}{key_id}_{secret}"


async def check_key(store: KeyStore, text: str, now: float) -> ApiKey:
    """The key that `text` is.

    Raises:
        NotAuthenticated: It is no key, or no good any more. An expired key is only called so to
            who knows its secret.
        Unavailable: The store does not answer.
    """
    match = _KEY.fullmatch(text)
    key = await store.get(match[1]) if match else None
    if match is None or key is None or not hmac.compare_digest(key.digest, _digest(match[2])):
        raise NotAuthenticated("the API key is not known here")
    problem = key.problem(now)
    if problem is not None:
        raise NotAuthenticated(f"the API key {problem}")
    return key


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
