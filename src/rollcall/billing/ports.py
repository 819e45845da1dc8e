# SPDX-License-Identifier: Apache-2.0
"""What billing needs, and what it offers to those who spend.

Corner cases, stated once:

- What a unit of work was given is locked until it ends: `agents` against everybody who charges or
  closes what these agents used, `cards` against new versions, `card` also against being charged
  by, `budgets` against every other spender. They are asked for in this order, so that nobody waits
  in a circle.
- A usage is there once, by its id. Where somebody else was quicker in the same moment, `add`
  raises `KeyTaken`, and the unit of work must be given up and done again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple, Protocol

from rollcall.billing.budget_models import Budget, Reservation
from rollcall.billing.models import (
    Account,
    CardVersion,
    ProviderCost,
    Quantities,
    RateCard,
    TrackedAgent,
    Usage,
)
from rollcall.events.log import UnitOfWork
from rollcall.kernel.cursors import Place
from rollcall.kernel.errors import RollcallError


class KeyTaken(RollcallError):
    """Somebody else wrote the same in the same moment."""


class AgentPeriod(NamedTuple):
    """What an agent has used in a period.

    Args:
        invoice_id: What closed it; None: it is open.
    """

    agent_id: str
    period_id: str
    usages: int
    tokens: int
    amount: Decimal
    currency: str
    invoice_id: str | None


class CounterKey(NamedTuple):
    """What is counted together: one item of one version of a card, in an agent's period."""

    agent_id: str
    period_id: str
    card_id: str
    item: str


class BillingWork(UnitOfWork, Protocol):
    """One transaction."""

    async def account(self, namespace: str, *, locked: bool = False) -> Account | None:
        """The account; None: nobody has set anything yet."""
        ...

    async def put_account(self, account: Account) -> None:
        """Write the account, new or in the place of the one that was locked."""
        ...

    async def charged(self, namespace: str) -> bool:
        """Whether anything was charged ever."""
        ...

    async def agents(self, namespace: str, agents: Sequence[TrackedAgent]) -> None:
        """Lock agents; those who are new are tracked from now on."""
        ...

    async def put_agent(self, agent: TrackedAgent) -> None:
        """Note that an agent that was locked is there, and its name, or that it was deleted."""
        ...

    async def cards(self, account: Account, agent_ids: Collection[str]) -> Cards:
        """All that may price what these agents use."""
        ...

    async def card(self, namespace: str, card_id: str) -> RateCard | None:
        """One card, locked for a new version."""
        ...

    async def add_card(self, card: RateCard) -> None:
        """Write a card that is new, with its versions.

        Raises:
            KeyTaken: There is one of this id.
        """
        ...

    async def add_version(self, namespace: str, version: CardVersion) -> None:
        """Add a version to a card that was locked."""
        ...

    async def charged_since(
        self, namespace: str, card_id: str, since: datetime | None
    ) -> datetime | None:
        """When the last usage was that the card priced, at or after `since`; None: none was."""
        ...

    async def assign(self, namespace: str, kind: str, key: str, card_id: str) -> None:
        """Give a card to an agent or a plan (`agents`, `plans`)."""
        ...

    async def unassign(self, namespace: str, kind: str, key: str) -> None:
        """Take a card from an agent or a plan."""
        ...

    async def known(self, namespace: str, ids: Collection[str]) -> Mapping[str, Usage]:
        """Those of these usages that are there."""
        ...

    async def counted(self, namespace: str, conversations: Collection[str]) -> set[str]:
        """Those of these conversations that a usage stands for."""
        ...

    async def periods(self, namespace: str, agent_ids: Collection[str]) -> list[AgentPeriod]:
        """All periods of agents that were locked."""
        ...

    async def put_periods(self, namespace: str, periods: Sequence[AgentPeriod]) -> None:
        """Write what agents that were locked have used in open periods."""
        ...

    async def counters(
        self, namespace: str, pairs: Collection[tuple[str, str]]
    ) -> dict[CounterKey, Decimal]:
        """What was counted for these agents that were locked, in these of their periods."""
        ...

    async def put_counters(self, namespace: str, counters: Mapping[CounterKey, Decimal]) -> None:
        """Write what was counted."""
        ...

    async def add(self, usages: Sequence[Usage]) -> None:
        """Write usages.

        Raises:
            KeyTaken: One of them is there.
        """
        ...

    async def budgets(
        self, namespace: str, agent_ids: Collection[str] | None = None, *, id_: str | None = None
    ) -> list[Budget]:
        """The budgets that these agents spend from, or the one of this id; locked."""
        ...

    async def add_budget(self, budget: Budget) -> None:
        """Write a budget that is new.

        Raises:
            KeyTaken: There is one of this id.
        """
        ...

    async def put_budgets(self, budgets: Sequence[Budget]) -> None:
        """Write budgets in the place of those that were locked."""
        ...

    async def drop_budget(self, namespace: str, budget_id: str) -> None:
        """Delete a budget that was locked."""
        ...

    async def spent(self, namespace: str, agent_id: str | None, since: datetime | None) -> Decimal:
        """What an agent, or everybody, was charged for what was used from `since` on; those
        agents are locked.
        """
        ...

    async def held(
        self, namespace: str, budget_ids: Sequence[str], now: datetime
    ) -> Mapping[str, Decimal]:
        """What reservations that have not expired keep of budgets that were locked."""
        ...

    async def hold(self, reservation: Reservation, budget_ids: Sequence[str]) -> None:
        """Write a reservation that keeps a part of each of these budgets, which were locked.
        Those of the agent that ended long ago are forgotten.
        """
        ...

    async def reservation(
        self, namespace: str, reservation_id: str, *, locked: bool = False
    ) -> Reservation | None:
        """A reservation. Whoever locks it before budgets has locked its agent."""
        ...

    async def open_for(
        self, namespace: str, conversations: Collection[tuple[str, str]]
    ) -> Sequence[Reservation]:
        """Open reservations of agents, which are locked, for conversations; locked.

        Args:
            conversations: Pairs of an agent and a conversation.
        """
        ...

    async def let_go(self, reservations: Sequence[Reservation]) -> None:
        """Write reservations that are not open any more: they keep nothing of any budget."""
        ...


class Cards(NamedTuple):
    """What may price the usage of some agents.

    Args:
        by_id: The cards.
        of_agents: The card that was given to an agent, by the agent's id.
        of_plans: The card that was given to a plan, by its name.
    """

    by_id: Mapping[str, RateCard]
    of_agents: Mapping[str, str]
    of_plans: Mapping[str, str]


class Totals(NamedTuple):
    """What usages come to."""

    usages: int
    tokens: int
    amount: Decimal


class BillingReads(Protocol):
    """What may be looked at without changing anything. Every read is of one moment."""

    async def account(self, namespace: str) -> Account | None:
        """The account; None: nobody has set anything yet."""
        ...

    async def agent(self, namespace: str, agent_id: str) -> TrackedAgent | None:
        """An agent whose costs are tracked; None: there is none."""
        ...

    async def usage(self, namespace: str, usage_id: str) -> Usage | None:
        """A usage; None: there is none."""
        ...

    async def usages(
        self,
        namespace: str,
        agent_id: str,
        since: datetime | None,
        until: datetime | None,
        *,
        limit: int,
        after: Place | None,
    ) -> tuple[Sequence[Usage], Totals]:
        """An agent's usages from `since` up to `until`, the newest first, and what all of them
        come to, also those of other pages.
        """
        ...

    async def cards(self, account: Account, agent_ids: Collection[str]) -> Cards:
        """All that may price what these agents use."""
        ...

    async def list_cards(
        self, namespace: str, *, limit: int, after: str | None
    ) -> Sequence[RateCard]:
        """Cards by their ids, behind the id `after`."""
        ...

    async def card(self, namespace: str, card_id: str) -> RateCard | None:
        """A card; None: there is none."""
        ...

    async def periods(self, namespace: str, period_id: str | None = None) -> list[AgentPeriod]:
        """What each agent has used in a period, or in every one."""
        ...

    async def budgets(
        self, namespace: str, now: datetime, *, limit: int, after: str | None = None
    ) -> Sequence[tuple[Budget, Decimal]]:
        """Budgets by their ids, and what is reserved of each."""
        ...

    async def budget(
        self, namespace: str, budget_id: str, now: datetime
    ) -> tuple[Budget, Decimal] | None:
        """A budget, and what is reserved of it; None: there is none."""
        ...

    async def reservation(self, namespace: str, reservation_id: str) -> Reservation | None:
        """A reservation; None: there is none."""
        ...

    async def counters(
        self, namespace: str, agent_id: str, period_id: str
    ) -> dict[CounterKey, Decimal]:
        """What was counted for an agent in a period."""
        ...


class BillingStore(BillingReads, Protocol):
    """The tables."""

    def begin(self) -> AbstractAsyncContextManager[BillingWork]:
        """A unit of work: committed when the block ends, rolled back when it raises."""
        ...

    def within(self, work: Any) -> BillingWork:
        """A unit of work of the database as one of billing's: for handlers of events."""
        ...


class ListedModel(NamedTuple):
    """A model that a provider has a list price for, in US dollars for a million tokens."""

    model: str
    name: str
    provider: str
    provider_name: str
    read: Decimal | None
    written: Decimal | None
    cached: Decimal | None


class ProviderPrices(Protocol):
    """What providers of models ask for."""

    @property
    def source(self) -> str:
        """Where the prices are from, with its version."""
        ...

    def cost(
        self, model: str, provider: str | None, quantities: Quantities, at: datetime
    ) -> ProviderCost | None:
        """What a usage costs its user, by the prices of that moment; None: nobody knows."""
        ...

    def models(self) -> Sequence[ListedModel]:
        """Models with a list price."""
        ...


class Outstanding(Protocol):
    """What was billed and not paid; invoices are kept by somebody else."""

    async def outstanding(self, namespace: str) -> Decimal:
        """How much it is, in the account's currency."""
        ...


class Spending(Protocol):
    """What an agent service asks before it spends: hard limits hold, however many ask at once.

    A reservation ends when the usage of its conversation is recorded, when it is released, or by
    itself after `ttl_seconds`.
    """

    async def reserve(
        self,
        namespace: str,
        agent_id: str,
        amount: Decimal,
        *,
        conversation_id: str | None = None,
        ttl_seconds: float = 600,
    ) -> str:
        """Keep a part of every budget that the agent spends from; the reservation's id.

        Where nobody has set a budget, that is a reservation of nothing.

        Raises:
            BudgetExhausted: A hard one has less than that left; nothing was reserved.
        """
        ...

    async def settle(self, namespace: str, reservation_id: str, usage_id: str | None) -> None:
        """What it was for is recorded as a usage. To settle what has ended changes nothing."""
        ...

    async def release(self, namespace: str, reservation_id: str) -> object:
        """Nothing was used. To release what has ended changes nothing."""
        ...
