# SPDX-License-Identifier: Apache-2.0
"""What fact stores can be asked. Plain data: `queries` says each of them in SQL, once for all.

Answers are rows, mappings of names to values, in no order where none is said. Sums of nothing are a
row of 0, or no rows where they are grouped.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from rollcall.analytics.models import Kind

Source = Literal["conversations", "usages", "charges"]
Column = Literal[
    "day", "agent_id", "agent_version", "model", "provider", "currency", "period", "status"
]
"""What sums can be grouped by."""

MOST_IDS: Final = 1_000
"""Ids of one question."""


class Span(msgspec.Struct, frozen=True):
    """A stretch of time, in quarters of an hour since the epoch.

    Args:
        since: The first.
        until: The one behind the last.
    """

    since: int
    until: int


class Shift(msgspec.Struct, frozen=True):
    """How far a zone is ahead of UTC for a while, in quarters of an hour.

    Args:
        since: From when on.
        ahead: How far; negative: behind.
    """

    since: int
    ahead: int


class Sums(msgspec.Struct, frozen=True, kw_only=True):
    """Counts and sums of a stretch of time.

    Rows have what they are grouped by, and
    of conversations `conversations`, `failed`, `responses` (those with a response time),
    `response_us`, `ratings`, `satisfaction`, `last_us` (None: there is none);
    of usages `usages`, `requests`, `tokens`, `input_tokens`, `output_tokens`, `cached_tokens`,
    `estimated_tokens`, `priced` (those with a cost), `cost`;
    of charges `charges`, `amount`.

    Args:
        source: Of what.
        namespace: Whose.
        span: When.
        agent_id: Of this agent alone.
        agent_ids: Of these alone, at most `MOST_IDS`.
        by: What they are grouped by. Amounts must be, by `currency`. A `day` is a local one, as
            days since the epoch times 96.
        shifts: The zone of the days, in order; the first holds from the beginning of time.
    """

    source: Source
    namespace: str
    span: Span
    agent_id: str | None = None
    agent_ids: tuple[str, ...] | None = None
    by: tuple[Column, ...] = ()
    shifts: tuple[Shift, ...] = (Shift(0, 0),)


class Percentiles(msgspec.Struct, frozen=True, kw_only=True):
    """Exact percentiles of response times: the smallest value that so many do not exceed (nearest
    rank). Rows: `agent_id` where grouped, `permille`, `response_us`; none where nothing is known.

    Args:
        namespace: Whose.
        span: When.
        agent_id: Of this agent alone.
        agent_ids: Of these alone, at most `MOST_IDS`.
        by_agent: Whether each agent has its own.
        permilles: Which: 950 is the 95th percentile.
    """

    namespace: str
    span: Span
    agent_id: str | None = None
    agent_ids: tuple[str, ...] | None = None
    by_agent: bool = False
    permilles: tuple[int, ...] = (500, 900, 950, 990)


class Sessions(msgspec.Struct, frozen=True, kw_only=True):
    """In how many sessions something was said. One that talks with two agents counts for each.
    Rows: `agent_id` where grouped, `sessions`.

    Args:
        namespace: Whose.
        span: When.
        agent_id: Of this agent alone.
        agent_ids: Of these alone, at most `MOST_IDS`.
        by_agent: Whether each agent has its own number.
    """

    namespace: str
    span: Span
    agent_id: str | None = None
    agent_ids: tuple[str, ...] | None = None
    by_agent: bool = False


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """Conversations that are not hidden, the newest first. Rows: the columns of the table.

    Args:
        namespace: Whose.
        span: When; None: ever.
        agent_id: Of this agent alone.
        session: Of this session alone (`session_key`).
        before: Only those behind this one of the list: its `time_us` and `id`.
        offset: How many to leave out.
        limit: How many at most.
    """

    namespace: str
    span: Span | None = None
    agent_id: str | None = None
    session: int | None = None
    before: tuple[int, str] | None = None
    offset: int = 0
    limit: int = 100


class ById(msgspec.Struct, frozen=True, kw_only=True):
    """The facts with these ids, in no order. Rows: the columns of the table.

    Args:
        kind: Of which kind.
        namespace: Whose.
        ids: At most `MOST_IDS`.
    """

    kind: Kind
    namespace: str
    ids: tuple[str, ...]


class Agents(msgspec.Struct, frozen=True, kw_only=True):
    """All agents of a namespace, in no order. Rows: the columns of the table.

    Args:
        namespace: Whose.
        deleted: Whether those that are gone too.
    """

    namespace: str
    deleted: bool = False


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """All facts of a kind and a stretch of time, the oldest first, without hidden ones.
    Rows: what exports show, see `queries.EXPORTED`.

    Args:
        kind: Of which kind.
        namespace: Whose.
        span: When.
        agent_id: Of this agent alone.
    """

    kind: Kind
    namespace: str
    span: Span
    agent_id: str | None = None


Question = Sums | Percentiles | Sessions | Listing | ById | Agents | Export
