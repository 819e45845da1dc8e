# SPDX-License-Identifier: Apache-2.0
"""Who is asking, found once for each request; what they may do, asked by each route."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from typing import Final, Protocol
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from rollcall.kernel.caller import ADMIN, Caller, NotAuthenticated, NotPermitted
from rollcall.kernel.clock import Clock
from rollcall.kernel.errors import RollcallError
from rollcall.registry.models import DEFAULT_NAMESPACE
from rollcall.web.binding import is_loopback
from rollcall.web.keys import PREFIX, ApiKey, KeyStore, check_key
from rollcall.web.tokens import TokenVerifier

# With nothing behind the word, which logs would take for a secret.
NO_KEY: Final = "send an API key in the field 'Authorization', behind the word 'Bearer'"
ODD_KEY: Final = "'Authorization' must be there once, with a key behind the word 'Bearer'"
_CALLER = "rollcall.caller"
_SHOWN: Final = 10_000
"""Of how many keys it is remembered what they look like."""


class Access(Protocol):
    """Decides who a caller is."""

    @property
    def authenticated(self) -> bool:
        """Whether callers must show who they are; if not, only this machine may reach us."""
        ...

    async def identify(self, headers: Headers) -> Caller:
        """Who sent these headers.

        Raises:
            NotAuthenticated: No credential, or one that is no good.
            NotPermitted: Nobody may ask like this.
            Unavailable: What would tell does not answer.
        """
        ...

    def recall(self, headers: Mapping[bytes, bytes]) -> Caller | None:
        """Who sent these headers, if that is known without waiting; None: ask `identify`.

        Args:
            headers: By lower-case name; none was there twice.
        """
        ...


class OpenAccess:
    """Everybody on this machine may do everything, and nobody else anything.

    A page in a browser can send requests to the loopback too, and so can a proxy. Both give
    themselves away by the name they call us, or by the origin that the browser adds.
    """

    authenticated = False

    def __init__(self, namespace: str = DEFAULT_NAMESPACE) -> None:
        self._caller = Caller("local", namespace, frozenset({ADMIN}))

    async def identify(self, headers: Headers) -> Caller:
        for header, is_url in (("host", False), ("x-forwarded-host", False), ("origin", True)):
            value = headers.get(header)
            if value is not None and not is_loopback(_hostname(value, is_url=is_url)):
                raise NotPermitted(
                    f"without API keys only this machine may ask, and the {header} is"
                    f" {value!r:.100}: call it localhost, or set up keys"
                )
        return self._caller

    def recall(self, headers: Mapping[bytes, bytes]) -> Caller | None:
        host, proxied = headers.get(b"host"), headers.get(b"x-forwarded-host")
        origin = headers.get(b"origin")
        local = (
            (host is None or _is_local(host, False))
            and (proxied is None or _is_local(proxied, False))
            and (origin is None or _is_local(origin, True))
        )
        return self._caller if local else None


class BearerAccess:
    """`Authorization: Bearer` with an API key or, where an issuer is set up, a JWT (RFC 6750)."""

    authenticated = True

    def __init__(
        self, keys: KeyStore, clock: Clock, *, tokens: TokenVerifier | None = None
    ) -> None:
        self._keys = keys
        self._clock = clock
        self._tokens = tokens
        self._shown: dict[bytes, tuple[ApiKey, Caller]] = {}

    async def identify(self, headers: Headers) -> Caller:
        values = headers.getlist("authorization")
        if not values:
            raise NotAuthenticated(NO_KEY, presented=False)
        scheme, _, token = values[0].partition(" ")
        token = token.strip()
        if len(values) > 1 or scheme.lower() != "bearer" or not token:
            raise NotAuthenticated(ODD_KEY)
        if token.startswith(PREFIX) or self._tokens is None:
            key = await check_key(self._keys, token, self._clock.now())
            if len(self._shown) >= _SHOWN:
                self._shown.clear()
            self._shown[values[0].encode("latin-1")] = (key, key.caller)
            return key.caller
        return await self._tokens.verify(token)

    def recall(self, headers: Mapping[bytes, bytes]) -> Caller | None:
        # Tokens are not remembered: how long each is good for is for the verifier to say.
        value = headers.get(b"authorization", b"")
        shown = self._shown.get(value)
        if shown is None:
            return None
        key, caller = shown
        if self._keys.recall(key.id) is not key or key.problem(self._clock.now()) is not None:
            del self._shown[value]
            return None
        return caller


class AccessMiddleware:
    """Finds out who asks. Turning strangers away is for the routes, some of which are public."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            try:
                scope[_CALLER] = await self._access.identify(Headers(scope=scope))
            except RollcallError as refused:
                scope[_CALLER] = refused
        await self._app(scope, receive, send)


def admit_caller(scope: Scope, caller: Caller) -> None:
    """Say who sent a request that does not pass `AccessMiddleware`."""
    scope[_CALLER] = caller


def known_caller(scope: Scope) -> Caller | None:
    """Who sent the request, if that is known."""
    found = scope.get(_CALLER)
    return found if isinstance(found, Caller) else None


def permitted_caller(scope: Scope, needed: str) -> Caller:
    """Who sent the request, if they may.

    Raises:
        NotAuthenticated: Nobody knows who it is.
        NotPermitted: They were not granted the scope `needed`.
        Unavailable: Who it is cannot be found out now.
    """
    found = scope.get(_CALLER)
    if isinstance(found, RollcallError):
        # A fresh traceback each time: the same request may ask more than once.
        raise found.with_traceback(None)
    if not isinstance(found, Caller):
        raise NotAuthenticated("nobody asked who this is", presented=False)
    if not found.may(needed):
        raise NotPermitted(f"this needs the scope {needed!r}", scope=needed)
    return found


def require(needed: str, *, whole: bool = False) -> Callable[[HTTPConnection], Awaitable[Caller]]:
    """A FastAPI dependency: the caller, who must have the scope `needed`.

        @router.post("/register")
        async def register(caller: Annotated[Caller, Depends(require(REGISTER))]): ...

    Args:
        needed: The scope.
        whole: Whether the answer is about the whole process and so about all namespaces: it is for
            those who run it, whose keys are of the default one.

    Raises:
        NotAuthenticated, NotPermitted, Unavailable: As for `permitted_caller`.
    """

    async def caller(connection: HTTPConnection) -> Caller:
        found = permitted_caller(connection.scope, needed)
        if whole and found.namespace != DEFAULT_NAMESPACE:
            raise NotPermitted(
                f"this is about all namespaces: it needs a key of namespace {DEFAULT_NAMESPACE!r}"
            )
        return found

    return caller


@lru_cache(maxsize=1024)
def _is_local(value: bytes, is_url: bool) -> bool:
    return is_loopback(_hostname(value.decode("latin-1"), is_url=is_url))


def _hostname(value: str, *, is_url: bool) -> str | None:
    try:
        return urlsplit(value if is_url else f"//{value}").hostname
    except ValueError:
        return None
