# SPDX-License-Identifier: Apache-2.0
"""What conversations are made of: sessions, turns, what ran for them and what they cost."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal

import msgspec

DEFAULT_AGENT = "assistant"
"""Who answers where a request names nobody: the agent of the settings. No definition goes by it."""


class ToolSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A tool as a model is shown it.

    Args:
        name: What the model calls it, unique among those that it is shown: the tool's own name,
            or, where two services have a tool of that name, the name with the service behind it.
        tool: The name that its service gives it.
        service: The name of the service that has it.
        description: What it does, in the service's words.
        input_schema: JSON Schema of its arguments, an object; None: the service says nothing of
            them, and it is called with `{"input": "<the words>"}` and what else the model gives.
        output_schema: JSON Schema of its result; None: unknown.
        idempotent: Whether calling it twice does no more than calling it once.
        protocol: How it is called.
        path: Where it is called at its service.
        version: Changes whenever anything above does, except `name`.
    """

    name: str
    tool: str
    service: str
    description: str
    input_schema: dict[str, Any] | None
    output_schema: dict[str, Any] | None = None
    idempotent: bool = False
    protocol: Literal["http", "mcp"] = "http"
    path: str = ""
    version: str = ""


class ToolOutcome(StrEnum):
    """What became of a call."""

    OK = "ok"
    FAILED = "failed"
    """The tool answered, and said that it did not work."""
    REFUSED = "refused"
    """The arguments were none that the tool takes; it was not run."""
    UNAVAILABLE = "unavailable"
    """No instance could be reached; it did not run."""
    UNKNOWN = "unknown"
    """It was sent to a tool that is not idempotent, and the answer was lost: it may have run."""
    CANCELLED = "cancelled"
    """Somebody called the turn off meanwhile; it may have run."""


class ToolRun(msgspec.Struct, frozen=True, kw_only=True):
    """One call of a tool, as the answer tells of it.

    Args:
        call_id: Names the call; sent along, so that a service can tell a repeated one.
        name: What the model called it.
        tool: The name that its service gives it.
        service: The name of the service.
        arguments: What it was called with.
        outcome: What became of it.
        started_at: When.
        duration_ms: How long it took, with all attempts, in milliseconds.
        instance: The id of the instance that answered, or was tried last; None: there was none.
        url: Where that instance is.
        attempts: How many times it was sent or tried to be sent.
        result: What the tool said, as JSON has it; None where `outcome` is not `ok`.
        error: Why it did not work, for people and for the model.
        capability: The id of the agent's capability that the call belongs to; None: of none.
    """

    call_id: str
    name: str
    tool: str
    service: str
    arguments: dict[str, Any]
    outcome: ToolOutcome
    started_at: datetime
    duration_ms: float
    instance: str | None = None
    url: str | None = None
    attempts: int = 0
    result: Any = None
    error: str | None = None
    capability: str | None = None


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What a turn used of a model.

    Args:
        model: The model's name, as its provider knows it; `offline-planner` where there is none.
        provider: Whose it is.
        input_tokens: Tokens read, those from a cache included.
        output_tokens: Tokens written.
        cached_tokens: Those of `input_tokens` that came from the provider's cache.
        requests: How many times the model was asked.
        estimated: Whether a number above was not told by the provider but counted here.
        cost: What that costs by the list prices of `priced_by`; None: nobody knows a price.
        currency: ISO 4217.
        priced_by: Where the price is from, with its version; empty where `cost` is None.
    """

    model: str
    provider: str
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    requests: int = 0
    estimated: bool = False
    cost: Decimal | None = None
    currency: str = "USD"
    priced_by: str = ""


class Exchange(msgspec.Struct, frozen=True):
    """An earlier message and its answer, as a model is told of them."""

    user_input: str
    response: str


class TurnStatus(StrEnum):
    """Where a turn stands."""

    ACCEPTED = "accepted"
    """It is kept, and waits for the turns before it."""
    RUNNING = "running"
    ANSWERED = "answered"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        return self in {TurnStatus.ANSWERED, TurnStatus.FAILED, TurnStatus.CANCELLED}


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """One message of a user and what was answered to it.

    Args:
        id: Names it for good (`turn_...`).
        namespace: Whose it is.
        session_id: The conversation it belongs to; the user's choice.
        number: Its place there, from 1.
        agent_id: Who answers: a definition's id, or `DEFAULT_AGENT`.
        user_input: What the user said.
        status: Where it stands.
        created_at: When it was accepted.
        agent_version: The version of the definition that answers; None: it is `DEFAULT_AGENT`.
        user_id: Who said it; None: nobody told.
        model: The model asked for; None: the agent's, or the one of the settings.
        idempotency_key: What tells a repeated request; None: nothing.
        started_at: When the model was first asked.
        finished_at: When it ended.
        response: What was answered, or the part of it that there was when it ended.
        error: Why there is no answer, for people; None: there is one, or will be.
        error_type: The same for programs, such as `model-unavailable`.
        tools: The calls made for it, in order.
        usage: What it used; None: nothing was asked of a model yet.
        history: What was said before; None: what the session has.
        instructions: What the caller told the agent to be, beside what it is.
        correlation_id: The chain of acts that it belongs to.
        owner: Who sent it, as the audit log knows them; idempotency keys are theirs.
    """

    id: str
    namespace: str
    session_id: str
    number: int
    agent_id: str
    user_input: str
    status: TurnStatus
    created_at: datetime
    agent_version: int | None = None
    user_id: str | None = None
    model: str | None = None
    idempotency_key: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    response: str = ""
    error: str | None = None
    error_type: str | None = None
    tools: tuple[ToolRun, ...] = ()
    usage: Usage | None = None
    history: tuple[Exchange, ...] | None = None
    instructions: str = ""
    correlation_id: str = ""
    owner: str = ""


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation.

    Args:
        namespace: Whose it is.
        session_id: The user's name for it.
        agent_id: Who answers.
        agent_version: The version of the definition that it began with, and keeps; None: it is
            `DEFAULT_AGENT`.
        created_at: When its first message was accepted.
        updated_at: When something last happened in it.
        turns: How many it has.
        user_id: Who talks; None: nobody told.
        title: The beginning of its first message.
    """

    namespace: str
    session_id: str
    agent_id: str
    created_at: datetime
    updated_at: datetime
    turns: int
    agent_version: int | None = None
    user_id: str | None = None
    title: str = ""


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """A message to an agent.

    Args:
        namespace: Whose it is.
        session_id: The conversation.
        user_input: The message, one character or more.
        owner: Who sends it, as the audit log knows them.
        agent_id: Who is to answer: a definition's id, or `DEFAULT_AGENT`; None: whoever the
            session belongs to, and `DEFAULT_AGENT` where it is new.
        user_id: On whose behalf; None: nobody told.
        model: `provider:model`; None: the agent's, or the one of the settings.
        idempotency_key: Repeating a request with the same key is answered with the same turn.
        history: What was said before; None: what the session has.
        instructions: What the caller tells the agent to be, beside what it is.
        correlation_id: The chain of acts that it belongs to.
    """

    namespace: str
    session_id: str
    user_input: str
    owner: str
    agent_id: str | None = None
    user_id: str | None = None
    model: str | None = None
    idempotency_key: str | None = None
    history: tuple[Exchange, ...] | None = None
    instructions: str = ""
    correlation_id: str = ""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one turn may use. None: as much as it likes.

    Args:
        steps: Times that the model is asked.
        tool_calls: Calls of tools.
        tokens: Tokens read and written.
        seconds: Time from the start to the answer.
        cost: Money, in `Usage.currency`; counts only where there is a price.
        tool_seconds: Time of one call of a tool, with all attempts.
    """

    steps: int | None = 12
    tool_calls: int | None = 24
    tokens: int | None = 200_000
    seconds: float | None = 120.0
    cost: Decimal | None = None
    tool_seconds: float = 30.0


class TextPart(msgspec.Struct, frozen=True, tag="text"):
    """A piece of the answer, to be put behind the pieces before it."""

    text: str


class ToolStarted(msgspec.Struct, frozen=True, tag="tool_started"):
    """A tool is being called."""

    call_id: str
    name: str
    service: str
    arguments: dict[str, Any]


class ToolFinished(msgspec.Struct, frozen=True, tag="tool_finished"):
    """A call of a tool has ended."""

    run: ToolRun


class TextReset(msgspec.Struct, frozen=True, tag="text_reset"):
    """What was said so far was not the answer (the model went on to call tools)."""


class TurnChanged(msgspec.Struct, frozen=True, tag="turn"):
    """A turn was accepted, began or ended."""

    turn: Turn


LoopEvent = TextPart | TextReset | ToolStarted | ToolFinished
"""What happens while a model answers."""

Update = LoopEvent | TurnChanged
"""What somebody who follows a turn is told. The last one is a `TurnChanged` with a turn that has
ended."""
