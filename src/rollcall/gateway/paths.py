# SPDX-License-Identifier: Apache-2.0
"""Paths that every server reads alike, and no others.

A gateway decides by a path, and the service behind it decides by it again. Wherever the two could
read it differently (RFC 3986, sections 6.2.2 and 7.3) somebody would reach what was not meant for
them, so such paths are refused rather than mended: no client that means well sends one.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote_to_bytes

from rollcall.gateway.errors import HostileRequest

_PLAIN: Final = re.compile(rb"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})+")
_HIDDEN: Final = re.compile(rb"%(?:2f|5c|[01][0-9a-f]|7f)", re.IGNORECASE)
"""An encoded slash, backslash or control character."""
_TWICE: Final = re.compile(rb"%25(?:25)*(?:2e|2f|5c|00|25)", re.IGNORECASE)
"""What becomes one of those, or a dot, for whoever decodes more than once."""


def segments(raw: bytes) -> tuple[str, ...]:
    """The segments of a path as it was sent, decoded once; a closing slash is an empty last one.

    Args:
        raw: The path, percent-encoded, without the query.

    Raises:
        HostileRequest: It is no path that all servers read alike.
    """
    if not raw.startswith(b"/"):
        raise HostileRequest("path", "must begin with a slash")
    if not _PLAIN.fullmatch(raw):
        raise HostileRequest("path", "must be percent-encoded, without anything else in it")
    if b"//" in raw:
        raise HostileRequest("path", "must not hold two slashes in a row")
    if b"%" in raw:
        if _HIDDEN.search(raw):
            raise HostileRequest("path", "must not hold encoded slashes or control characters")
        if _TWICE.search(raw):
            raise HostileRequest("path", "must not be encoded twice")
    try:
        found = tuple(unquote_to_bytes(one).decode() for one in raw[1:].split(b"/"))
    except UnicodeDecodeError:
        raise HostileRequest("path", "must be UTF-8") from None
    # What follows a semicolon some servers cut off before they look for dots.
    if any(one.partition(";")[0] in (".", "..") for one in found):
        raise HostileRequest("path", "must not hold the segments '.' or '..'")
    return found


def stripped(raw: bytes, count: int) -> bytes:
    """A path that `segments` took, without its first `count` segments, encoded as it was."""
    return b"/" + b"/".join(raw[1:].split(b"/")[count:])
