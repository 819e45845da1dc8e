# SPDX-License-Identifier: Apache-2.0
"""What my agents need: lists of definitions, and what analytics and billing know.

Corner cases, stated once:

- Each read of `Listings` is of one moment, and costs as many statements however many agents it
  shows.
- `Figures` asks other services for the caller, in a bounded time. An agent of which they know
  nothing is no error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from rollcall.agents.mine.models import Census, JsonObject, Page, Performance, Row
from rollcall.agents.models import Definition, Wanted
from rollcall.kernel.caller import Caller
from rollcall.kernel.cursors import Place


class Listings(Protocol):
    """Definitions as owners look at them."""

    async def page(
        self, namespace: str, wanted: Wanted, *, limit: int, offset: int, after: Place | None
    ) -> Page:
        """Definitions that were not deleted, the newest first, behind `after` and `offset` more."""
        ...

    async def row(self, namespace: str, agent_id: str) -> Row | None:
        """A definition; None: there is none, or it was deleted."""
        ...

    async def census(self, namespace: str, recent: int) -> Census:
        """How many there are of which sort, and as many as `recent` that changed last."""
        ...

    async def known(self, namespace: str, ids: Sequence[str]) -> Mapping[str, Definition]:
        """Those of the definitions that ever were, deleted ones too, by id."""
        ...


class Figures(Protocol):
    """What other services know of agents."""

    async def performance(
        self, caller: Caller, ids: Sequence[str], days: int
    ) -> Mapping[str, Performance]:
        """What agents did in the last days, by id; those of which nothing is known are left out.

        Raises:
            NotAnswering: Analytics does not say.
        """
        ...

    async def detail(self, caller: Caller, agent_id: str, days: int) -> JsonObject | None:
        """What an agent did in the last days, as analytics says it; None: it does not know it.

        Raises:
            NotAnswering: Analytics does not say.
        """
        ...

    async def usage(
        self, caller: Caller, agent_id: str, first: str, last: str
    ) -> JsonObject | None:
        """What an agent used from one day to another, both included, as billing says it; None: it
        does not know it.

        Raises:
            NotAnswering: Billing does not say.
        """
        ...

    async def overview(self, caller: Caller, days: int) -> JsonObject:
        """What all agents did in the last days, as analytics says it.

        Raises:
            NotAnswering: Analytics does not say.
        """
        ...
