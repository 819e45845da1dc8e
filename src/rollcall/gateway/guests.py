# SPDX-License-Identifier: Apache-2.0
"""Services of an operator's own that the gateway has paths of.

They are guests: whoever may register can be an instance of one. So nobody's credentials go there;
the gateway says who asked, and under which namespace (`docs/gateway.md`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Final

from rollcall.gateway.models import REST, GatewayService, split
from rollcall.kernel.errors import InvalidInput

OWN: Final = (
    "/health",
    "/metrics",
    "/openapi.json",
    "/docs/**",
    "/redoc/**",
    "/api/v1/**",
    "/services/**",
    "/widget/**",
)
"""Paths that are the gateway's own, or kept for services that come with Rollcall."""
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_VARIABLE: Final = "ROLLCALL_GATEWAY_ROUTES"


def guests(
    text: str, ours: Collection[GatewayService], names: Collection[str] = ()
) -> Sequence[GatewayService]:
    """The services of `/api/quotes/**=quote-service,/api/rates/{day}=rate-service`.

    Args:
        text: Patterns, and the names under which their services are registered, with commas. One
            name may stand there with several patterns.
        ours: The services that come with Rollcall.
        names: More names that are taken.

    Raises:
        InvalidInput: It is ill-formed, or would take a path or a name of ours.
    """
    taken = {*names, *(one.name for one in ours), *(one.registered for one in ours)}
    found: dict[str, list[str]] = {}
    for entry in filter(None, (one.strip() for one in text.split(","))):
        pattern, equals, name = (part.strip() for part in entry.partition("="))
        if not equals or not _NAME.fullmatch(name):
            raise InvalidInput(
                _VARIABLE, f"{entry!r:.100} is not like /api/quotes/**=quote-service"
            )
        if name in taken:
            raise InvalidInput(_VARIABLE, f"{name} is a service of Rollcall, and has its paths")
        _check(pattern, ours)
        found.setdefault(name, []).append(pattern)
    return [
        GatewayService(name, name, patterns, registered=name, guest=True)
        for name, patterns in found.items()
    ]


def meet(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether there is a path that fits both patterns.

    Args:
        one: The segments of a pattern, as `split` gives them.
        other: Those of another.
    """
    for mine, theirs in zip(one, other, strict=False):
        if REST in (mine, theirs):
            return True
        if mine != theirs and not mine.startswith("{") and not theirs.startswith("{"):
            return False
    left = one[len(other) :] or other[len(one) :]
    return not left or left[0] == REST


def _check(pattern: str, ours: Collection[GatewayService]) -> None:
    try:
        parts = split(pattern)
    except InvalidInput as error:
        raise InvalidInput(_VARIABLE, error.problem) from None
    owned = [(own, "the gateway") for own in OWN]
    owned += [(own, one.title) for one in ours for own in (*one.patterns, *one.public)]
    for own, whose in owned:
        if meet(parts, split(own)):
            raise InvalidInput(
                _VARIABLE,
                f"{pattern} would take requests for {own}, which is {whose}'s:"
                " choose a path that no service of Rollcall has",
            )
