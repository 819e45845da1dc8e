# SPDX-License-Identifier: Apache-2.0
"""What is asked of analytics over HTTP."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from rollcall.analytics.models import EARLIEST, LATEST, Status
from rollcall.analytics.periods import DEFAULT_DAYS, MOST_DAYS
from rollcall.analytics.service import Reported
from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.money import non_negative
from rollcall.web.lines import check_id, check_line
from rollcall.web.strict import Wire

MAX_TEXT = 200_000
"""Characters of a message and of an answer."""
MAX_ID = 256
MAX_PAGE = 1_000
MOST_AGENTS = 500
"""That one question names."""
MAX_OFFSET = 100_000
"""Whoever wants to go further back follows the `Link`s."""
_LARGEST = 2**53 - 1

Id = Annotated[str, Field(min_length=1, max_length=MAX_ID)]
Day = Annotated[
    date | None, Field(ge=EARLIEST.date(), lt=LATEST.date(), description="A local day.")
]
From = Annotated[Day, Field(alias="from")]


class NewConversation(Wire):
    """A conversation that was held elsewhere."""

    agent_id: Id
    user_message: Annotated[str, Field(max_length=MAX_TEXT)]
    agent_response: Annotated[str, Field(max_length=MAX_TEXT)]
    tokens_used: Annotated[int, Field(ge=0, le=_LARGEST)] = 0
    cost: Annotated[
        Decimal | None, Field(ge=0, description="What the provider takes for it; never charged.")
    ] = None
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$", description="ISO 4217.")] = "USD"
    session_id: Id | None = None
    user_id: Id | None = None
    response_time_ms: Annotated[float | None, Field(ge=0, le=1e12, allow_inf_nan=False)] = None
    satisfaction_score: Annotated[int | None, Field(ge=1, le=5)] = None
    conversation_id: Annotated[
        Id | None, Field(description="Told again with the same one, it is kept once.")
    ] = None
    model_used: Id | None = None
    agent_version: Id | None = None
    timestamp: AwareDatetime | None = None
    status: Status = Status.COMPLETED

    def told(self) -> Reported:
        """It, as the service takes it.

        Raises:
            InvalidInput: Something of it is no id, or no amount.
        """
        for name in ("agent_id", "session_id", "user_id", "model_used", "agent_version"):
            value = getattr(self, name)
            if value is not None:
                check_line(name, value, MAX_ID)
        if self.conversation_id is not None:
            check_id("conversation_id", self.conversation_id, MAX_ID)
        given = self.model_dump()
        if self.cost is not None:
            given["cost"] = non_negative(self.cost, "cost")
        return Reported(**given)


class Query(BaseModel):
    """Parameters; one that nobody knows is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class DaysQuery(Query):
    """Which days."""

    period_days: Annotated[int, Field(ge=1, le=MOST_DAYS, description="If `from` is not said.")] = (
        DEFAULT_DAYS
    )
    first: Annotated[Day, Field(alias="from")] = None
    last: Annotated[Day, Field(alias="to", description="A local day; today.")] = None


class StatsQuery(DaysQuery):
    """Which days, and whose."""

    agent_id: Id | None = None

    @property
    def agent(self) -> str | None:
        """The agent's id.

        Raises:
            InvalidInput: It is none.
        """
        return checked("agent_id", self.agent_id)


class AgentsQuery(DaysQuery):
    """Which days, which agents, and which page of them."""

    agent_ids: Annotated[
        list[Id], Field(max_length=MOST_AGENTS, description="These alone; none: all of them.")
    ] = []
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 100
    cursor: Annotated[str | None, Field(min_length=1, max_length=MAX_ID)] = None

    @property
    def ids(self) -> tuple[str, ...] | None:
        """The agents' ids; None: all there are.

        Raises:
            InvalidInput: One of them is none.
        """
        return tuple(check_line("agent_ids", one, MAX_ID) for one in self.agent_ids) or None


class ListQuery(Query):
    """Which conversations."""

    agent_id: Id | None = None
    session_id: Id | None = None
    first: Annotated[Day, Field(alias="from")] = None
    last: Annotated[Day, Field(alias="to")] = None
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 100
    offset: Annotated[int, Field(ge=0, le=MAX_OFFSET)] = 0
    cursor: Annotated[str | None, Field(min_length=3, max_length=MAX_ID + 20)] = None

    @property
    def before(self) -> tuple[int, str] | None:
        """Where the page before has ended.

        Raises:
            InvalidInput: That is none of ours.
        """
        if self.cursor is None:
            return None
        time_us, _, id_ = self.cursor.partition(".")
        if not time_us.isascii() or not time_us.isdigit() or len(time_us) > 17 or not id_:
            raise InvalidInput("cursor", "must be one that a `Link` has led to")
        return int(time_us), check_line("cursor", id_, MAX_ID)


class ExportQuery(DaysQuery):
    """What is to be exported."""

    format: Literal["csv", "json", "parquet"] = "csv"
    what: Literal["conversations", "usage", "days", "agents"] = "conversations"
    agent_id: Id | None = None


class Deleted(BaseModel):
    """A conversation is gone."""

    status: Literal["deleted"] = "deleted"
    conversation_id: str


def checked(name: str, value: str | None) -> str | None:
    """An id, if there is one.

    Raises:
        InvalidInput: It is none.
    """
    return None if value is None else check_line(name, value, MAX_ID)


def cursor_of(place: tuple[int, str]) -> str:
    """What a `Link` leads to the next page by."""
    return f"{place[0]}.{place[1]}"
