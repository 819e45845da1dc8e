# SPDX-License-Identifier: Apache-2.0
"""A model that answers at once and always the same way: one call of a tool, then a sentence.

Speaks enough of OpenAI's chat protocol for pydantic-ai, streaming and not. Run as
`python -m bench.agent.model PORT`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

USED = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}


def said(asked: dict[str, Any]) -> dict[str, Any]:
    """What the model says to a conversation."""
    if asked["messages"][-1]["role"] == "tool":
        return {"role": "assistant", "content": "The result is 15."}
    (tool,) = (one for one in asked["tools"] if one["function"]["name"] == "calculate")
    call = {
        "id": "call_1",
        "type": "function",
        "function": {"name": tool["function"]["name"], "arguments": '{"expression": "10 + 5"}'},
    }
    return {"role": "assistant", "content": None, "tool_calls": [call]}


async def complete(request: Request) -> Response:
    asked = await request.json()
    message = said(asked)
    why = "tool_calls" if message.get("tool_calls") else "stop"
    if asked.get("stream"):
        return Response(b"".join(_pieces(message, why)), media_type="text/event-stream")
    choice = {"index": 0, "message": message, "finish_reason": why}
    return JSONResponse(_answer("chat.completion", [choice], USED))


def _pieces(message: dict[str, Any], why: str) -> Iterator[bytes]:
    calls = [{"index": 0, **one} for one in message.get("tool_calls", ())]
    delta = {**message, "tool_calls": calls} if calls else message
    for choices, used in (
        ([{"index": 0, "delta": delta, "finish_reason": None}], None),
        ([{"index": 0, "delta": {}, "finish_reason": why}], None),
        ([], USED),
    ):
        answer = _answer("chat.completion.chunk", choices, used)
        yield b"data: " + json.dumps(answer).encode() + b"\n\n"
    yield b"data: [DONE]\n\n"


def _answer(kind: str, choices: list[Any], used: dict[str, int] | None) -> dict[str, Any]:
    usage = {} if used is None else {"usage": used}
    head = {"id": "chat_1", "object": kind, "created": 1_750_000_000, "model": "scripted"}
    return {**head, "choices": choices, **usage}


app = Starlette(routes=[Route("/v1/chat/completions", complete, methods=["POST"])])

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
