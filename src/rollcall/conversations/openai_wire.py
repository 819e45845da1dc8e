# SPDX-License-Identifier: Apache-2.0
"""The part of OpenAI's chat completions that the agent speaks: the wire, and what it means here.

    model                  `rollcall` (the agent with its default model), `agent:<id>` (the agent of
                           a definition), or one of `/v1/models`
    messages               text alone. system, developer: what the agent is told to be; the last
                           words of the user: the message; before them: what was said before
    stream, stream_options as OpenAI has them
    user                   on whose behalf
    n                      1
    tools, functions       refused, unless `tool_choice` is `none`: the agent uses the tools that
                           the registry knows, and calls them itself
    response_format        text
    logprobs, audio        refused

Everything else (`temperature`, `max_tokens`, `stop`, `seed` ...) is taken and has no effect: what a
turn may use is for the settings of the service.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from rollcall.conversations import translate, wire
from rollcall.conversations.models import Exchange
from rollcall.kernel.errors import InvalidInput

AGENT = "rollcall"
"""The model that is the agent with whatever model is its default."""

AGENTS = "agent:"
"""What the model begins with that is the agent of a definition; its id stands behind it."""

Role = Literal["system", "developer", "user", "assistant", "tool", "function"]


class _Lenient(BaseModel):
    """What other servers understand as well: a field that is new here is none of our business."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Part(_Lenient):
    """A piece of a message."""

    type: str
    text: str | None = None
    refusal: str | None = None


class Message(_Lenient):
    """Something that was said."""

    role: Role
    content: str | list[Part] | None = None
    tool_calls: list[Any] | None = None


class StreamOptions(_Lenient):
    """What a stream tells beside the answer."""

    include_usage: bool | None = None


class ResponseFormat(_Lenient):
    """What an answer must look like."""

    type: str


class ChatRequest(_Lenient):
    """`POST /v1/chat/completions`."""

    model: str
    messages: list[Message] = Field(min_length=1, max_length=wire.MAX_PAGE)
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    user: str | None = None
    n: int | None = None
    tools: list[Any] | None = None
    functions: list[Any] | None = None
    tool_choice: str | dict[str, Any] | None = None
    response_format: ResponseFormat | None = None
    logprobs: bool | None = None
    modalities: list[str] | None = None
    audio: dict[str, Any] | None = None


class Talk(NamedTuple):
    """What the messages of a request come to."""

    user_input: str
    history: tuple[Exchange, ...]
    instructions: str


def check(asked: ChatRequest) -> None:
    """Refuse what would have an answer that is not what was asked for.

    Raises:
        InvalidInput: It asks for something that the agent does not do.
    """
    if asked.n not in (None, 1):
        raise InvalidInput("n", "must be 1: there is one answer")
    for name, given in (("tools", asked.tools), ("functions", asked.functions)):
        if given and asked.tool_choice != "none":
            raise InvalidInput(
                name,
                "cannot be given: the agent calls the tools that its registry knows, by itself;"
                " leave them out, or say tool_choice: none",
            )
    if asked.response_format is not None and asked.response_format.type != "text":
        raise InvalidInput("response_format", "must be text")
    if asked.logprobs:
        raise InvalidInput("logprobs", "cannot be told")
    if asked.audio is not None or (asked.modalities is not None and asked.modalities != ["text"]):
        raise InvalidInput("modalities", "must be text alone")


def talk(messages: list[Message]) -> Talk:
    """What was said before, what is said now, and what the agent is told to be.

    What one side says several times in a row counts as said at once.

    Raises:
        InvalidInput: There is something else than text, a tool spoke, or it is not the user's turn.
    """
    instructions: list[str] = []
    said: list[tuple[str, list[str]]] = []
    for number, one in enumerate(messages):
        field = f"messages.{number}"
        if one.role in ("tool", "function") or one.tool_calls:
            raise InvalidInput(
                f"{field}.role", "cannot be about calls of tools: the agent makes them itself"
            )
        text = _text(f"{field}.content", one)
        if one.role in ("system", "developer"):
            instructions.append(text)
        elif said and said[-1][0] == one.role:
            said[-1][1].append(text)
        else:
            said.append((one.role, [text]))
    if not said or said[-1][0] != "user":
        raise InvalidInput("messages", "must end with what the user says")
    *before, (_, last) = said
    return Talk(
        user_input=translate.message("messages", _joined(last)),
        history=tuple(_exchanges(before)),
        instructions=_joined(instructions),
    )


def _exchanges(said: list[tuple[str, list[str]]]) -> list[Exchange]:
    """The two sides in turns, the user first, whom an assistant's greeting answers."""
    if said and said[0][0] == "assistant":
        said = [("user", ["Hello"]), *said]
    texts = [_joined(words) for _, words in said]
    return [Exchange(*pair) for pair in zip(texts[::2], texts[1::2], strict=True)]


def _text(field: str, one: Message) -> str:
    if one.content is None:
        if one.role == "assistant":
            return ""
        raise InvalidInput(field, "must not be empty")
    if isinstance(one.content, str):
        return one.content
    words: list[str] = []
    for number, part in enumerate(one.content):
        text = part.refusal if part.type == "refusal" else part.text
        if part.type not in ("text", "refusal") or text is None:
            raise InvalidInput(
                f"{field}.{number}", f"must be text: the agent reads nothing else, no {part.type!a}"
            )
        words.append(text)
    return "".join(words)


def _joined(words: list[str]) -> str:
    return "\n\n".join(word for word in words if word)
