# SPDX-License-Identifier: Apache-2.0
"""What owners of agents look at, and what they do with many of them at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import msgspec

from rollcall.agents.models import Definition, Priority, Status, StatusMove

JsonObject = dict[str, Any]


class Operation(StrEnum):
    """What can be done with many agents at once."""

    ENABLE = "enable"
    DISABLE = "disable"
    PAUSE = "pause"
    ARCHIVE = "archive"
    DELETE = "delete"


TARGETS: Final[Mapping[Operation, Status]] = {
    Operation.ENABLE: Status.ACTIVE,
    Operation.DISABLE: Status.DISABLED,
    Operation.PAUSE: Status.PAUSED,
    Operation.ARCHIVE: Status.ARCHIVED,
}
"""What an operation moves an agent to; to delete is no move."""


class Performance(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent did in some days.

    Args:
        data: Whether anything is known; if not, all but `last_conversation_at` is None.
        conversations: Messages with their answers.
        tokens: Read and written.
        cost: By the providers' list prices, a decimal.
        currency: Of the cost, ISO 4217.
        success_rate: 0 to 1; None: there was no conversation.
        average_satisfaction: 1 to 5; None: nobody said.
        last_conversation_at: Ever; None: there was none.
    """

    data: bool = False
    conversations: int | None = None
    tokens: int | None = None
    cost: str | None = None
    currency: str | None = None
    success_rate: float | None = None
    average_satisfaction: float | None = None
    last_conversation_at: datetime | None = None


class Lack(msgspec.Struct, frozen=True):
    """A service that does not answer, and why; safe to show."""

    service: str
    problem: str


class Row(msgspec.Struct, frozen=True):
    """A definition, and the last change of its status."""

    definition: Definition
    move: StatusMove


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Some of the agents that somebody looks for.

    Args:
        rows: These.
        total: How many there are of them, on all pages.
        more: Whether there are any behind these.
    """

    rows: Sequence[Row]
    total: int
    more: bool


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A page with what its agents did.

    Args:
        page: The agents.
        performance: By id; an agent that is not in it has no data. None: see `lack`.
        lack: Who does not answer.
    """

    page: Page
    performance: Mapping[str, Performance] | None
    lack: Lack | None


class Count(msgspec.Struct, frozen=True):
    """How many agents have this status, this priority and this industry."""

    status: Status
    priority: Priority
    industry: str | None
    agents: int


class Census(msgspec.Struct, frozen=True):
    """How many agents of which sort, and those that changed last."""

    counts: Sequence[Count]
    recent: Sequence[Row]


class Dashboard(msgspec.Struct, frozen=True, kw_only=True):
    """All agents at a glance.

    Args:
        total: How many.
        by_status: With every status.
        by_priority: With every priority.
        by_industry: The largest first; None is the industry of those that have none.
        recent: Those that changed last.
        overview: What all of them did; None: see `lack`.
        lack: Who does not answer.
    """

    total: int
    by_status: Mapping[Status, int]
    by_priority: Mapping[Priority, int]
    by_industry: Sequence[tuple[str | None, int]]
    recent: Sequence[Row]
    overview: JsonObject | None
    lack: Lack | None


class Metrics(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent did and used in some days.

    Args:
        performance: What analytics says; None: it knows nothing of the agent.
        usage: What billing says; None: it knows nothing of the agent, or see `lack`.
        lack: Who does not answer.
    """

    performance: JsonObject | None
    usage: JsonObject | None
    lack: Lack | None


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What has become of one of many.

    Args:
        agent_id: Which.
        status: That it has now; None: it is not there, or not known to be.
        unchanged: Whether it was so already.
        error: Why nothing was done; None: it is as was asked for.
    """

    agent_id: str
    status: Status | None = None
    unchanged: bool = False
    error: Exception | None = None
