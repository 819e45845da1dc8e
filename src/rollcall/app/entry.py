# SPDX-License-Identifier: Apache-2.0
"""Who is let in: the settings turned into the door of every service."""

from __future__ import annotations

from typing import Final

from rollcall.app.settings import Login, Settings, named
from rollcall.kernel.clock import Clock
from rollcall.kernel.errors import InvalidInput
from rollcall.web import jwks
from rollcall.web.auth import Access, BearerAccess, OpenAccess
from rollcall.web.binding import check_binding, is_loopback
from rollcall.web.keys import KeyStore
from rollcall.web.tokens import TokenSettings, TokenVerifier

_VARIABLES: Final = {
    "algorithms": "ROLLCALL_JWT_ALGORITHMS",
    "jwks_url": "ROLLCALL_JWT_JWKS_URL",
    "secret": "ROLLCALL_JWT_SECRET",
}
"""By the name of a setting of tokens: the variable that sets it."""


async def entrance(settings: Settings, keys: KeyStore, clock: Clock) -> Access:
    """The door that the settings ask for.

    On loopback there is none, unless tokens have an issuer or a login is required. Elsewhere there
    is one, and it must have a key that fits, or nobody could ever come in.

    Raises:
        InvalidInput: The settings of tokens contradict each other.
        UnsafeBinding: Others can reach the service, and there is neither a key nor an issuer.
        Unavailable: The keys cannot be read.
    """
    tokens = verifier(settings, clock)
    if tokens is None and settings.login is Login.AUTO and is_loopback(settings.host):
        return OpenAccess()
    usable = tokens is not None or await keys.usable(clock.now())
    if settings.login is Login.REQUIRED and not usable:
        raise InvalidInput(
            "ROLLCALL_LOGIN",
            "is required, and there is neither an API key nor a token issuer: make a key first"
            " (rollcall keys create --name first --scope admin)",
        )
    check_binding(settings.host, authenticated=usable)
    return BearerAccess(keys, clock, tokens=tokens)


def verifier(settings: Settings, clock: Clock) -> TokenVerifier | None:
    """What checks JSON web tokens; None: none are accepted.

    Raises:
        InvalidInput: The settings of tokens contradict each other.
    """
    issuer, url, secret = settings.jwt_issuer, settings.jwt_jwks_url, settings.jwt_secret
    if issuer is None:
        if url or secret:
            raise InvalidInput("ROLLCALL_JWT_ISSUER", "must say whose tokens are accepted")
        return None
    if (url is None) == (secret is None):
        raise InvalidInput(
            "ROLLCALL_JWT_ISSUER",
            "needs ROLLCALL_JWT_JWKS_URL or ROLLCALL_JWT_SECRET, one of the two",
        )
    told = tuple(name for part in settings.jwt_algorithms.split(",") if (name := part.strip()))
    with named(_VARIABLES):
        source = (
            jwks.FetchedKeys(jwks.fetch_over_http(url), clock)
            if url is not None
            else jwks.SharedSecret(secret.get_secret_value() if secret else "")
        )
        return TokenVerifier(
            TokenSettings(
                issuer=issuer,
                audience=settings.jwt_audience,
                algorithms=told or (("HS256",) if secret else ("RS256",)),
                namespace=settings.jwt_namespace,
            ),
            source,
        )
