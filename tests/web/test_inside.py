# SPDX-License-Identifier: Apache-2.0
"""Asking an application of this process: whole answers, and those that come bit by bit."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest
from starlette.types import Message, Receive, Scope, Send

from rollcall.web.inside import Asked, answered_inside, ask_inside, stream_inside
from rollcall.web.limits import COUNTED

START: Message = {"type": "http.response.start", "status": 200, "headers": [(b"x-a", b"1")]}


def piece(body: bytes, *, more: bool = True) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": more}


class Counting:
    """An application that sends pieces for as long as somebody takes them."""

    def __init__(self) -> None:
        self.sent = 0
        self.gone = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(START)
        leaving = asyncio.ensure_future(receive())
        while not leaving.done():
            await send(piece(b"%d" % self.sent))
            self.sent += 1
            await asyncio.sleep(0)
        self.gone.set()


async def turns(count: int = 100) -> None:
    """Let everything that can go on go on."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_a_slow_reader_holds_the_application_up() -> None:
    app = Counting()
    async with stream_inside(app, Asked("/")) as answer, aclosing(answer.pieces()) as pieces:
        await turns()
        assert app.sent <= 2
        assert [await anext(pieces) for _ in range(3)] == [b"0", b"1", b"2"]
        await turns()
        assert app.sent <= 5


async def test_an_application_is_told_when_its_reader_leaves_and_ends_by_itself() -> None:
    app = Counting()
    async with stream_inside(app, Asked("/")) as answer:
        assert answer.status == 200
        await turns()
    assert app.gone.is_set()


async def test_a_body_goes_in_with_its_length() -> None:
    seen: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)
        message = await receive()
        await send(START)
        await send(piece(message["body"] * 2))
        await send(piece(b"!", more=False))

    asked = Asked("/a b", b"c=1", [(b"x-b", b"2")], "POST", b"word")
    answer = await answered_inside(app, asked)
    assert (answer.status, answer.fields, answer.body) == (200, [(b"x-a", b"1")], b"wordword!")
    (scope,) = seen
    assert (scope["method"], scope["raw_path"], scope["query_string"]) == (
        "POST",
        b"/a%20b",
        b"c=1",
    )
    assert (b"content-length", b"4") in scope["headers"]
    assert (b"x-b", b"2") in scope["headers"]
    assert scope[COUNTED]


async def test_what_an_application_raises_reaches_whoever_asked() -> None:
    async def early(scope: Scope, receive: Receive, send: Send) -> None:
        raise LookupError("nothing here")

    async def late(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        await send(piece(b"half"))
        raise LookupError("no more")

    with pytest.raises(LookupError, match="nothing here"):
        await ask_inside(early, "/")
    async with stream_inside(late, Asked("/")) as answer:
        pieces = answer.pieces()
        assert await anext(pieces) == b"half"
        with pytest.raises(LookupError, match="no more"):
            await anext(pieces)
