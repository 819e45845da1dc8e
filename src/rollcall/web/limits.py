# SPDX-License-Identifier: Apache-2.0
"""How long, how deep and how often requests may be."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Final
from urllib.parse import unquote_to_bytes

from starlette.types import ASGIApp, Receive, Scope, Send

from rollcall.kernel.addresses import sender_address
from rollcall.kernel.caller import Caller, Quota, RateLimited
from rollcall.kernel.clock import Clock
from rollcall.kernel.errors import InvalidInput
from rollcall.policies import checks
from rollcall.policies.rate import TokenBucket
from rollcall.web.auth import known_caller
from rollcall.web.refusals import HeadersTooLarge, UrlTooLong

COUNTED: Final = "rollcall.counted"
"""The scope's key that says that a request was counted already."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a request may be.

    Args:
        body_bytes: The longest body, as it comes over the wire.
        json_depth: How deep arrays and objects may be nested.
        url_bytes: The longest path and query together.
        headers: How many headers.
        header_bytes: All names and values together.
        body_seconds: How long a body may stop in the middle.

    Raises:
        InvalidInput: One of them is not above 0, or no whole number where it counts something.
    """

    body_bytes: int = 1 << 20
    json_depth: int = 64
    url_bytes: int = 8 << 10
    headers: int = 100
    header_bytes: int = 32 << 10
    body_seconds: float = 30.0

    def __post_init__(self) -> None:
        for name in ("body_bytes", "json_depth", "url_bytes", "headers", "header_bytes"):
            checks.whole(name, getattr(self, name), 1)
        checks.positive("body_seconds", self.body_seconds)


class HeadLimit:
    """Refuses long URLs (414), paths that are no UTF-8, too many or too long headers (431)."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            self._check(scope)
        await self._app(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        limits = self._limits
        # Not every server gives the path as it was sent.
        path: bytes = scope.get("raw_path") or scope["path"].encode("utf-8", "surrogateescape")
        if len(path) + len(scope["query_string"]) > limits.url_bytes:
            raise UrlTooLong(limits.url_bytes)
        # Servers put this character where bytes are none: different paths would become the same.
        if "\ufffd" in scope["path"] and not _is_utf8(unquote_to_bytes(path)):
            raise InvalidInput("path", "must be UTF-8")
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        if len(headers) > limits.headers:
            raise HeadersTooLarge(f"must be {limits.headers} at most, not {len(headers)}")
        if sum(len(name) + len(value) for name, value in headers) > limits.header_bytes:
            raise HeadersTooLarge(f"must not be longer than {limits.header_bytes} bytes together")


class RateLimiter:
    """A token bucket for each of the last `keys` callers.

    Args:
        clock: Fills the buckets.
        per_second: Requests a second in the long run.
        burst: Requests at once.
        keys: For how many callers a bucket is kept. The one that asked longest ago is forgotten,
            which gives it no more than a full bucket.
        name: What callers know the limit by.

    Raises:
        InvalidInput: An argument is out of its range.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        per_second: float,
        burst: int,
        keys: int = 10_000,
        name: str = "default",
    ) -> None:
        TokenBucket(per_second, burst)
        self._clock = clock
        self._per_second = per_second
        self._burst = burst
        self._keys = checks.whole("keys", keys, 1)
        self._name = name
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def take(self, key: str) -> None:
        """Count one request.

        Raises:
            RateLimited: There is none left for `key` now.
        """
        bucket = self._buckets.get(key)
        if bucket is None:
            if len(self._buckets) >= self._keys:
                self._buckets.popitem(last=False)
            bucket = self._buckets[key] = TokenBucket(self._per_second, self._burst)
        else:
            self._buckets.move_to_end(key)
        now = self._clock.monotonic()
        if not bucket.take(now):
            raise RateLimited(bucket.wait_time(now), self.quota(key))

    def quota(self, key: str) -> Quota:
        """What is left for `key`."""
        now = self._clock.monotonic()
        bucket = self._buckets.get(key) or TokenBucket(self._per_second, self._burst)
        left = bucket.left(now)
        reset = bucket.full_in(now) if left else bucket.wait_time(now)
        return Quota(self._name, self._burst, self._burst / self._per_second, left, reset)


class RateLimit:
    """Refuses who asks too often (429): known callers by name, all others by address."""

    def __init__(self, app: ASGIApp, limiter: RateLimiter) -> None:
        self._app = app
        self._limiter = limiter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket") and COUNTED not in scope:
            self._limiter.take(rate_key(scope))
        await self._app(scope, receive, send)


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def rate_key(scope: Scope) -> str:
    """Whose requests are counted together."""
    client = scope.get("client")
    return rate_key_of(known_caller(scope), client[0] if client else None)


def rate_key_of(caller: Caller | None, client: str | None) -> str:
    """Whose requests are counted together: a caller's, or those from an address."""
    if caller is not None:
        return f"{caller.namespace}/{caller.subject}"
    return f"address/{network(client)}" if client else "address/unknown"


def network(host: str) -> str:
    """An IPv4 address itself; of an IPv6 address the /64, since who has one has them all."""
    try:
        address = sender_address(host)
    except ValueError:
        return host
    if address.version == 4:
        return str(address)
    return str(ip_network((address, 64), strict=False).network_address)
