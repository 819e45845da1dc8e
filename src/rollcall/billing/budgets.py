# SPDX-License-Identifier: Apache-2.0
"""Budgets: what may be spent, what of it is kept for work under way, and hard stops.

What is spent and what is reserved is looked at and changed while the budget's row is locked, so a
hard limit holds however many spend at once. A usage is recorded whatever the budget says: it was
incurred.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import asdict, replace

from rollcall.billing.accounts import Accounts, check_amount
from rollcall.billing.budget_models import (
    Budget,
    Reservation,
    ReservationStatus,
    Scope,
    Window,
)
from rollcall.billing.errors import (
    BudgetExhausted,
    BudgetNotFound,
    KeyReused,
    ReservationNotFound,
    ReservationNotOpen,
)
from rollcall.billing.models import Usage
from rollcall.billing.periods import period, window_of, zone_of
from rollcall.billing.ports import BillingStore, BillingWork
from rollcall.billing.retelling import settled
from rollcall.billing.spending import fits, rolled, spent, told_of
from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.ids import IdSource, derived
from rollcall.kernel.money import non_negative
from rollcall.web.lines import check_id, check_line

ALERTS: Final = (Decimal("0.5"), Decimal("0.8"), Decimal("1.0"))
MOST_ALERTS: Final = 20
LONGEST_TTL: Final = 86_400.0


class BudgetChange(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be changed; the rest stays."""

    limit: Decimal | UnsetType = UNSET
    hard: bool | UnsetType = UNSET
    alert_at: tuple[Decimal, ...] | UnsetType = UNSET


class Budgets:
    """Keeps budgets, and reservations of them.

    Args:
        store: The tables.
        accounts: Time zones and currencies.
        ids: Draws ids.
    """

    def __init__(self, store: BillingStore, accounts: Accounts, ids: IdSource) -> None:
        self._store = store
        self._accounts = accounts
        self._ids = ids

    async def create(
        self,
        namespace: str,
        limit: Decimal,
        *,
        agent_id: str | None = None,
        period: Window = Window.MONTH,
        hard: bool = False,
        alert_at: Sequence[Decimal] = ALERTS,
        key: str | None = None,
    ) -> tuple[Budget, bool]:
        """Set a budget; it, and whether it is new. What was spent in its window counts already.

        Args:
            agent_id: Whose; None: the whole account's.
            key: The same key and content make one budget.

        Raises:
            InvalidInput: Names the field.
            KeyReused: The key stands for another budget.
        """
        if agent_id is not None:
            check_id("agent_id", agent_id)
        now = self._accounts.now()
        drawn = self._ids.hex(16) if key is None else derived("budget", key, digits=16)

        async def once() -> tuple[Budget, bool]:
            async with self._store.begin() as work:
                account = await self._accounts.within(work, namespace)
                zone = zone_of(account.time_zone)
                budget = Budget(
                    namespace=namespace,
                    id=f"bud_{drawn}",
                    scope=Scope.ACCOUNT if agent_id is None else Scope.AGENT,
                    agent_id=agent_id,
                    limit=non_negative(limit, "limit"),
                    currency=account.currency,
                    period=period,
                    hard=hard,
                    alert_at=_shares(alert_at),
                    window=window_of(period, now, zone),
                    created_at=now,
                )
                there = await work.budgets(namespace, id_=budget.id)
                if there:
                    if _wanted(there[0]) != _wanted(budget):
                        raise KeyReused(key or "", budget.id)
                    return there[0], False
                already = await work.spent(namespace, agent_id, _begin(period, now, zone))
                step = told_of(replace(budget, spent=already), now)
                await work.add_budget(step.budget)
                work.publish(*step.events)
                return step.budget, True

        return await settled(once)

    async def change(self, namespace: str, budget_id: str, change: BudgetChange) -> Budget:
        """Change a budget. What a new limit makes true is told at once.

        Raises:
            InvalidInput: Names the field.
            BudgetNotFound: There is none.
        """
        said = {name: value for name, value in asdict(change).items() if value is not UNSET}
        if "limit" in said:
            said["limit"] = non_negative(said["limit"], "limit")
        if "alert_at" in said:
            said["alert_at"] = _shares(said["alert_at"])
        now = self._accounts.now()
        async with self._store.begin() as work:
            account = await self._accounts.within(work, namespace)
            old = await _one(work, namespace, budget_id)
            new = rolled(replace(old, **said), now, zone_of(account.time_zone))
            if _wanted(new) == _wanted(old):
                return old
            step = told_of(replace(new, revision=old.revision + 1), now)
            await work.put_budgets([step.budget])
            work.publish(*step.events)
            return step.budget

    async def delete(self, namespace: str, budget_id: str) -> None:
        """Delete a budget; reservations of it keep nothing any more.

        Raises:
            BudgetNotFound: There is none.
        """
        async with self._store.begin() as work:
            await _one(work, namespace, budget_id)
            await work.drop_budget(namespace, budget_id)

    async def get(self, namespace: str, budget_id: str) -> tuple[Budget, Decimal]:
        """A budget in the window that runs, and what is reserved of it.

        Raises:
            BudgetNotFound: There is none.
        """
        now = self._accounts.now()
        found = await self._store.budget(namespace, budget_id, now)
        if found is None:
            raise BudgetNotFound(budget_id)
        zone = await self._accounts.zone(namespace)
        return rolled(found[0], now, zone), found[1]

    async def find(
        self, namespace: str, *, limit: int, after: str | None = None
    ) -> tuple[list[tuple[Budget, Decimal]], str | None]:
        """Budgets by their ids with what is reserved of them, and where the next page begins."""
        now = self._accounts.now()
        page = await self._store.budgets(namespace, now, limit=limit + 1, after=after)
        if not page:
            return [], None
        zone = await self._accounts.zone(namespace)
        shown = [(rolled(one, now, zone), held) for one, held in page[:limit]]
        return shown, page[limit - 1][0].id if len(page) > limit else None

    async def reserve(
        self,
        namespace: str,
        agent_id: str,
        amount: Decimal,
        *,
        conversation_id: str | None = None,
        ttl_seconds: float = 600,
    ) -> str:
        """Keep a part of every budget that an agent spends from; the reservation's id."""
        made, _ = await self.make_reservation(
            namespace, agent_id, amount, conversation_id=conversation_id, ttl_seconds=ttl_seconds
        )
        return made.id

    async def make_reservation(
        self,
        namespace: str,
        agent_id: str,
        amount: Decimal,
        *,
        conversation_id: str | None = None,
        ttl_seconds: float = 600,
        key: str | None = None,
    ) -> tuple[Reservation, bool]:
        """As `reserve`: the reservation, and whether it is new.

        Raises:
            InvalidInput: Names the field.
            BudgetExhausted: A hard budget has less than that left; nothing was reserved.
            KeyReused: The key stands for another reservation.
        """
        check_id("agent_id", agent_id)
        check_amount("amount", amount)
        if conversation_id is not None:
            check_line("conversation_id", conversation_id)
        if not 0 < ttl_seconds <= LONGEST_TTL:
            raise InvalidInput("ttl_seconds", f"must be above 0 and at most {LONGEST_TTL:g}")
        now = self._accounts.now()
        drawn = self._ids.hex(24) if key is None else derived("reservation", key, digits=24)

        async def once() -> tuple[Reservation, bool]:
            async with self._store.begin() as work:
                account = await self._accounts.within(work, namespace)
                zone = zone_of(account.time_zone)
                budgets = await work.budgets(namespace, [agent_id])
                new = Reservation(
                    namespace=namespace,
                    id=f"res_{drawn}",
                    agent_id=agent_id,
                    amount=amount,
                    currency=account.currency,
                    status=ReservationStatus.OPEN,
                    created_at=now,
                    expires_at=now + timedelta(seconds=ttl_seconds),
                    conversation_id=conversation_id,
                )
                there = None if key is None else await work.reservation(namespace, new.id)
                if there is not None:
                    if _asked(there) != _asked(new):
                        raise KeyReused(key or "", there.id)
                    return seen(there, now), False
                held = await work.held(namespace, [one.id for one in budgets], now)
                for one in budgets:
                    current = rolled(one, now, zone)
                    kept = held.get(one.id, Decimal(0))
                    if not fits(current, kept, amount):
                        raise BudgetExhausted(
                            one.id, one.limit, current.spent, kept, amount, one.currency
                        )
                await work.hold(new, [one.id for one in budgets])
                return new, True

        return await settled(once)

    async def release(self, namespace: str, reservation_id: str) -> Reservation:
        """Nothing was used. To release what has ended changes nothing.

        Raises:
            ReservationNotFound: There is none.
        """
        async with self._store.begin() as work:
            found = await work.reservation(namespace, reservation_id, locked=True)
            if found is None:
                raise ReservationNotFound(reservation_id)
            if found.status is not ReservationStatus.OPEN:
                return found
            ended = replace(found, status=ReservationStatus.RELEASED)
            await work.let_go([ended])
            return ended

    async def reservation(self, namespace: str, reservation_id: str) -> Reservation:
        """A reservation as it is now.

        Raises:
            ReservationNotFound: There is none.
        """
        found = await self._store.reservation(namespace, reservation_id)
        if found is None:
            raise ReservationNotFound(reservation_id)
        return seen(found, self._accounts.now())

    async def spend(
        self, work: BillingWork, usages: Sequence[Usage], reserved: Mapping[str, Reservation]
    ) -> None:
        """Count usages of one namespace that are being recorded, and end what was reserved for
        them. Locks budgets: whatever else is to be locked comes before.

        Args:
            reserved: By the ids of usages the reservations that they name, which are locked.
        """
        if not usages:
            return
        namespace, now = usages[0].namespace, self._accounts.now()
        account = await self._accounts.within(work, namespace)
        zone = zone_of(account.time_zone)
        changed: list[Budget] = []
        for one in await work.budgets(namespace, {usage.agent_id for usage in usages}):
            step = spent(one, usages, now, zone)
            if step.budget != one:
                changed.append(step.budget)
            work.publish(*step.events)
        await work.put_budgets(changed)
        ended = {
            one.id: replace(one, status=ReservationStatus.SETTLED, usage_id=usage_id)
            for usage_id, one in reserved.items()
        }
        # A conversation may end before it is told what it used of a model.
        spoken = {
            (usage.agent_id, usage.conversation_id): usage.id
            for usage in usages
            if usage.conversation_id is not None and usage.quantities.requests
        }
        for one in await work.open_for(namespace, list(spoken)):
            usage_id = spoken[one.agent_id, one.conversation_id or ""]
            done = replace(one, status=ReservationStatus.SETTLED, usage_id=usage_id)
            ended.setdefault(one.id, done)
        await work.let_go(list(ended.values()))


async def locked_one(
    work: BillingWork, namespace: str, reservation_id: str, agent_id: str
) -> Reservation:
    """A reservation that an agent's usage can settle; also one that has expired. The agent is
    locked.

    Raises:
        InvalidInput: It is another agent's.
        ReservationNotFound: There is none.
        ReservationNotOpen: It was settled or released.
    """
    found = await work.reservation(namespace, reservation_id)
    if found is None:
        raise ReservationNotFound(reservation_id)
    if found.agent_id != agent_id:
        raise InvalidInput("reservation_id", f"is of agent {found.agent_id!r}")
    found = await work.reservation(namespace, reservation_id, locked=True) or found
    if found.status is not ReservationStatus.OPEN:
        raise ReservationNotOpen(reservation_id, found.status)
    return found


def seen(reservation: Reservation, now: datetime) -> Reservation:
    """A reservation as it is now: an open one may have expired."""
    if reservation.status is ReservationStatus.OPEN and reservation.expires_at <= now:
        return replace(reservation, status=ReservationStatus.EXPIRED)
    return reservation


async def _one(work: BillingWork, namespace: str, budget_id: str) -> Budget:
    found = await work.budgets(namespace, id_=budget_id)
    if not found:
        raise BudgetNotFound(budget_id)
    return found[0]


def _asked(one: Reservation) -> tuple[object, ...]:
    return one.agent_id, one.amount, one.conversation_id, one.expires_at - one.created_at


def _wanted(one: Budget) -> tuple[object, ...]:
    return one.agent_id, one.limit, one.period, one.hard, one.alert_at


def _shares(alert_at: Sequence[Decimal]) -> tuple[Decimal, ...]:
    shares = sorted({non_negative(one, "alert_at").normalize() for one in alert_at})
    if len(shares) > MOST_ALERTS or any(not 0 < one <= 10 for one in shares):
        raise InvalidInput("alert_at", f"must be at most {MOST_ALERTS} shares above 0, to 10")
    return tuple(shares)


def _begin(kind: Window, now: datetime, zone: ZoneInfo) -> datetime | None:
    """When the window that runs began; None: there is no beginning."""
    if kind is Window.TOTAL:
        return None
    if kind is Window.MONTH:
        return period(f"per_{window_of(kind, now, zone)}", zone).start
    return datetime.combine(now.astimezone(zone).date(), time(), zone)
