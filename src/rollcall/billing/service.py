# SPDX-License-Identifier: Apache-2.0
"""Billing as its routes see it: usage, prices, budgets and periods in one place."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from rollcall.billing.accounts import AccountDefaults, Accounts, check_moment
from rollcall.billing.budgets import Budgets
from rollcall.billing.errors import AgentNotTracked, UsageNotFound
from rollcall.billing.metering import Metering
from rollcall.billing.models import (
    PROVIDER_CURRENCY,
    Account,
    CardVersion,
    Line,
    Period,
    ProviderCost,
    Quantities,
    Usage,
    UsageInput,
)
from rollcall.billing.periods import period, period_id
from rollcall.billing.ports import (
    AgentPeriod,
    BillingStore,
    ListedModel,
    Outstanding,
    ProviderPrices,
    Totals,
)
from rollcall.billing.pricing import price
from rollcall.billing.quantities import check, quantities
from rollcall.billing.rate_cards import RateCards, in_force
from rollcall.kernel.clock import Clock
from rollcall.kernel.cursors import Place
from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.ids import IdSource

_NOTHING = Decimal(0)


class PeriodTotals(NamedTuple):
    """What a period comes to.

    Args:
        status: `open` while it runs, then `closed`; `invoiced` when all of it was billed for good.
    """

    period: Period
    status: str
    currency: str
    usages: int
    tokens: int
    amount: Decimal
    agents: Sequence[AgentPeriod]


class Quote(NamedTuple):
    """What a usage would be charged now."""

    quantities: Quantities
    lines: tuple[Line, ...]
    amount: Decimal
    currency: str
    cost: ProviderCost | None
    card: CardVersion


class AgentUsage(NamedTuple):
    """A page of what an agent has used, and what all of it comes to."""

    usages: Sequence[Usage]
    totals: Totals
    currency: str
    after: Place | None


class BillingService:
    """Billing, but for what is made of it in the books: invoices and payments.

    Args:
        store: The tables.
        prices: What providers ask for.
        clock: Time.
        ids: Draws ids.
        defaults: For accounts that nobody has changed.
        outstanding: What was billed and not paid; None: nobody keeps books.
    """

    def __init__(
        self,
        store: BillingStore,
        prices: ProviderPrices,
        clock: Clock,
        ids: IdSource,
        defaults: AccountDefaults | None = None,
        outstanding: Outstanding | None = None,
    ) -> None:
        self._store = store
        self._prices = prices
        self._outstanding = outstanding
        self.accounts = Accounts(store, clock, defaults or AccountDefaults())
        self.cards = RateCards(store, self.accounts, ids)
        self.budgets = Budgets(store, self.accounts, ids)
        self.metering = Metering(store, self.accounts, self.budgets, prices, ids)

    async def usage(self, namespace: str, usage_id: str) -> Usage:
        """A usage as it was charged.

        Raises:
            UsageNotFound: There is none.
        """
        found = await self._store.usage(namespace, usage_id)
        if found is None:
            raise UsageNotFound(usage_id)
        return found

    async def agent_usage(
        self,
        namespace: str,
        agent_id: str,
        since: date | datetime | None = None,
        until: date | datetime | None = None,
        *,
        limit: int,
        after: Place | None = None,
    ) -> AgentUsage:
        """What an agent has used, the newest first. Of nothing there is a page as well.

        Args:
            since: A moment, or a day in the account's time zone.
            until: A moment, which is not within, or a day, which is.

        Raises:
            InvalidInput: It ends before it begins.
            AgentNotTracked: There is no such agent.
        """
        account = await self.accounts.get(namespace)
        zone = await self.accounts.zone(namespace)
        first, last = _edge("from", since, zone, 0), _edge("to", until, zone, 1)
        if first is not None and last is not None and last < first:
            raise InvalidInput("to", "must not be before from")
        if await self._store.agent(namespace, agent_id) is None:
            raise AgentNotTracked(agent_id)
        page, totals = await self._store.usages(
            namespace, agent_id, first, last, limit=limit + 1, after=after
        )
        more = None
        if len(page) > limit:
            end = page[limit - 1]
            more = Place(end.served_at.timestamp(), end.id)
        return AgentUsage(page[:limit], totals, account.currency, more)

    async def quote(self, namespace: str, told: UsageInput) -> Quote:
        """What a usage would be charged now; nothing is kept of it.

        Args:
            told: Without an agent (`""`): by the card of those who have none of their own.

        Raises:
            InvalidInput: Names the field.
            PriceUnknown: Nobody knows the provider's price, and the card refuses that.
        """
        check(told)
        now = self.accounts.now()
        account = await self.accounts.get(namespace)
        cards = await self._store.cards(account, [told.agent_id])
        card = in_force(cards, account, told.agent_id, now)
        counted = quantities(told, card.unsplit, counts=told.conversation)
        zone = await self.accounts.zone(namespace)
        counters = await self._store.counters(namespace, told.agent_id, period_id(now, zone))
        before = {
            key.item: quantity for key, quantity in counters.items() if key.card_id == card.card_id
        }
        cost = None
        if told.model is not None and counted.tokens:
            cost = self._prices.cost(told.model, told.provider, counted, now)
        basis = cost if account.currency == PROVIDER_CURRENCY else None
        priced = price(counted, card, before, basis, told.model)
        return Quote(counted, priced.lines, priced.amount, account.currency, cost, card)

    def models(
        self, provider: str | None = None, *, limit: int, after: str | None = None
    ) -> tuple[Sequence[ListedModel], str | None]:
        """Models with a provider's price, by provider and model, and behind which key the next
        page begins, if there is one.
        """
        every = {f"{one.provider}/{one.model}": one for one in self._prices.models()}
        keys = sorted(
            key
            for key, one in every.items()
            if provider in (None, one.provider) and (after is None or key > after)
        )
        page = [every[key] for key in keys[:limit]]
        return page, keys[limit - 1] if len(keys) > limit else None

    @property
    def price_source(self) -> str:
        """Where providers' prices are from."""
        return self._prices.source

    async def period(self, namespace: str, id_: str | None = None) -> PeriodTotals:
        """A period, by default the one that runs, and what it comes to. Asking makes none.

        Raises:
            InvalidInput: It is no id of a period.
        """
        account = await self.accounts.get(namespace)
        zone = await self.accounts.zone(namespace)
        one = period(id_ or period_id(self.accounts.now(), zone), zone)
        return self._totals(account, one, await self._store.periods(namespace, one.id))

    async def periods(self, namespace: str) -> list[PeriodTotals]:
        """The period that runs, and all in which something was used; the newest first."""
        account = await self.accounts.get(namespace)
        zone = await self.accounts.zone(namespace)
        by_id: dict[str, list[AgentPeriod]] = {period_id(self.accounts.now(), zone): []}
        for found in await self._store.periods(namespace):
            by_id.setdefault(found.period_id, []).append(found)
        return [
            self._totals(account, period(id_, zone), by_id[id_])
            for id_ in sorted(by_id, reverse=True)
        ]

    async def outstanding(self, namespace: str) -> Decimal | None:
        """What was billed and not paid; None: nobody keeps books here."""
        if self._outstanding is None:
            return None
        return await self._outstanding.outstanding(namespace)

    def _totals(self, account: Account, one: Period, agents: Sequence[AgentPeriod]) -> PeriodTotals:
        status = "open"
        if one.end <= self.accounts.now():
            billed = bool(agents) and all(each.invoice_id is not None for each in agents)
            status = "invoiced" if billed else "closed"
        return PeriodTotals(
            period=one,
            status=status,
            currency=account.currency,
            usages=sum(each.usages for each in agents),
            tokens=sum(each.tokens for each in agents),
            amount=sum((each.amount for each in agents), _NOTHING),
            agents=agents,
        )


def _edge(field: str, at: date | datetime | None, zone: ZoneInfo, days: int) -> datetime | None:
    """Where a range of time ends: a moment, or the midnight before a day, or so many days on."""
    if at is None or isinstance(at, datetime):
        return check_moment(field, at)
    midnight = datetime.combine(at, time(), zone)
    checked = check_moment(field, midnight)
    assert checked is not None
    return datetime.combine(at + timedelta(days=days), time(), zone)
