# SPDX-License-Identifier: Apache-2.0
"""A model that begins to answer at once and says a few words, each in a piece of its own.

Speaks enough of OpenAI's chat protocol for pydantic-ai. Run as
`python -m bench.first_token.model PORT`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from typing import Any, Final

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

WORDS: Final = ("Good", " day", ",", " how", " can", " I", " help", "?")
USED: Final = {"prompt_tokens": 100, "completion_tokens": 8, "total_tokens": 108}


async def complete(request: Request) -> Response:
    """Answers whatever is asked."""
    asked = await request.json()
    if asked.get("stream"):
        return StreamingResponse(pieces(), media_type="text/event-stream")
    message = {"role": "assistant", "content": "".join(WORDS)}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return JSONResponse(_answer("chat.completion", [choice], USED))


async def pieces() -> AsyncIterator[bytes]:
    """The events of an answer."""
    for word in WORDS:
        delta = {"role": "assistant", "content": word}
        yield _event([{"index": 0, "delta": delta, "finish_reason": None}], None)
    yield _event([{"index": 0, "delta": {}, "finish_reason": "stop"}], None)
    yield _event([], USED)
    yield b"data: [DONE]\n\n"


def _event(choices: list[Any], used: dict[str, int] | None) -> bytes:
    said = json.dumps(_answer("chat.completion.chunk", choices, used))
    return f"data: {said}\n\n".encode()


def _answer(kind: str, choices: list[Any], used: dict[str, int] | None) -> dict[str, Any]:
    usage = {} if used is None else {"usage": used}
    head = {"id": "chat_1", "object": kind, "created": 1_750_000_000, "model": "scripted"}
    return {**head, "choices": choices, **usage}


app = Starlette(routes=[Route("/v1/chat/completions", complete, methods=["POST"])])

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
