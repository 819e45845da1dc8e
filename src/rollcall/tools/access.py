# SPDX-License-Identifier: Apache-2.0
"""Who may call a tool service that has no key store of its own."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection, Iterable, Mapping
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from rollcall.kernel.caller import READ, Caller, NotAuthenticated, NotPermitted
from rollcall.kernel.errors import InvalidInput
from rollcall.registry.models import DEFAULT_NAMESPACE
from rollcall.web.auth import NO_KEY, ODD_KEY
from rollcall.web.binding import is_loopback

SHORTEST_KEY: Final = 16
"""Characters that a key must have at least."""


class AnonymousAccess:
    """Everybody who can reach the service may call its tools, except pages in browsers.

    A browser may stand where its user's network is open to it, and a page may give its own name
    our address (DNS rebinding): both show in how it calls us, and where it says it is from.

    Args:
        names: The names that the service is called by. Addresses and this machine's names count.
    """

    authenticated = False

    def __init__(self, names: Collection[str]) -> None:
        self._names = frozenset(name.lower() for name in names)
        self._caller = Caller("anonymous", DEFAULT_NAMESPACE, frozenset({READ}))

    async def identify(self, headers: Headers) -> Caller:
        host = _hostname(f"//{headers.get('host', '')}")
        if not (host in self._names or is_loopback(host) or _is_address(host)):
            raise NotPermitted(f"this service is not called {host!r:.100}: call it by its address")
        origin = headers.get("origin")
        if origin is not None and _hostname(origin) != host:
            raise NotPermitted(f"pages of {origin!r:.100} may not ask: set up a key")
        return self._caller

    def recall(self, headers: Mapping[bytes, bytes]) -> Caller | None:
        return None


class SharedKeyAccess:
    """Whoever knows one of the keys may call the tools (`Authorization: Bearer`, RFC 6750).

    Args:
        keys: What they must show.

    Raises:
        InvalidInput: There is no key, or one that could be guessed.
    """

    authenticated = True

    def __init__(self, keys: Iterable[str]) -> None:
        given = tuple(keys)
        if not given or any(len(key) < SHORTEST_KEY for key in given):
            raise InvalidInput("keys", f"must be secrets of {SHORTEST_KEY} characters or more")
        self._digests = tuple(_digest(key) for key in given)

    async def identify(self, headers: Headers) -> Caller:
        values = headers.getlist("authorization")
        if not values:
            raise NotAuthenticated(NO_KEY, presented=False)
        scheme, _, key = values[0].partition(" ")
        if len(values) > 1 or scheme.lower() != "bearer":
            raise NotAuthenticated(ODD_KEY)
        shown = _digest(key.strip())
        if not any(hmac.compare_digest(shown, one) for one in self._digests):
            raise NotAuthenticated("the key is not known here")
        return Caller(f"key:{shown[:16]}", DEFAULT_NAMESPACE, frozenset({READ}))

    def recall(self, headers: Mapping[bytes, bytes]) -> Caller | None:
        return None


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def _hostname(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _is_address(host: str) -> bool:
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
