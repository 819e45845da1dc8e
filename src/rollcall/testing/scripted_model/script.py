# SPDX-License-Identifier: Apache-2.0
"""What a scripted model may be told to do, and what it was asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a tool that the model asks for.

    Args:
        name: The tool; one that nobody offered is sent as it is.
        arguments: What it is called with; a text is sent as it is, whether it is JSON or not.
        id: The call's name; None: `call_1` and so on, counted over the whole script.
    """

    name: str
    arguments: Mapping[str, Any] | str = field(default_factory=dict[str, Any])
    id: str | None = None


class Cut:
    """Breaks the connection, where it stands among the pieces of an answer."""


@dataclass(frozen=True, slots=True)
class Used:
    """Tokens that the provider says were used.

    Args:
        read: Tokens read, those from the cache included.
        written: Tokens written.
        cached: Tokens from the cache.
    """

    read: int = 10
    written: int = 5
    cached: int = 0


Piece = str | Call | asyncio.Event | Cut
"""Of an answer: text, a call, something to wait for, or its violent end."""

USED: Final = Used()


class Says:
    """An answer, streamed or in one piece, as the request asks for.

    Args:
        pieces: What it is made of. Streamed, each text is a chunk, and each call two.
        used: What it cost; None: the provider does not say.
        model: The model that it says it is; None: the one asked for.
        finish: Why it ended; None: `tool_calls` where there are calls, otherwise `stop`.
    """

    def __init__(
        self,
        *pieces: Piece,
        used: Used | None = USED,
        model: str | None = None,
        finish: str | None = None,
    ) -> None:
        self.pieces = pieces
        self.used = used
        self.model = model
        called = any(isinstance(piece, Call) for piece in pieces)
        self.finish = finish or ("tool_calls" if called else "stop")


@dataclass(frozen=True, slots=True)
class Fails:
    """An error, in the form that OpenAI gives it.

    Args:
        status: The HTTP status.
        message: What it says to people.
        code: What it says to programs.
        retry_after: Seconds of the header `Retry-After`; None: there is none.
    """

    status: int
    message: str = "this is what the script says"
    code: str | None = None
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Hangs:
    """Takes the request and breaks the connection without an answer.

    Args:
        until: When it does so; None: at once.
    """

    until: asyncio.Event | None = None


@dataclass(frozen=True, slots=True)
class Raw:
    """A body of any kind, at any path: also an answer in the protocol of another provider.

    Args:
        body: The body.
        content_type: What it is said to be.
        status: The HTTP status.
        cut: Whether the connection breaks behind it, where more was promised.
    """

    body: bytes
    content_type: str = "text/html"
    status: int = 200
    cut: bool = False


Answer = Says | Fails | Hangs | Raw
"""What a request is answered with."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request that came.

    Args:
        method: `POST`.
        path: `/v1/chat/completions`, where the client speaks the protocol of OpenAI.
        headers: By lower-case name.
        body: What it says, as JSON has it.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]

    @property
    def messages(self) -> list[dict[str, Any]]:
        """What the model is told, the oldest first."""
        return cast("list[dict[str, Any]]", self.body.get("messages", []))

    @property
    def tools(self) -> list[str]:
        """The names of the tools that the model is offered."""
        offered = cast("list[dict[str, Any]]", self.body.get("tools", []))
        return [one["function"]["name"] for one in offered]

    @property
    def streamed(self) -> bool:
        """Whether the answer is to come in pieces."""
        return bool(self.body.get("stream"))

    def told(self, role: str) -> list[str]:
        """What messages of a role say, the oldest first."""
        return [_text(one.get("content")) for one in self.messages if one.get("role") == role]


Script = Answer | Callable[[Request], Answer]
"""An entry of a script: an answer, or what makes one of the request."""


def _text(content: object) -> str:
    return content if isinstance(content, str) else json.dumps(content)
