# SPDX-License-Identifier: Apache-2.0
"""What a visitor's page shows of who it is: JSON web tokens (RFC 7519), `rcv_` before them so that
nobody takes them for a key or a pass.

A token is good for one widget, under the public key that it had, on pages of one origin.
"""

from __future__ import annotations

from typing import Any, Final

import jwt

from rollcall.kernel.clock import Clock
from rollcall.widgets.errors import VisitorTokenRefused
from rollcall.widgets.models import PREVIEW, SELF, Visitor, Widget

PREFIX: Final = "rcv_"
AUDIENCE: Final = "rollcall-widget"
LIFETIME: Final = 86_400
"""Seconds that a visitor is the same one."""
PREVIEW_LIFETIME: Final = 3_600
LONGEST: Final = 2_000
"""Characters of a token."""
_ALGORITHM: Final = "HS256"
_CLAIMS: Final = ("aud", "sub", "exp", "wid", "key", "org")


class VisitorTokens:
    """Makes them and checks them.

    Args:
        secret: 32 random bytes or more, which nobody else has and which serve nothing else.
        clock: Says until when a token is good.
    """

    def __init__(self, secret: bytes, clock: Clock) -> None:
        self._secret = secret
        self._clock = clock

    def issue(self, widget: Widget, visitor: Visitor, lifetime: int = LIFETIME) -> str:
        """A token for a visitor of a widget, good for `lifetime` seconds."""
        now = int(self._clock.now())
        claims = {
            "aud": AUDIENCE,
            "sub": visitor.id,
            "wid": widget.id,
            "key": widget.public_key,
            "org": visitor.origin,
            "iat": now,
            "exp": now + lifetime,
        }
        return PREFIX + jwt.encode(claims, self._secret, _ALGORITHM)

    def check(self, text: str, widget: Widget, page: str) -> Visitor:
        """Who shows this token on a page of a widget.

        Args:
            text: The token.
            widget: The widget.
            page: The origin of the page, or `SELF`; there a token of the preview is good too.

        Raises:
            VisitorTokenRefused: It is none, or no good one.
        """
        claims = self._claims(text)
        until = claims["exp"]
        if not isinstance(until, int) or isinstance(until, bool):
            raise VisitorTokenRefused("the token is not valid")
        if until <= self._clock.now():
            raise VisitorTokenRefused("the token has expired")
        if (claims["wid"], claims["key"]) != (widget.id, widget.public_key):
            raise VisitorTokenRefused("the token is for another widget")
        origin = claims["org"]
        if origin != page and (origin, page) != (PREVIEW, SELF):
            raise VisitorTokenRefused("the token is for another page")
        return Visitor(id=claims["sub"], origin=origin)

    def _claims(self, text: str) -> dict[str, Any]:
        if not text.startswith(PREFIX) or len(text) > LONGEST:
            raise VisitorTokenRefused("the token is not valid")
        try:
            return jwt.decode(
                text.removeprefix(PREFIX),
                self._secret,
                algorithms=[_ALGORITHM],
                audience=AUDIENCE,
                # Times by our own clock.
                options={"require": list(_CLAIMS), "verify_exp": False, "verify_iat": False},
            )
        except jwt.PyJWTError:
            raise VisitorTokenRefused("the token is not valid") from None
