# SPDX-License-Identifier: Apache-2.0
"""What analytics answers. Where nothing is known, averages, rates, percentiles and changes are
null; counts and sums of nothing are 0 and "0". Amounts are decimal strings.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from rollcall.analytics.models import Status


class Figure(BaseModel):
    """Something that is answered."""

    model_config = ConfigDict(frozen=True, serialize_by_alias=True, validate_by_name=True)


class PeriodFigure(Figure):
    """Whole local days."""

    first: Annotated[date, Field(alias="from")]
    last: Annotated[date, Field(alias="to")]
    days: int
    time_zone: str


class ConversationFigure(Figure):
    """A message with its answer; texts are null where they were erased."""

    id: str
    conversation_id: str
    agent_id: str
    agent_version: str | None
    session_id: str | None
    user_message: str | None
    agent_response: str | None
    tokens_used: int
    cost: str | None
    currency: str | None
    response_time_ms: float | None
    satisfaction_score: int | None
    model_used: str | None
    status: Status
    error_type: str | None
    timestamp: datetime


class Totals(Figure):
    """What conversations come to."""

    total_conversations: int
    failed_conversations: int
    total_sessions: Annotated[
        int, Field(description="One that talks with two agents counts for each.")
    ]
    success_rate: float | None
    total_tokens: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    estimated_tokens: Annotated[int, Field(description="Of all; counted here, not told.")]
    total_cost: Annotated[str, Field(description="By the providers' list prices.")]
    currency: str
    other_costs: Annotated[dict[str, str], Field(description="In other currencies.")]
    unpriced_usages: Annotated[int, Field(description="Whose cost nobody knows.")]
    charged_amount: Annotated[
        str | None, Field(description="In `currency`; null: nothing was charged in it.")
    ]
    other_charges: Annotated[dict[str, str], Field(description="In other currencies.")]
    average_response_time_ms: float | None
    average_satisfaction: float | None
    satisfaction_count: int


class Percentiles(Figure):
    """Response times in milliseconds that so many percent of the answers did not exceed."""

    p50: float
    p90: float
    p95: float
    p99: float


class DayFigure(Figure):
    """One local day."""

    day: date
    conversations: int
    failed: int
    tokens: int
    cost: str


class ModelFigure(Figure):
    """One model."""

    model: str | None
    provider: str | None
    conversations: int
    tokens: int
    cost: str


class VersionFigure(Figure):
    """One version of an agent's definition."""

    version: str | None
    conversations: int
    failed: int
    success_rate: float | None
    tokens: int
    cost: str
    average_response_time_ms: float | None
    average_satisfaction: float | None


class Stats(Totals):
    """A period, and how it compares with as many days before."""

    period: PeriodFigure
    response_time_percentiles: Percentiles | None
    by_day: list[DayFigure]
    by_model: list[ModelFigure]
    previous: Totals
    change: Annotated[
        Mapping[str, float | None],
        Field(description="Against `previous`: 0.1 is ten percent more; null: nothing to compare."),
    ]
    data: bool


class AgentFigure(Figure):
    """What an agent did in a period."""

    agent_id: str
    agent_name: str | None
    industry: str | None
    status: str | None
    conversations: int
    failed: int
    success_rate: float | None
    sessions: int
    tokens: int
    cost: str
    currency: str
    average_response_time_ms: float | None
    p95_response_time_ms: float | None
    average_satisfaction: float | None
    last_conversation_at: Annotated[datetime | None, Field(description="Ever.")]
    data: bool


class AgentDetail(AgentFigure):
    """The same, in detail."""

    period: PeriodFigure
    response_time_percentiles: Percentiles | None
    by_version: list[VersionFigure]
    by_model: list[ModelFigure]
    by_day: list[DayFigure]


class IndustryFigure(Figure):
    """What the agents of one line of business did in a period."""

    industry: Annotated[str | None, Field(description="null: of these agents none is known.")]
    agents: int
    conversations: int
    failed: int
    success_rate: float | None
    tokens: int
    cost: str
    currency: str
    average_response_time_ms: float | None
    average_satisfaction: float | None
    data: bool


class Overview(Totals):
    """A period at a glance."""

    period: PeriodFigure
    change: Mapping[str, float | None]
    top_agents: list[AgentFigure]
    top_models: list[ModelFigure]
    industries: list[IndustryFigure]
    data: bool


class Summary(Figure):
    """Everything since the beginning, for a page's head."""

    total_conversations: int
    conversations_today: int
    active_agents: Annotated[
        int, Field(description="Those whose definition is active, or that had to answer today.")
    ]
    total_agents: int
    total_tokens: int
    total_cost: str
    currency: str
    average_response_time_ms: float | None
    average_satisfaction: float | None
    success_rate: float | None
    data: bool
    as_of: datetime


def shown(amount: Decimal) -> str:
    """An amount in plain digits, without zeros at the end."""
    text = format(amount, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def milliseconds(response_us: float) -> float:
    """Microseconds as what people read."""
    return round(response_us / 1000, 3)
