# SPDX-License-Identifier: Apache-2.0
"""What analytics needs: a store of facts, and to know of accounts and agents.

Corner cases of fact stores, stated once (`rollcall.testing.fact_store_contract` checks them):

- `put` merges by kind, namespace and id: a fact that is told again changes nothing, a later
  revision replaces an earlier one, an earlier one is passed over; in whatever order, and twice in
  one call too. All of a call is there when it returns, and stays; all or nothing of it is seen.
- Revisions of one fact are of about the same time: a store may look for the earlier one within a
  bound only (BigQuery: six hours before and after, its `revisions_apart`), and would count two that
  are further apart as two. What analytics tells of a conversation is seconds apart.
- What was put is in the next answer, of sums, percentiles, sessions and lists alike.
- A question is answered from one state of the store.
- Sums of amounts are exact `Decimal`s; percentiles are values that were told.
- `StoreUnavailable` is raised where the store does not answer; putting it again is always right.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import msgspec

from rollcall.analytics.models import AnyFact, Kind, Said
from rollcall.analytics.questions import Export, Question
from rollcall.events.log import Transactions, WorkT

Row = Mapping[str, Any]


class FactStore(Protocol):
    """Facts, and answers to questions about them."""

    async def open(self) -> None:
        """Get ready; tables are brought to their newest form.

        Raises:
            StoreInUse: It belongs to another process.
            StoreUnavailable: It cannot be reached.
            IncompatibleStore: It was written by a newer version, or is none of ours.
        """
        ...

    async def close(self) -> None:
        """Let go of it; what was put stays."""
        ...

    async def ping(self) -> None:
        """Return if it answers.

        Raises:
            StoreUnavailable: It does not.
        """
        ...

    async def put(self, facts: Sequence[AnyFact]) -> None:
        """Keep facts, of whatever kinds and namespaces."""
        ...

    async def remove(self, kind: Kind, namespace: str, ids: Sequence[str]) -> None:
        """Let go of facts, at most `MOST_IDS`; those that are not there are passed over."""
        ...

    async def select(self, question: Question) -> list[Row]:
        """The answer to a question, as rows (see there)."""
        ...

    def stream(self, question: Export) -> AsyncGenerator[Sequence[Row]]:
        """All rows of an export, some at a time, from one state of the store."""
        ...

    def parquet(self, question: Export) -> AsyncIterator[bytes]:
        """The same as a file in the format of Apache Parquet, piece by piece, with the timestamp
        `time` in place of `time_us`.
        """
        ...


class Texts(Transactions[WorkT], Protocol[WorkT]):
    """What was said. A conversation of which texts were erased or deleted keeps none for good:
    adding it again, as a late event does, brings nothing back.
    """

    async def add(self, work: WorkT, said: Sequence[Said]) -> None:
        """Keep what was said in conversations that are not known yet; others stay as they are."""
        ...

    async def within(self, work: WorkT, namespace: str, conversation_id: str) -> Said | None:
        """What is known of a conversation in `work`; nobody else adds it before its end."""
        ...

    async def get(self, namespace: str, ids: Sequence[str]) -> dict[str, Said]:
        """What was said in those of the conversations that are known, by id; at most 1,000."""
        ...

    async def forget(self, work: WorkT, namespace: str, ids: Sequence[str], at: datetime) -> None:
        """Erase what was said in conversations, known or not."""
        ...

    async def forget_session(self, work: WorkT, namespace: str, session_id: str) -> None:
        """Erase what was said in a session."""
        ...


class Described(msgspec.Struct, frozen=True):
    """What the definition of an agent says.

    Args:
        name: What it is called.
        industry: The line of business that it works in.
        status: Where it is in its life.
    """

    name: str
    industry: str | None
    status: str


class Agents(Protocol):
    """Knows definitions."""

    async def describe(self, namespace: str, agent_id: str) -> Described | None:
        """What a definition says; None: there is none (any more).

        Raises:
            Unavailable: Whoever knows does not answer.
        """
        ...


class Zones(Protocol):
    """Knows accounts."""

    async def zone(self, namespace: str) -> ZoneInfo:
        """The zone that an account's days are of.

        Raises:
            Unavailable: Whoever knows does not answer.
        """
        ...
