# SPDX-License-Identifier: Apache-2.0
"""Passes: what services of one installation show each other for whoever asked them.

A pass is a JSON web token (RFC 7519) with `rcp_` before it, so that nobody takes it for an API key
or for a token of an issuer. All services on one SQL database have the secret that signs it.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection, Mapping
from typing import Any, Final

import jwt
from starlette.datastructures import Headers

from rollcall.kernel.caller import READ, REGISTER, Caller, NotAuthenticated
from rollcall.kernel.clock import Clock
from rollcall.kernel.errors import InvalidInput
from rollcall.web.auth import Access
from rollcall.web.jwks import SHORTEST_SECRET

PREFIX: Final = "rcp_"
AUDIENCE: Final = "rollcall-services"
LIFETIME: Final = 60.0
"""Seconds that a pass is good for. It is made anew for every request."""

_PREFIX: Final = PREFIX.encode()
_ALGORITHM: Final = "HS256"
_CLAIMS: Final = ("aud", "sub", "exp", "namespace")


class Passes:
    """Makes passes and checks them, and marks what services of this installation wrote.

    Args:
        secret: 32 random bytes or more, which nobody else has.
        clock: Says until when a pass is good.

    Raises:
        InvalidInput: The secret is shorter.
    """

    def __init__(self, secret: bytes, clock: Clock) -> None:
        if len(secret) < SHORTEST_SECRET:
            raise InvalidInput("secret", f"must have at least {SHORTEST_SECRET} bytes")
        # A key for each use: what one makes is of no use for the other.
        self._signing = hmac.digest(secret, b"pass", "sha256")
        self._marking = hmac.digest(secret, b"mark", "sha256")
        self._deriving = hmac.digest(secret, b"derive", "sha256")
        self._clock = clock

    def issue(self, subject: str, namespace: str, scopes: Collection[str] = (READ,)) -> str:
        """A pass with which a request is made for `subject`, who may read in `namespace`.

        Args:
            subject: On whose behalf.
            namespace: Theirs.
            scopes: What else the request may do of what they may: `register`. No pass grants more.
        """
        now = self._clock.now()
        claims: dict[str, Any] = {
            "aud": AUDIENCE,
            "sub": subject,
            "namespace": namespace,
            "iat": now,
            "exp": now + LIFETIME,
        }
        if REGISTER in scopes:
            claims["scope"] = REGISTER
        return PREFIX + jwt.encode(claims, self._signing, _ALGORITHM)

    def check(self, text: str) -> Caller:
        """For whom the request is made that shows this pass. They may read, and register where the
        pass says so, whatever else their own key grants.

        Raises:
            NotAuthenticated: It is no pass, or no good one; the error says what is wrong.
        """
        try:
            claims = jwt.decode(
                text.removeprefix(PREFIX),
                self._signing,
                algorithms=[_ALGORITHM],
                audience=AUDIENCE,
                options={
                    "require": list(_CLAIMS),
                    # Below, by our own clock.
                    "verify_exp": False,
                    "verify_iat": False,
                },
            )
        except jwt.InvalidAudienceError:
            raise NotAuthenticated("the pass is for somebody else") from None
        except jwt.PyJWTError:
            raise NotAuthenticated("the pass is not valid") from None
        return self._caller(claims)

    def mark(self, *words: str) -> str:
        """What only services of this installation can write about `words`: 64 hexadecimal digits.
        Whoever reads it learns nothing by which they could mark other words.
        """
        text = "".join(f"{len(word)}:{word}" for word in words)
        return hmac.new(self._marking, text.encode(), hashlib.sha256).hexdigest()

    def secret_for(self, use: str) -> bytes:
        """32 bytes that only services of this installation know, the same for the same use. What
        they make is of no use for anything else.
        """
        return hmac.digest(self._deriving, use.encode(), "sha256")

    def _caller(self, claims: Mapping[str, Any]) -> Caller:
        subject, namespace, until = claims["sub"], claims["namespace"], claims["exp"]
        if not isinstance(until, int | float) or isinstance(until, bool):
            raise NotAuthenticated("the pass is not valid")
        if not until > self._clock.now():
            raise NotAuthenticated("the pass has expired")
        if not subject or not isinstance(namespace, str) or not namespace:
            raise NotAuthenticated("the pass says not for whom it is")
        # Names without a kind, such as `local`, mean something at the door that gave them. Here
        # they are names alone.
        name = subject if ":" in subject else f"pass:{subject}"
        scopes = {READ, REGISTER} if claims.get("scope") == REGISTER else {READ}
        return Caller(name, namespace, frozenset(scopes))


class PassAccess:
    """A door that lets in whoever shows a good pass, and else is as it was.

    A bad pass is refused also where nobody has to log in: it says that the request is for somebody
    in particular, and nobody knows for whom.

    Args:
        inner: The door as it was.
        passes: Checks passes.
    """

    def __init__(self, inner: Access, passes: Passes) -> None:
        self._inner = inner
        self._passes = passes

    @property
    def authenticated(self) -> bool:
        return self._inner.authenticated

    async def identify(self, headers: Headers) -> Caller:
        values = headers.getlist("authorization")
        shown = [found for value in values if (found := _pass_in(value)) is not None]
        if not shown:
            return await self._inner.identify(headers)
        if not self._inner.authenticated:
            # Pages and proxies stay outside, whatever they show.
            await self._inner.identify(headers)
        if len(values) > 1:
            raise NotAuthenticated("'Authorization' must be one")
        return self._passes.check(shown[0])

    def recall(self, headers: Mapping[bytes, bytes]) -> Caller | None:
        # Passes are not remembered: none is shown twice.
        if _PREFIX in headers.get(b"authorization", b""):
            return None
        return self._inner.recall(headers)


def _pass_in(value: str) -> str | None:
    scheme, _, token = value.strip().partition(" ")
    token = token.strip()
    return token if scheme.lower() == "bearer" and token.startswith(PREFIX) else None
