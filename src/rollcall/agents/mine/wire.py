# SPDX-License-Identifier: Apache-2.0
"""What HTTP says of my agents."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from rollcall.agents.mine.models import Operation
from rollcall.agents.mine.service import DAYS, MOST_AT_ONCE
from rollcall.agents.models import InterfaceType, Priority, Status
from rollcall.agents.wire import AgentView, Cursor, Limit, Number
from rollcall.web.strict import Wire

DEFAULT_PAGE: Final = 50
MAX_OFFSET: Final = 100_000
"""Whoever wants to go further back follows the `Link`s."""
MOST_DAYS: Final = 366

Days = Annotated[int, Field(ge=1, le=MOST_DAYS)]


class LackView(Wire):
    """A service that does not answer, and why."""

    service: str
    problem: str


class ChangeView(Wire):
    """A change of status; `from` is null where the agent was made."""

    old: Status | None = Field(alias="from")
    new: Status = Field(alias="to")
    by: str
    reason: str
    at: datetime


class HistoryView(ChangeView):
    """The same, with the revision that it made."""

    revision: int


class PerformanceView(Wire):
    """What an agent did in the last days. Without data all is null but when it last talked."""

    period_days: int = DAYS
    data: bool
    conversations: int | None
    tokens: int | None
    cost: str | None = Field(description="By the providers' list prices.")
    currency: str | None
    success_rate: float | None
    average_satisfaction: float | None
    last_conversation_at: datetime | None = Field(description="Ever.")


class Measured(Wire):
    """What an agent did, or who does not say so."""

    metrics: PerformanceView | None
    unavailable: LackView | None = Field(description="Why `metrics` is null.")


class MyAgentRow(Measured):
    """An agent in a list; its content is at its own address."""

    id: str
    agent_id: str
    name: str
    business_name: str | None
    industry: str | None
    llm_model: str | None
    interface_type: InterfaceType | None
    status: Status
    priority: Priority
    version: str
    revision: int
    owner: str
    created_at: datetime
    updated_at: datetime
    last_status_change: ChangeView


class MyAgentView(AgentView, Measured):
    """An agent with all that its definition says."""

    last_status_change: ChangeView
    allowed_statuses: list[Status] = Field(description="What its status may become.")


class RecentView(Wire):
    """An agent that changed lately."""

    agent_id: str
    name: str
    status: Status
    priority: Priority
    updated_at: datetime
    last_status_change: ChangeView


class IndustryView(Wire):
    """How many agents are in a line of business; null: in none."""

    industry: str | None
    agents: int


class DashboardView(Wire):
    """All agents at a glance; `totals` and `top_agents` are analytics'."""

    total_agents: int
    by_status: dict[Status, int]
    by_priority: dict[Priority, int]
    by_industry: list[IndustryView]
    recently_changed: list[RecentView]
    period_days: int = DAYS
    data: bool | None = Field(description="Whether anything happened; null: nobody says.")
    totals: dict[str, Any] | None
    top_agents: list[dict[str, Any]] | None
    unavailable: list[LackView]


class MetricsView(Wire):
    """What an agent did, by analytics, and what it used in the same days, by billing."""

    agent_id: str
    period_days: int
    data: bool
    performance: dict[str, Any] | None = Field(
        description="null: analytics knows nothing of the agent."
    )
    usage: dict[str, Any] | None = Field(
        description="null: billing knows nothing of the agent, or does not answer."
    )
    unavailable: list[LackView] = Field(description="Who does not answer.")


class BackupView(Wire):
    """A version, as something to go back to."""

    id: str = Field(description="`v` and the number of the version.")
    version: str
    author: str
    reason: str
    at: datetime
    size: int = Field(description="Bytes of the content as JSON.")


class OutcomeView(Wire):
    """What has become of one of many."""

    agent_id: str
    success: bool
    status: Status | None = Field(description="That it has now; null: it is not there.")
    unchanged: bool = Field(description="It was so already.")
    error: dict[str, Any] | None = Field(description="A problem as of RFC 9457.")


class BulkView(Wire):
    """What has become of many, in the order in which they were named."""

    operation: Operation
    total_agents: int
    results: list[OutcomeView]
    successful: int
    failed: int
    dry_run: bool


class Why(Wire):
    """Why something is done; kept in the history."""

    reason: str = ""


class Restore(Wire):
    """What to go back to: a version, or a backup's id."""

    version: str | Annotated[int, Field(strict=True)] | None = None
    backup_id: str | None = None
    reason: str = ""


class NewBackup(Wire):
    """A backup; the same reason again, while nothing has changed, is the same backup."""

    reason: str = Field(description="What it is for, 1 to 1,000 characters.")


class Bulk(Wire):
    """What to do with which agents."""

    agent_ids: list[str] = Field(
        min_length=1, max_length=MOST_AT_ONCE, description="None of them twice."
    )
    operation: Operation
    reason: str = ""
    dry_run: bool = Field(default=False, description="Only say what would become of them.")


class Deleted(Wire):
    """An agent is gone; its versions are kept."""

    status: Literal["deleted"] = "deleted"
    agent_id: str


class MyAgentsQuery(Wire):
    """Which agents."""

    status: Status | None = None
    industry: str | None = None
    priority: Priority | None = None
    q: str | None = Field(
        default=None, description="With this in name or descriptions, ignoring case."
    )
    limit: Limit = DEFAULT_PAGE
    offset: Annotated[int, Field(ge=0, le=MAX_OFFSET)] = 0
    cursor: Cursor = None


class HistoryQuery(Wire):
    """Which part of a history."""

    limit: Limit = DEFAULT_PAGE
    before: Number | None = Field(default=None, description="From the Link of the page before.")


class MetricsQuery(Wire):
    """Which days."""

    period_days: Days = DAYS
