# SPDX-License-Identifier: Apache-2.0
"""robots.txt: what a site asks programs not to read. Source: RFC 9309."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final
from urllib.parse import quote_from_bytes

MOST_BYTES: Final = 500 * 1024
"""How much of a robots.txt counts."""
MOST_RULES: Final = 4_000
MOST_WILDCARDS: Final = 10

_PRODUCT: Final = re.compile(r"[a-z_-]+")
_ESCAPE: Final = re.compile(rb"%([0-9A-Fa-f]{2})")
_UNRESERVED: Final = frozenset(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
)
_KEPT: Final = "/%:?#[]@!&'()+,;="
"""Reserved characters that stand for themselves; `*` and `$` do not, as rules use them."""


@dataclass(frozen=True)
class Rule:
    """One line: whether paths that match may be read.

    Args:
        allow: Whether they may.
        pattern: The beginning of paths, escaped; `*` is anything, `$` at its end the path's end.
    """

    allow: bool
    pattern: str

    @cached_property
    def _parts(self) -> tuple[list[str], bool]:
        ends = self.pattern.endswith("$")
        return self.pattern.removesuffix("$").split("*"), ends

    def matches(self, path: str) -> bool:
        """Whether an escaped path matches. Linear: no stranger's rule is a regular expression."""
        (first, *rest), ends = self._parts
        if not path.startswith(first):
            return False
        at = len(first)
        if not rest:
            return not ends or at == len(path)
        for part in rest[:-1]:
            at = path.find(part, at)
            if at < 0:
                return False
            at += len(part)
        last = rest[-1]
        if ends:
            return len(path) - len(last) >= at and path.endswith(last)
        return path.find(last, at) >= 0


@dataclass(frozen=True, slots=True)
class Rules:
    """What a site asks of one program."""

    rules: tuple[Rule, ...] = ()

    def allow(self, path: str) -> bool:
        """Whether `path`, with its query, may be read: the longest rule that matches says so."""
        escaped = _escaped(path)
        if escaped == "/robots.txt":
            return True
        best = max(
            ((len(rule.pattern), rule.allow) for rule in self.rules if rule.matches(escaped)),
            default=(0, True),
        )
        return best[1]


ALLOW_ALL: Final = Rules()
ALLOW_NONE: Final = Rules((Rule(allow=False, pattern="/"),))


def parse_robots(text: str, product: str) -> Rules:
    """The rules for the program that calls itself `product`: all groups that name it, ignoring
    case, or else all for `*`.
    """
    named: list[Rule] = []
    others: list[Rule] = []
    found = False
    agents: set[str] = set()
    listing = False
    for key, value in _lines(text):
        if key == "user-agent":
            if not listing:
                agents = set()
            listing = True
            agents.add(_agent(value))
            found = found or product.lower() in agents
        elif key in {"allow", "disallow"}:
            listing = False
            rule = _rule(key == "allow", value)
            if rule is None:
                continue
            if product.lower() in agents:
                named.append(rule)
            if "*" in agents:
                others.append(rule)
    return Rules(tuple((named if found else others)[:MOST_RULES]))


def _lines(text: str) -> Iterator[tuple[str, str]]:
    for line in text.removeprefix("\ufeff").splitlines():
        key, colon, value = line.partition("#")[0].partition(":")
        if colon:
            yield key.strip().lower(), value.strip()


def _agent(value: str) -> str:
    if value.startswith("*"):
        return "*"
    name = _PRODUCT.match(value.lower())
    return name.group() if name else ""


def _rule(allow: bool, value: str) -> Rule | None:
    if not value.startswith(("/", "*", "$")):
        return None
    ends = value.endswith("$")
    # Several stars in a row say no more than one.
    parts = [_escaped(part) for part in re.split(r"\*+", value.removesuffix("$"))]
    if len(parts) > MOST_WILDCARDS + 1:
        return None
    return Rule(allow, "*".join(parts) + ("$" if ends else ""))


def _escaped(path: str) -> str:
    """A path in the one spelling in which RFC 9309 compares them."""
    raw = _ESCAPE.sub(_unescaped, path.encode("utf-8", "replace"))
    return quote_from_bytes(raw, safe=_KEPT)


def _unescaped(found: re.Match[bytes]) -> bytes:
    octet = int(found.group(1), 16)
    return bytes([octet]) if octet in _UNRESERVED else found.group().upper()
