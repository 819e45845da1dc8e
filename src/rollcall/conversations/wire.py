# SPDX-License-Identifier: Apache-2.0
"""What HTTP says of conversations.

They are Pydantic models, since FastAPI reads and describes those; what they become is msgspec.
Amounts of money are decimal strings, times are UTC, durations are milliseconds.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import Field

from rollcall.conversations.models import ToolOutcome, TurnStatus
from rollcall.web.strict import Wire

MAX_NAME: Final = 200
"""Characters of a session's id, a user's, a model's name or an idempotency key."""
MAX_INPUT: Final = 100_000
"""Characters of a message."""
MAX_PAGE: Final = 1_000
DEFAULT_PAGE: Final = 100
VERSION: Final[Any] = Field(
    description="Of the definition, the one that the session keeps. None: it is the agent of the"
    " settings."
)


class ProcessRequest(Wire):
    """A message to the agent (document 1)."""

    session_id: str = Field(
        description="The conversation; a new name begins one. 1 to 200 printable characters, no"
        " slash."
    )
    user_input: str = Field(description="The message, up to 100,000 characters.")
    agent_id: str | None = Field(
        default=None,
        description="Who is to answer: the id of an agent's definition. By default whoever the"
        " session belongs to, and for a new one the agent of the settings. A session keeps the"
        " agent, and the version of its definition, that it began with.",
    )
    user_id: str | None = Field(
        default=None,
        description="On whose behalf; what they say may be remembered in their later sessions.",
    )
    model: str | None = Field(
        default=None,
        description="`provider:model`; by default the agent's, or the one of the settings.",
    )
    stream: bool = Field(
        default=False,
        description="Answer with server-sent events, as `Accept: text/event-stream` asks for too.",
    )
    idempotency_key: str | None = Field(
        default=None, description="The same as the header `Idempotency-Key`."
    )


class ToolUse(Wire):
    """A call of a tool: which, where, how long, and what became of it."""

    name: str = Field(description="What the model called it.")
    tool: str = Field(description="The name that its service gives it.")
    service: str
    instance: str | None = Field(description="The id of the instance that answered, or was tried.")
    url: str | None
    outcome: ToolOutcome
    duration_ms: float
    attempts: int
    error: str | None = None
    capability: str | None = Field(
        default=None, description="The id of the agent's capability that it belongs to."
    )


class ToolUseDetail(ToolUse):
    """The same with what went in and what came out."""

    call_id: str
    started_at: datetime
    arguments: dict[str, Any]
    result: Any = None


class UsageView(Wire):
    """What a turn used of a model."""

    model: str
    provider: str
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    requests: int
    estimated: bool = Field(description="Whether a number was counted here, not by the provider.")
    cost: Decimal | None = Field(description="None: nobody knows a price.")
    currency: str
    priced_by: str


class ProcessAnswer(Wire):
    """An answer of the agent (document 1)."""

    response: str
    session_id: str
    turn_id: str
    agent_id: str
    agent_version: int | None = VERSION
    status: TurnStatus
    tools_used: list[ToolUse]
    usage: UsageView | None
    duration_ms: float | None = Field(description="From the message to the answer.")
    created_at: datetime
    finished_at: datetime | None


class TurnView(Wire):
    """A message, and where its answer stands."""

    turn_id: str
    session_id: str
    number: int = Field(description="Its place in the session, from 1.")
    status: TurnStatus
    agent_id: str
    agent_version: int | None = VERSION
    user_id: str | None
    user_input: str
    response: str
    error: str | None
    error_type: str | None
    model: str | None = Field(description="The model that was asked for.")
    tools_used: list[ToolUseDetail]
    usage: UsageView | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    duration_ms: float | None


class ToolView(Wire):
    """A tool that the agent may use now."""

    name: str
    tool: str
    service: str
    description: str
    idempotent: bool
    input_schema: dict[str, Any] | None
    output_schema: dict[str, Any] | None
    protocol: str
    path: str
    version: str


class ToolList(Wire):
    """The tools (document 1)."""

    tools: list[ToolView]
    total_count: int


class Refreshed(Wire):
    """What a look at all services found (document 1)."""

    message: str
    tools_count: int


class SessionView(Wire):
    """A conversation."""

    session_id: str
    agent_id: str
    agent_version: int | None = VERSION
    user_id: str | None
    title: str
    turns: int = Field(description="How many it has.")
    created_at: datetime
    updated_at: datetime


class SessionDetail(Wire):
    """A conversation with a page of its turns."""

    session: SessionView
    turns: list[TurnView]


class Deleted(Wire):
    """A conversation is gone."""

    message: str
    deleted_turns: int


class Cancelled(Wire):
    """What was under way in a conversation was called off."""

    message: str
    turns: list[str] = Field(description="The ids of the turns that were called off.")


class SessionsQuery(Wire):
    """Which conversations."""

    user_id: str | None = Field(default=None, description="Only those of this user.")
    agent_id: str | None = Field(default=None, description="Only those of this agent.")
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = DEFAULT_PAGE
    cursor: str | None = Field(
        default=None, max_length=1000, description="From the Link of the page before."
    )


class TurnsQuery(Wire):
    """Which turns."""

    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = DEFAULT_PAGE
    after: Annotated[int, Field(ge=0, lt=2**31)] = Field(
        default=0, description="Only those behind this number."
    )
