# SPDX-License-Identifier: Apache-2.0
"""JSON web tokens (RFC 7519) of somebody else's, checked by PyJWT."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import jwt

from rollcall.kernel.caller import Caller, NotAuthenticated
from rollcall.kernel.errors import InvalidInput
from rollcall.web.jwks import KeySource
from rollcall.web.lines import check_line


@dataclass(frozen=True, slots=True)
class TokenSettings:
    """Which tokens are good.

    Args:
        issuer: What `iss` must be.
        audience: What `aud` must be, or hold.
        algorithms: The only ones that are looked at, whatever a token says of itself.
        leeway: Seconds by which the issuer's clock may differ from ours.
        namespace_claim: The claim that names the caller's namespace.
        namespace: The namespace of tokens without that claim; None: they are refused.
        scope_claim: The claim that lists scopes, as words in a string (RFC 8693) or as a list.
    """

    issuer: str
    audience: str
    algorithms: tuple[str, ...] = ("RS256",)
    leeway: float = 30.0
    namespace_claim: str = "namespace"
    namespace: str | None = None
    scope_claim: str = "scope"


class TokenVerifier:
    """Turns a token into a caller.

    Raises:
        InvalidInput: An algorithm is unknown, or not for keys of this sort. That none of one sort
            can be mixed with the other is what keeps a public key from being taken for a secret.
    """

    def __init__(self, settings: TokenSettings, keys: KeySource) -> None:
        others = sorted(set(settings.algorithms) - keys.algorithms)
        if others or not settings.algorithms:
            usable = ", ".join(sorted(keys.algorithms))
            raise InvalidInput("algorithms", f"must be some of {usable}, not {others}")
        self._settings = settings
        self._keys = keys

    async def verify(self, token: str) -> Caller:
        """Who shows `token`.

        Raises:
            NotAuthenticated: It is no token, or not a good one; the error says what is wrong.
            Unavailable: The issuer's keys cannot be had now.
        """
        settings = self._settings
        try:
            header = jwt.get_unverified_header(token)
            algorithm = str(header.get("alg"))
            if algorithm not in settings.algorithms:
                raise NotAuthenticated("the token's algorithm is not one that is accepted here")
            key = await self._keys.find(header.get("kid"), algorithm)
            claims = jwt.decode(
                token,
                key,
                algorithms=list(settings.algorithms),
                audience=settings.audience,
                issuer=settings.issuer,
                leeway=settings.leeway,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except jwt.ExpiredSignatureError:
            raise NotAuthenticated("the token has expired") from None
        except jwt.MissingRequiredClaimError as error:
            raise NotAuthenticated(f"the token has no {error.claim!r}") from None
        except (jwt.InvalidAudienceError, jwt.InvalidIssuerError):
            raise NotAuthenticated("the token is for somebody else or by somebody else") from None
        except jwt.PyJWTError:
            raise NotAuthenticated("the token is not valid") from None
        return self._caller(claims)

    def _caller(self, claims: Mapping[str, Any]) -> Caller:
        settings = self._settings
        namespace = claims.get(settings.namespace_claim, settings.namespace)
        if not isinstance(namespace, str) or not namespace:
            raise NotAuthenticated(f"the token has no {settings.namespace_claim!r}")
        subject = claims["sub"]
        for name, text in ((settings.namespace_claim, namespace), ("sub", subject)):
            try:
                check_line(name, text)
            except InvalidInput as error:
                raise NotAuthenticated(f"the token's {name!r} {error.problem}") from None
        return Caller(f"jwt:{subject}", namespace, _scopes(claims.get(settings.scope_claim)))


def _scopes(claim: object) -> frozenset[str]:
    if isinstance(claim, str):
        return frozenset(claim.split())
    if isinstance(claim, list):
        words = cast("list[object]", claim)
        return frozenset(word for word in words if isinstance(word, str))
    return frozenset()
