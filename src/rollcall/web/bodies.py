# SPDX-License-Identifier: Apache-2.0
"""Bodies, read to their end before anybody acts on them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection

import numpy as np
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rollcall.kernel.errors import InvalidInput
from rollcall.web.limits import Limits
from rollcall.web.refusals import BodyTooSlow, PayloadTooLarge

# Possessive, so that a hostile text is read once however its quotes are placed.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_OTHER = bytes(set(range(256)) - set(b"[]{}"))


class BodyLimit:
    """Refuses bodies that are too long (413), that stop coming (408), and JSON that is no UTF-8 or
    nested too deep (422).

    It reads the whole body first, in however many pieces that comes: a handler that begins to
    work on half of a body which is refused later is worse than a megabyte of memory. Routes with
    the paths in `unbounded` read their bodies themselves, piece by piece.
    """

    def __init__(self, app: ASGIApp, limits: Limits, unbounded: Collection[str] = ()) -> None:
        self._app = app
        self._limits = limits
        self._unbounded = frozenset(unbounded)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope.get("path") in self._unbounded:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        length = headers.get("content-length")
        if length is not None and length.isdecimal() and int(length) > self._limits.body_bytes:
            raise PayloadTooLarge(self._limits.body_bytes)
        if length in (None, "0") and "transfer-encoding" not in headers:
            await self._app(scope, receive, send)
            return
        seconds = self._limits.body_seconds
        try:
            async with asyncio.timeout(seconds) as patience:
                body = await self._read(receive, patience)
        except ClientDisconnect:
            return
        except TimeoutError as error:
            raise BodyTooSlow(seconds) from error
        if is_json(headers.get("content-type")):
            check_json(body, self._limits.json_depth)
        await self._app(scope, _replay(body, receive), send)

    async def _read(self, receive: Receive, patience: asyncio.Timeout) -> bytes:
        loop = asyncio.get_running_loop()
        pieces: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            piece: bytes = message.get("body", b"")
            size += len(piece)
            if size > self._limits.body_bytes:
                raise PayloadTooLarge(self._limits.body_bytes)
            pieces.append(piece)
            if not message.get("more_body", False):
                return b"".join(pieces)
            patience.reschedule(loop.time() + self._limits.body_seconds)


def is_json(content_type: str | None) -> bool:
    """Whether a body of this type is read as JSON; one without a type may be."""
    if content_type is None:
        return True
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type.endswith(("/json", "+json"))


def check_json(body: bytes, depth: int) -> None:
    """Refuse a text that no JSON parser should be given (RFC 8259, sections 8.1 and 9).

    Raises:
        InvalidInput: It is not UTF-8, or arrays and objects are nested more than `depth` deep.
    """
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise InvalidInput("body", f"must be UTF-8, and byte {error.start} is not") from None
    # Other Unicode encodings of JSON have zero bytes, and would hide their brackets from us.
    if b"\0" in body:
        raise InvalidInput("body", "must be UTF-8 JSON, which has no zero bytes")
    if nested_deeper(body, depth):
        raise InvalidInput("body", f"must not be nested more than {depth} deep")


def nested_deeper(body: bytes, depth: int) -> bool:
    """Whether brackets outside of strings are open more than `depth` deep anywhere in `body`.

    Takes time in proportion to the length, whatever is in it, valid JSON or not.
    """
    if body.count(b"[") + body.count(b"{") <= depth:
        return False
    brackets = np.frombuffer(_STRING.sub(b"", body).translate(None, _OTHER), dtype=np.uint8)
    opening = (brackets == ord("[")) | (brackets == ord("{"))
    return bool(np.any(np.cumsum(np.where(opening, 1, -1)) > depth))


def _replay(body: bytes, receive: Receive) -> Receive:
    told = False

    async def once() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return once
