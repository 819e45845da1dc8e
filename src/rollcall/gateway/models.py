# SPDX-License-Identifier: Apache-2.0
"""Which service answers which path."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from rollcall.kernel.errors import InvalidInput

REST: Final = "**"
"""The last segment of a pattern that fits however many segments there are, none among them."""
_NAME: Final = re.compile(r"\{[a-z_]+\}")
_LITERAL: Final = re.compile(r"[A-Za-z0-9._~-]+")


@dataclass(frozen=True, slots=True)
class GatewayService:
    """A service that is reached through the gateway.

    Args:
        name: What the gateway, its figures and its problems call it.
        title: What people call it.
        patterns: Its paths: `/api/agents/{id}/performance` is that depth exactly, with any one
            segment for `{id}`; `/api/agents/**` is `/api/agents` and everything below.
        prefix: Where all of its own paths are found as well, or instead of `patterns`: it is cut
            off before a request is passed on.
        registered: Its name in the registry; None: it does not stand there.
        variable: The setting with a URL that counts instead of the registry.
        public: Patterns of its paths that strangers may ask for, as the gateway shows them.
        cross_origin: Beginnings of its paths, whole segments, on which it says itself which pages
            of other origins may ask.
        guest: Whether it is an operator's own, which anybody may be an instance of who may
            register: callers' credentials are not for it.
    """

    name: str
    title: str
    patterns: Sequence[str] = ()
    prefix: str | None = None
    registered: str | None = None
    variable: str | None = None
    public: Sequence[str] = ()
    cross_origin: Sequence[str] = ()
    guest: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """A pattern, and who answers.

    Args:
        service: The service's name.
        pattern: The pattern that fitted.
        strip: Segments to cut off before the request is passed on.
        prefix: Those segments, as a path; empty: none.
        public: Whether strangers may ask.
        guest: Whether callers' credentials are not for whoever answers.
    """

    service: str
    pattern: str
    strip: int = 0
    prefix: str = ""
    public: bool = False
    guest: bool = False


@dataclass(slots=True)
class _Node:
    literals: dict[str, _Node] = field(default_factory=dict[str, "_Node"])
    named: _Node | None = None
    end: Route | None = None
    rest: Route | None = None


class RouteTable:
    """Finds the route of a path. Where several fit, the first segment in which they differ decides:
    a fixed name goes before an id, an id before `**`, and a path's end before `**`.

    Args:
        services: Their patterns, in any order.

    Raises:
        InvalidInput: A pattern is ill-formed, or there twice.
    """

    def __init__(self, services: Iterable[GatewayService]) -> None:
        self.services = {one.name: one for one in services}
        self._root = _Node()
        self._routes: list[Route] = []
        for one in self.services.values():
            for route in _routes(one):
                self._add(route)

    @property
    def patterns(self) -> Sequence[str]:
        """Every pattern there is."""
        return [one.pattern for one in self._routes]

    def match(self, path: Sequence[str]) -> Route | None:
        """The route of a path's segments; None: no service has it. O(length) for plain tables.

        Args:
            path: Decoded; a path that ends in a slash has an empty last one.
        """
        trimmed = path[:-1] if path and not path[-1] else path
        return _find(self._root, trimmed, 0)

    def _add(self, route: Route) -> None:
        node = self._root
        parts = split(route.pattern)
        for part in parts:
            if part == REST:
                if node.rest is not None:
                    raise InvalidInput("pattern", f"{route.pattern} is there twice")
                node.rest = route
                break
            if part.startswith("{"):
                node.named = node.named or _Node()
                node = node.named
            else:
                node = node.literals.setdefault(part, _Node())
        else:
            if node.end is not None:
                raise InvalidInput("pattern", f"{route.pattern} is there twice")
            node.end = route
        self._routes.append(route)


def split(pattern: str) -> list[str]:
    """The segments of a pattern.

    Raises:
        InvalidInput: It is ill-formed.
    """
    parts = pattern.split("/")[1:]
    for at, part in enumerate(parts):
        last = at == len(parts) - 1
        if not (_LITERAL.fullmatch(part) or _NAME.fullmatch(part) or (part == REST and last)):
            raise InvalidInput("pattern", f"{pattern!r}: {part!r} is no name, {{id}} or final **")
    if not parts or not pattern.startswith("/"):
        raise InvalidInput("pattern", f"{pattern!r} must begin with a slash and name something")
    return parts


def _routes(service: GatewayService) -> Iterator[Route]:
    prefix = service.prefix
    if prefix is not None:
        strip = len(split(prefix))
        yield Route(service.name, f"{prefix}/{REST}", strip, prefix)
    for pattern in [*service.patterns, *service.public]:
        public = pattern in service.public
        if prefix is not None and pattern.startswith(f"{prefix}/"):
            yield Route(service.name, pattern, len(split(prefix)), prefix, public)
        elif not (public and pattern in service.patterns):
            yield Route(service.name, pattern, public=public, guest=service.guest)


def _find(node: _Node, path: Sequence[str], at: int) -> Route | None:
    if at == len(path):
        return node.end or node.rest
    fixed = node.literals.get(path[at])
    if fixed is not None and (found := _find(fixed, path, at + 1)) is not None:
        return found
    if node.named is not None and (found := _find(node.named, path, at + 1)) is not None:
        return found
    return node.rest
