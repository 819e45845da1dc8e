# SPDX-License-Identifier: Apache-2.0
"""HTTP over a bare socket: requests that no client library would send, in pieces of any size."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

PATIENCE = 20.0
"""Seconds until a server that says nothing counts as hanging."""


@dataclass(frozen=True)
class Answer:
    """What came back; the status is 0 where nothing did."""

    status: int
    kind: str
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def opened(url: str) -> socket.socket:
    """A connection to whoever answers at `url`, which sends each piece at once."""
    parts = urlsplit(url)
    connection = socket.create_connection((parts.hostname, parts.port), PATIENCE)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def head(method: str, path: str, *headers: str) -> bytes:
    """The first lines of a request, as they are given: nothing is escaped or checked."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *headers, "", ""]
    return "\r\n".join(lines).encode()


def chunked(body: bytes, size: int) -> Iterable[bytes]:
    """A body in chunks (RFC 9112, section 7.1)."""
    for start in range(0, len(body), size):
        piece = body[start : start + size]
        yield b"%x\r\n%b\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"


def exchange(url: str, method: str, pieces: Iterable[bytes]) -> Answer:
    """Send a request piece by piece, and read the answer.

    A server that has made up its mind may close before it has read everything.
    """
    with opened(url) as connection:
        try:
            for piece in pieces:
                connection.sendall(piece)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return _read(connection, method)


def abort(url: str, pieces: Sequence[bytes], *, reset: bool) -> None:
    """Send a part of a request, and go: politely, or with a reset."""
    connection = opened(url)
    for piece in pieces:
        connection.sendall(piece)
    if reset:
        linger = (1).to_bytes(4, "little") + (0).to_bytes(4, "little")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    connection.close()


def _read(connection: socket.socket, method: str) -> Answer:
    answer = http.client.HTTPResponse(connection, method=method)
    try:
        answer.begin()
        return Answer(answer.status, answer.getheader("Content-Type", ""), answer.read())
    except (ConnectionResetError, http.client.HTTPException):
        return Answer(0, "", b"")
