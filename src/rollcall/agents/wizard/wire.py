# SPDX-License-Identifier: Apache-2.0
"""What HTTP says of the wizard. Amounts of money are decimal strings, times are UTC."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from rollcall.agents.wire import AgentFields
from rollcall.agents.wizard.models import Origin
from rollcall.agents.wizard.prompting import MAX_CUSTOM
from rollcall.web.strict import Wire

MAX_MESSAGE = 100_000
MAX_NAME = 200

Custom = Annotated[
    str | None,
    Field(
        max_length=MAX_CUSTOM,
        description="What the business wants beyond what its trade asks for. An empty text takes"
        " away what it added before; without the field that stays.",
    ),
]


class PromptRequest(Wire):
    """A prompt that is to be made."""

    custom_prompt: Custom = None
    save: bool = Field(
        default=True,
        description="Whether the agent is told so from now on, as the next version of its"
        " definition. `false` only shows it.",
    )


class Metadata(Wire):
    """An agent's industry."""

    name: str | None = Field(description="None: the library has no such industry.")
    icon: str | None
    has_custom_prompt: bool


class Prompt(Wire):
    """What an agent is told to be (document 4)."""

    system_prompt: str
    industry_metadata: Metadata
    agent_id: str
    business_name: str | None
    version: str = Field(description="Of the definition, the one that says so if it was saved.")
    saved: bool


class IssueView(Wire):
    """What keeps an agent from its work."""

    field: str
    problem: str
    how: str = Field(description="How to mend it.")


class ReadinessView(Wire):
    """Whether an agent can begin its work (document 4)."""

    ready: bool
    issues: list[IssueView]
    industry_metadata: Metadata


class IndustryView(Wire):
    """An industry that may be chosen (document 4)."""

    value: str
    label: str
    icon: str


class ExampleView(Wire):
    """An exchange as it should be."""

    visitor: str
    agent: str


class IndustryDetail(IndustryView):
    """All that the library says of an industry."""

    summary: str
    role: str
    helps_with: list[str]
    asks_for: list[str]
    rules: list[str]
    never: list[str]
    hand_over: list[str]
    tone: str
    examples: list[ExampleView]
    greeting: str


class Rates(Wire):
    """US dollars for a million tokens; None: the list has no such price."""

    input: Decimal | None
    output: Decimal | None
    cached_input: Decimal | None


class Tier(Rates):
    """What all tokens cost where more are read than a number."""

    above_input_tokens: int


class Price(Rates):
    """What a model costs."""

    currency: Literal["USD"] = "USD"
    per_tokens: int = 1_000_000
    tiers: list[Tier]
    source: str
    as_of: datetime


class ModelView(Wire):
    """A model that may be chosen (document 4)."""

    value: str = Field(description="`provider:model`.")
    label: str
    price: Price | None = Field(description="None: nobody knows one.")
    provider: str
    reachable: bool = Field(description="Whether the settings of this installation reach it.")
    needs: str | None = Field(description="What they would need for that.")


class InterfaceLimitsView(Wire):
    """What an interface takes."""

    message_characters: int


class InterfaceView(Wire):
    """Through what people talk to an agent."""

    value: str
    label: str
    limits: InterfaceLimitsView
    writing: list[str]


class FileView(Wire):
    """A file that was loaded."""

    name: str
    origin: Origin
    keys: list[str] = Field(description="What of it counts; the rest is replaced, or hidden.")


class RefusedView(Wire):
    """An attempt to load that failed: everything stayed as it was."""

    problem: str
    at: datetime


class ConfigView(Wire):
    """What the wizard of this process has loaded."""

    revision: str = Field(description="The same for the same content.")
    loaded_at: datetime
    industries: list[str]
    interfaces: list[str]
    models: list[str]
    files: list[FileView]
    refused: RefusedView | None = Field(
        description="The last attempt, if it failed. Only those who run this process see why."
    )


class PreviewRequest(AgentFields):
    """An agent that is not kept yet."""

    custom_prompt: Custom = None


class PreviewView(Wire):
    """What would become of it."""

    system_prompt: str
    greeting: str
    industry_metadata: Metadata
    yaml: str = Field(description="Its definition, as `rollcall agents apply` takes it.")
    issues: list[IssueView]


class ChatRequest(Wire):
    """A message to an agent."""

    message: str = Field(description="Up to 100,000 characters.")
    session_id: str | None = Field(
        default=None, description="The conversation to go on with; without it a new one begins."
    )
    user_id: str | None = Field(default=None, description="On whose behalf.")
    stream: bool = Field(default=False, description="Answer with server-sent events.")
