# SPDX-License-Identifier: Apache-2.0
"""Metering: usage becomes what is charged for it, once, however often it is told.

A usage is told by its key: the idempotency key that a caller sends, or the id of the event. What
has no key is new each time. The same key with other content is refused; but where an event and a
caller tell of the same key, they tell of the same usage if agent and conversation are the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, NamedTuple

import msgspec

from rollcall.billing import told
from rollcall.billing.accounts import Accounts, check_moment
from rollcall.billing.budget_models import Reservation
from rollcall.billing.budgets import Budgets, locked_one
from rollcall.billing.errors import KeyReused, ReservationNotOpen
from rollcall.billing.models import (
    PROVIDER_CURRENCY,
    Account,
    CardVersion,
    ProviderCost,
    Quantities,
    TrackedAgent,
    Usage,
    UsageInput,
)
from rollcall.billing.periods import billed_in, period_id, zone_of
from rollcall.billing.ports import (
    AgentPeriod,
    BillingStore,
    BillingWork,
    Cards,
    CounterKey,
    ProviderPrices,
)
from rollcall.billing.pricing import FLAT, Priced, price
from rollcall.billing.quantities import check, content_hash, quantities, raw_of
from rollcall.billing.rate_cards import in_force
from rollcall.billing.retelling import settled
from rollcall.kernel.errors import InvalidInput, RollcallError
from rollcall.kernel.ids import IdSource, derived
from rollcall.kernel.money import money, non_negative
from rollcall.web.lines import check_id, check_line

API: Final = "api"
"""The source of what a caller tells."""
AHEAD: Final = timedelta(hours=1)
"""How far a caller's clock may be ahead."""
MOST_AT_ONCE: Final = 1000
_LONGEST: Final = 500


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody tells of a usage.

    Args:
        usage: What they tell.
        key: What it is known by; None: it is new.
        source: Who tells it: `API`, or the source of the event.
        reservation_id: What was reserved for it.
        correlation_id: The chain of acts that it belongs to.
    """

    usage: UsageInput
    key: str | None = None
    source: str = API
    reservation_id: str | None = None
    correlation_id: str = ""


class Recorded(NamedTuple):
    """A usage that is recorded, and whether it was not before."""

    usage: Usage
    new: bool


Outcome = Recorded | RollcallError
Observer = Callable[[Sequence[Outcome]], None]


class Metering:
    """Records what was used, with what it is charged.

    Args:
        store: The tables.
        accounts: Time zones and currencies.
        budgets: What may be spent.
        prices: What providers ask for.
        ids: Draws the ids of usages without a key.
    """

    def __init__(
        self,
        store: BillingStore,
        accounts: Accounts,
        budgets: Budgets,
        prices: ProviderPrices,
        ids: IdSource,
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._budgets = budgets
        self._prices = prices
        self._ids = ids
        self.observers: list[Observer] = []
        """Who is told what became of usage, for figures."""

    def observed(self, outcomes: Sequence[Outcome]) -> None:
        """Tell what became of usage."""
        for one in self.observers:
            one(outcomes)

    async def record(self, namespace: str, every: Sequence[Told]) -> list[Outcome]:
        """Record usages that callers tell, each with its own outcome: what is wrong with one
        changes nothing for its neighbours.

        Raises:
            InvalidInput: They are too many.
        """
        if len(every) > MOST_AT_ONCE:
            raise InvalidInput("items", f"must be at most {MOST_AT_ONCE}")

        async def once() -> list[Outcome]:
            async with self._store.begin() as work:
                return await self.record_in(work, namespace, every)

        outcomes = await settled(once)
        self.observed(outcomes)
        return outcomes

    async def record_in(
        self, work: BillingWork, namespace: str, every: Sequence[Told]
    ) -> list[Outcome]:
        """As `record`, in a unit of work that is given up where it raises.

        Raises:
            KeyTaken: Somebody else told the same in the same moment.
        """
        now = self._accounts.now()
        outcomes: dict[int, Outcome] = {}
        good: list[tuple[int, _One]] = []
        for place, one in enumerate(every):
            try:
                good.append((place, self._checked(one, now)))
            except RollcallError as error:
                outcomes[place] = error
        agents = {one.told.usage.agent_id for _, one in good}
        await work.agents(
            namespace,
            [
                TrackedAgent(namespace=namespace, agent_id=id_, name=id_, tracked_since=now)
                for id_ in agents
            ],
        )
        # Not before: whoever changes its currency has locked them.
        batch = _Batch(namespace, now, await self._accounts.within(work, namespace))
        await self._load(work, batch, [one for _, one in good])
        for place, one in good:
            try:
                outcomes[place] = await self._record(work, batch, one)
            except RollcallError as error:
                outcomes[place] = error
        await self._write(work, batch)
        return [outcomes[place] for place in range(len(every))]

    def _checked(self, one: Told, now: datetime) -> _One:
        usage = one.usage
        check_id("agent_id", usage.agent_id)
        for field in ("conversation_id", "model", "provider"):
            text = getattr(usage, field)
            if text is not None:
                check_line(field, text, _LONGEST)
        check(usage)
        if usage.reported_cost is not None:
            non_negative(usage.reported_cost, "cost")
        at = check_moment("timestamp", usage.at)
        if one.source == API and at is not None and at > now + AHEAD:
            raise InvalidInput("timestamp", "lies in the future")
        if one.key is None:
            ids = (f"usg_{self._ids.hex(32)}",)
        else:
            check_line("idempotency_key", one.key, _LONGEST)
            ids = (f"usg_{derived('usage', one.key)}",)
            if one.source != API:
                ids += (f"usg_{derived('event', one.source, one.key)}",)
        raw = raw_of(usage)
        return _One(one, ids, raw, content_hash(raw), at or now)

    async def _load(self, work: BillingWork, batch: _Batch, ones: Sequence[_One]) -> None:
        """Read all that it takes, in few statements however many usages there are."""
        agents = {one.told.usage.agent_id for one in ones}
        if not agents:
            return
        namespace = batch.namespace
        batch.known = dict(await work.known(namespace, {id_ for one in ones for id_ in one.ids}))
        conversations = {
            one.told.usage.conversation_id
            for one in ones
            if one.told.usage.conversation and one.told.usage.conversation_id is not None
        }
        batch.counted = await work.counted(namespace, conversations)
        batch.cards = await work.cards(batch.account, agents)
        for period in await work.periods(namespace, agents):
            batch.periods[period.agent_id, period.period_id] = period
        pairs = {
            (one.told.usage.agent_id, period)
            for one in ones
            for period in (batch.own_period(one), batch.billed_in(one))
        }
        for key, quantity in (await work.counters(namespace, pairs)).items():
            batch.counters[key[:3]][key.item] = quantity

    async def _record(self, work: BillingWork, batch: _Batch, one: _One) -> Recorded:
        id_, known = _resolved(one, batch)
        if known is not None:
            return Recorded(known, new=False)
        usage = one.told.usage
        version = in_force(batch.cards, batch.account, usage.agent_id, one.at)
        reserved = await self._reserved(work, batch, one)
        billed = batch.billed_in(one)
        counts = usage.conversation and (
            usage.conversation_id is None or usage.conversation_id not in batch.counted
        )
        counted = quantities(usage, version.unsplit, counts=counts)
        cost = self._cost(usage, counted, one.at)
        priced = price(
            counted,
            version,
            batch.before(one, version.card_id),
            cost if batch.account.currency == PROVIDER_CURRENCY else None,
            usage.model,
        )
        amount = money(priced.amount)
        made = Usage(
            namespace=batch.namespace,
            id=id_,
            agent_id=usage.agent_id,
            conversation_id=usage.conversation_id,
            model=usage.model,
            provider=usage.provider,
            key=one.told.key,
            source=one.told.source,
            raw=one.raw,
            content_hash=one.content_hash,
            quantities=counted,
            served_at=one.at,
            recorded_at=batch.now,
            period_id=billed,
            late=billed != batch.own_period(one),
            rate_card_id=version.card_id,
            rate_card_version=version.version,
            lines=priced.lines,
            amount=amount,
            currency=batch.account.currency,
            provider_cost=None if cost is None else cost.amount,
            price_source=None if cost is None else cost.source,
            reported_cost=usage.reported_cost,
        )
        batch.add(made, priced, version, one.told.correlation_id)
        if reserved is not None:
            batch.reserved[made.id] = reserved
        return Recorded(made, new=True)

    async def _reserved(self, work: BillingWork, batch: _Batch, one: _One) -> Reservation | None:
        name = one.told.reservation_id
        if name is None:
            return None
        if any(other.id == name for other in batch.reserved.values()):
            raise ReservationNotOpen(name, "settled")
        return await locked_one(work, batch.namespace, name, one.told.usage.agent_id)

    def _cost(self, usage: UsageInput, counted: Quantities, at: datetime) -> ProviderCost | None:
        if usage.model is None or not counted.tokens:
            return None
        return self._prices.cost(usage.model, usage.provider, counted, at)

    async def _write(self, work: BillingWork, batch: _Batch) -> None:
        if not batch.new:
            return
        await work.add(batch.new)
        await work.put_periods(batch.namespace, [batch.periods[key] for key in batch.touched])
        await work.put_counters(batch.namespace, batch.changed)
        pairs = zip(batch.new, batch.correlations, strict=True)
        work.publish(*(told.charged(usage, correlation_id) for usage, correlation_id in pairs))
        await self._budgets.spend(work, batch.new, batch.reserved)


class _One(NamedTuple):
    """A usage that can be recorded.

    Args:
        ids: What its id may be: the second one, where the first is another usage's.
    """

    told: Told
    ids: tuple[str, ...]
    raw: str
    content_hash: str
    at: datetime


class _Batch:
    """What is known and what is made while several usages are recorded, one after the other."""

    def __init__(self, namespace: str, now: datetime, account: Account) -> None:
        self.namespace = namespace
        self.now = now
        self.account = account
        self.zone = zone_of(account.time_zone)
        self.known: dict[str, Usage] = {}
        self.counted: set[str] = set()
        self.cards = Cards({}, {}, {})
        self.periods: dict[tuple[str, str], AgentPeriod] = {}
        self.counters: dict[tuple[str, str, str], dict[str, Decimal]] = defaultdict(dict)
        self.new: list[Usage] = []
        self.correlations: list[str] = []
        self.reserved: dict[str, Reservation] = {}
        self.touched: dict[tuple[str, str], None] = {}
        self.changed: dict[CounterKey, Decimal] = {}
        self._closed: dict[str, set[str]] | None = None

    def own_period(self, one: _One) -> str:
        """The period that a usage lies in."""
        return period_id(one.at, self.zone)

    def billed_in(self, one: _One) -> str:
        """The period that a usage is billed in."""
        if self._closed is None:
            self._closed = defaultdict(set)
            for (agent_id, period), found in self.periods.items():
                if found.invoice_id is not None:
                    self._closed[agent_id].add(period)
        closed: Iterable[str] = self._closed.get(one.told.usage.agent_id, set[str]())
        return billed_in(self.own_period(one), period_id(self.now, self.zone), frozenset(closed))

    def before(self, one: _One, card_id: str) -> dict[str, Decimal]:
        """What was counted before a usage: in the period that it is billed in, but for the flat
        price, which is of the one that it lies in.
        """
        agent_id = one.told.usage.agent_id
        own = self.counters[agent_id, self.own_period(one), card_id]
        billed = self.counters[agent_id, self.billed_in(one), card_id]
        return {**billed, FLAT: own.get(FLAT, Decimal(0))}

    def add(self, usage: Usage, priced: Priced, version: CardVersion, correlation_id: str) -> None:
        """A usage is charged: what comes after it finds it."""
        self.new.append(usage)
        self.correlations.append(correlation_id)
        self.known[usage.id] = usage
        if usage.conversation_id is not None and usage.quantities.conversations:
            self.counted.add(usage.conversation_id)
        key = usage.agent_id, usage.period_id
        there = self.periods.get(key) or AgentPeriod(*key, 0, 0, Decimal(0), usage.currency, None)
        self.periods[key] = there._replace(
            usages=there.usages + 1,
            tokens=there.tokens + usage.quantities.tokens,
            amount=there.amount + usage.amount,
        )
        self.touched[key] = None
        for item, quantity in priced.counted.items():
            own = item == FLAT
            period = period_id(usage.served_at, self.zone) if own else usage.period_id
            counters = self.counters[usage.agent_id, period, version.card_id]
            counters[item] = counters.get(item, Decimal(0)) + quantity
            self.changed[CounterKey(usage.agent_id, period, version.card_id, item)] = counters[item]


def _resolved(one: _One, batch: _Batch) -> tuple[str, Usage | None]:
    """The id of a usage, and the usage where it is known.

    Raises:
        KeyReused: The key stands for another one.
    """
    for id_ in one.ids:
        known = batch.known.get(id_)
        if known is None:
            return id_, None
        if known.source == one.told.source:
            if known.source != API or known.content_hash == one.content_hash:
                return id_, known
        elif API in (known.source, one.told.source):
            usage = one.told.usage
            same = known.agent_id, known.conversation_id
            if usage.conversation_id is not None and same == (
                usage.agent_id,
                usage.conversation_id,
            ):
                return id_, known
    raise KeyReused(one.told.key or "", one.ids[0])
