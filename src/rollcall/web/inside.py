# SPDX-License-Identifier: Apache-2.0
"""Asking an application of this process, without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from starlette.types import ASGIApp, Message, Scope

from rollcall.web.limits import COUNTED

_HOST: Final = (b"host", b"localhost")
Fields = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Inside:
    """An answer.

    Args:
        status: Its status.
        fields: Its header fields, with names in lower case.
        body: Its body.
    """

    status: int
    fields: Fields
    body: bytes


async def ask_inside(app: ASGIApp, path: str, query: bytes = b"", fields: Fields = ()) -> Inside:
    """What an application answers to a `GET`. It goes through all of its doors, as if it had come
    over the loopback, but is not counted against how often somebody may ask.

    Args:
        app: The application.
        path: Decoded.
        query: Encoded.
        fields: Header fields beside `host` and `accept`, with names in lower case.
    """
    status = 0
    head: Fields = ()
    body = bytearray()
    asked = False
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": quote(path).encode(),
        "query_string": query,
        "root_path": "",
        "headers": [_HOST, (b"accept", b"application/json"), *fields],
        "client": ("127.0.0.1", 0),
        "server": ("127.0.0.1", 0),
        "extensions": {},
        COUNTED: True,
    }

    async def receive() -> Message:
        nonlocal asked
        if asked:
            await asyncio.Event().wait()
        asked = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status, head
        if message["type"] == "http.response.start":
            status, head = message["status"], message.get("headers", ())
        else:
            body.extend(message.get("body", b""))

    await app(scope, receive, send)
    return Inside(status, head, bytes(body))
