# SPDX-License-Identifier: Apache-2.0
"""Requests given to the short way of an application, as its server would."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from starlette.types import Message

from rollcall.web.module import express_of


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> Any:
        return json.loads(self.content)


async def short_way(
    app: FastAPI,
    method: str,
    url: str,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
) -> Answer | None:
    """The short way's answer; None: it declined."""
    sent = {"host": "localhost"}
    if body:
        sent |= {"content-type": "application/json", "content-length": str(len(body))}
    raw = [(k.encode(), v.encode()) for k, v in {**sent, **(headers or {})}.items()]
    express = express_of(app)
    ticket = express.admit(method.encode(), url.encode(), raw)
    answer = None if ticket is None else express.answer(ticket, body, "127.0.0.1")
    if answer is None:
        return None
    if isinstance(answer, bytes):
        return _parsed(answer)
    messages: list[Message] = []

    async def send(message: Message) -> None:
        messages.append(message)

    scope = {"type": "http", "method": method, "path": url, "headers": raw, "query_string": b""}
    await answer(scope, _nothing, send)
    start, *rest = messages
    told = {name.decode().lower(): value.decode() for name, value in start["headers"]}
    return Answer(start["status"], told, b"".join(one.get("body", b"") for one in rest))


async def _nothing() -> Message:
    return {"type": "http.disconnect"}


def _parsed(answer: bytes) -> Answer:
    head, _, content = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    told = dict(line.split(": ", 1) for line in lines)
    assert int(told["content-length"]) == len(content)
    return Answer(int(first.split()[1]), told, content)
