# SPDX-License-Identifier: Apache-2.0
"""Answers in the chat protocol of OpenAI, as JSON and as chunks of a stream."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any, Final

from rollcall.testing.scripted_model.script import Call, Fails, Says, Used

_CREATED: Final = 1_750_000_000
DONE: Final = b"data: [DONE]\n\n"


class Writer:
    """Writes one answer.

    Args:
        says: What it says.
        asked: The model asked for.
        number: Which answer of the server it is.
        ids: Numbers for calls without a name.
    """

    def __init__(self, says: Says, asked: str, number: int, ids: count[int]) -> None:
        self._says = says
        self._ids = ids
        self._id = f"chatcmpl-{number}"
        self._model = says.model or asked
        self._calls = 0

    def whole(self) -> bytes:
        """The answer in one piece."""
        texts = [piece for piece in self._says.pieces if isinstance(piece, str)]
        calls = [self._call(piece) for piece in self._says.pieces if isinstance(piece, Call)]
        message: dict[str, Any] = {"role": "assistant", "content": "".join(texts) or None}
        if calls:
            message["tool_calls"] = calls
        choice = {"index": 0, "message": message, "finish_reason": self._says.finish}
        body = self._head("chat.completion") | {"choices": [choice]}
        if self._says.used is not None:
            body["usage"] = usage(self._says.used)
        return json.dumps(body).encode()

    def opening(self) -> bytes:
        """The chunk before anything is said."""
        return self._chunk({"role": "assistant", "content": ""})

    def piece(self, piece: str | Call) -> Iterator[bytes]:
        """The chunks of a piece."""
        if isinstance(piece, str):
            yield self._chunk({"content": piece})
            return
        call = self._call(piece)
        arguments = call["function"]["arguments"]
        index = self._calls
        self._calls += 1
        call["function"]["arguments"] = ""
        yield self._chunk({"tool_calls": [{"index": index, **call}]})
        more = {"index": index, "function": {"arguments": arguments}}
        yield self._chunk({"tool_calls": [more]})

    def closing(self, *, usage_wanted: bool) -> Iterator[bytes]:
        """The chunks behind everything that is said."""
        yield self._chunk({}, self._says.finish)
        if usage_wanted and self._says.used is not None:
            yield self._event(
                self._head("chat.completion.chunk")
                | {"choices": [], "usage": usage(self._says.used)}
            )
        yield DONE

    def _call(self, call: Call) -> dict[str, Any]:
        said = call.arguments
        arguments = said if isinstance(said, str) else json.dumps(dict(said))
        return {
            "id": call.id or f"call_{next(self._ids)}",
            "type": "function",
            "function": {"name": call.name, "arguments": arguments},
        }

    def _chunk(self, delta: Mapping[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return self._event(self._head("chat.completion.chunk") | {"choices": [choice]})

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": self._id, "object": kind, "created": _CREATED, "model": self._model}

    @staticmethod
    def _event(body: Mapping[str, Any]) -> bytes:
        return b"data: " + json.dumps(body).encode() + b"\n\n"


def usage(used: Used) -> dict[str, Any]:
    """What OpenAI says of the tokens of an answer."""
    return {
        "prompt_tokens": used.read,
        "completion_tokens": used.written,
        "total_tokens": used.read + used.written,
        "prompt_tokens_details": {"cached_tokens": used.cached},
    }


def problem(fails: Fails) -> bytes:
    """An error as OpenAI gives it."""
    error = {"message": fails.message, "type": "scripted_error", "param": None, "code": fails.code}
    return json.dumps({"error": error}).encode()
