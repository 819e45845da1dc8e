# SPDX-License-Identifier: Apache-2.0
"""A request on its way through the gateway."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from starlette.types import Receive, Scope

from rollcall.gateway.errors import HostileRequest
from rollcall.gateway.headers import (
    Arrival,
    Fields,
    body_length,
    forwarded,
    host_of,
    to_guest,
)
from rollcall.gateway.models import Route
from rollcall.gateway.paths import stripped
from rollcall.kernel.caller import Caller
from rollcall.web import correlation
from rollcall.web.proxies import Networks, peer, trusts
from rollcall.web.refusals import PayloadTooLarge

_QUERY: Final = re.compile(rb"[\x21-\x7e]*")
IDEMPOTENT: Final = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
"""Methods that do the same when they are done twice (RFC 9110, section 9.2.2)."""


@dataclass(frozen=True, slots=True)
class Passage:
    """What is passed on.

    Args:
        route: Who answers.
        method: The method.
        raw_path: The path for the service, encoded as it was.
        path: The same, decoded.
        query: The query, encoded, without its question mark.
        fields: The header fields for the service.
        host: What the caller called us.
        length: Bytes of the body; None: its end will tell.
    """

    route: Route
    method: str
    raw_path: bytes
    path: str
    query: bytes
    fields: Fields
    host: bytes
    length: int | None

    @property
    def target(self) -> bytes:
        """Path and query, as a request has them."""
        return self.raw_path + b"?" + self.query if self.query else self.raw_path

    @property
    def repeatable(self) -> bool:
        """Whether it may be sent again although it was sent: to do it twice does no harm, and there
        is no body of which a part is gone.
        """
        return self.method in IDEMPOTENT and self.length == 0


def passage(
    scope: Scope,
    route: Route,
    raw_path: bytes,
    path: Sequence[str],
    trusted: Networks,
    caller: Caller | None = None,
) -> Passage:
    """A request as it goes on to the service of `route`.

    Args:
        scope: The request, or the beginning of a WebSocket.
        route: Who answers.
        raw_path: Its path as it was sent.
        path: The segments of that.
        trusted: Whose word on earlier senders counts.
        caller: Who asks; None: a stranger, who may ask services of ours alone.

    Raises:
        HostileRequest: Two servers could read it in two ways.
    """
    fields: list[tuple[bytes, bytes]] = scope["headers"]
    host = host_of(fields)
    query: bytes = scope["query_string"]
    if not _QUERY.fullmatch(query):
        raise HostileRequest("query", "must be percent-encoded")
    client = peer(scope)
    scheme = "https" if scope["scheme"] in ("https", "wss") else "http"
    arrival = Arrival(client, scheme, host, route.prefix, trusts(client, trusted))
    onward = forwarded(fields, arrival)
    if route.guest:
        assert caller is not None, "strangers ask no guests"
        onward = to_guest(onward, caller.subject, caller.namespace)
    named = correlation.current()
    if named is not None:
        onward.append((b"x-request-id", named.request_id.encode()))
        onward.append((b"traceparent", named.traceparent.encode()))
    return Passage(
        route,
        scope.get("method", "GET"),
        stripped(raw_path, route.strip) if route.strip else raw_path,
        "/" + "/".join(path[route.strip :]),
        query,
        onward,
        host,
        body_length(fields),
    )


class ClientGone(Exception):
    """Whoever sent the request has left before it was whole."""


class Upload:
    """A request's body, passed on piece by piece, no faster than it is taken.

    Args:
        receive: Where it comes from.
        limit: Bytes that it may have.
        progress: Called with each piece.
    """

    def __init__(self, receive: Receive, limit: int, progress: Callable[[], None]) -> None:
        self._receive = receive
        self._limit = limit
        self._progress = progress
        self.begun = False
        self.waiting = False
        self.done = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The pieces.

        Raises:
            ClientGone: The sender has left.
            PayloadTooLarge: It is longer than it may be.
        """
        self.begun = True
        size = 0
        more = True
        while more:
            self.waiting = True
            message = await self._receive()
            self.waiting = False
            if message["type"] == "http.disconnect":
                raise ClientGone
            self._progress()
            piece: bytes = message.get("body", b"")
            more = message.get("more_body", False)
            size += len(piece)
            if size > self._limit:
                raise PayloadTooLarge(self._limit)
            if not more:
                self.done.set()
            if piece:
                yield piece
