# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from bench.first_token.asking import Asker, NoText
from bench.first_token.measure import APART, DIRECTLY, GATEWAY, page
from bench.first_token.model import WORDS, app
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.types import Receive, Scope, Send

from support.gateways import served


async def said() -> AsyncIterator[bytes]:
    yield b"event: accepted\ndata: {}\n\n"
    yield b'event: text\ndata: {"text": "Good"}\n\n'
    yield b"event: done\ndata: {}\n\n"


async def silent() -> AsyncIterator[bytes]:
    yield b"event: accepted\ndata: {}\n\n"


async def service(scope: Scope, receive: Receive, send: Send) -> None:
    match scope["path"]:
        case "/said":
            answer = StreamingResponse(said(), media_type="text/event-stream")
        case "/silent":
            answer = StreamingResponse(silent(), media_type="text/event-stream")
        case _:
            answer = PlainTextResponse("no", 404)
    await answer(scope, receive, send)


def test_the_aim_is_told_for_every_way() -> None:
    text = page({DIRECTLY: [0.010, 0.020, 0.030], GATEWAY: [0.022], APART: [0.035]})
    assert f"| {DIRECTLY} | 20.00 ms | 30.00 ms |  |" in text
    assert f"- {GATEWAY}: 2.00 ms more, aim: under 10.00 ms: met" in text
    assert f"- {APART}: 15.00 ms more, aim: under 10.00 ms: MISSED" in text


def test_a_stream_without_a_word_is_no_figure() -> None:
    with served(service) as url:
        for path in ("/silent", "/nothing"):
            asker = Asker(url, path)
            with pytest.raises(NoText):
                asker.seconds({})
            asker.close()
        asker = Asker(url, "/said")
        assert asker.seconds({}) > 0
        assert asker.seconds({}) > 0
        asker.close()


def test_the_model_says_its_words_one_by_one() -> None:
    with served(app) as url:
        asker = Asker(url, "/v1/chat/completions")
        with pytest.raises(NoText) as silence:
            # It speaks as models do, and not as the agent service.
            asker.seconds({"stream": True})
        asker.close()
    assert str(silence.value).count("data: ") >= 1
    assert WORDS[0] in str(silence.value)
