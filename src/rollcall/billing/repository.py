# SPDX-License-Identifier: Apache-2.0
"""Usage, prices and budgets in the SQL database: what is written, and locked for that."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Table, delete, func, insert, or_, select, tuple_, update
from sqlalchemy.exc import IntegrityError

from rollcall.billing import reading
from rollcall.billing.budget_models import Budget, Reservation, ReservationStatus
from rollcall.billing.models import Account, CardVersion, RateCard, TrackedAgent, Usage
from rollcall.billing.ports import AgentPeriod, BillingWork, Cards, CounterKey, KeyTaken
from rollcall.billing.reading import SqlReads
from rollcall.billing.rows import (
    account_of,
    account_row,
    budget_of,
    budget_row,
    moment,
    plain,
    reservation_of,
    reservation_row,
    usage_of,
    usage_row,
    version_row,
)
from rollcall.billing.tables import (
    ACCOUNTS,
    AGENTS,
    ASSIGNMENTS,
    BUDGETS,
    CARD_VERSIONS,
    CARDS,
    COUNTERS,
    HOLDS,
    PERIODS,
    RESERVATIONS,
    USAGE,
)
from rollcall.events.envelope import Event
from rollcall.kernel.clock import utc
from rollcall.sql import Sql, Work, upsert

REMEMBERED: Final = timedelta(days=7)
"""How long it is known what became of a reservation after its time."""


class SqlBillingWork:
    """`BillingWork` in a unit of work of the SQL database."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._connection = work.connection

    def publish(self, *events: Event) -> None:
        self._work.publish(*events)

    async def account(self, namespace: str, *, locked: bool = False) -> Account | None:
        wanted = select(ACCOUNTS).where(ACCOUNTS.c.namespace == namespace)
        if locked:
            wanted = wanted.with_for_update()
        row = (await self._connection.execute(wanted)).one_or_none()
        return None if row is None else account_of(row)

    async def put_account(self, account: Account) -> None:
        await self._put(ACCOUNTS, [account_row(account)])

    async def charged(self, namespace: str) -> bool:
        # Whoever is about to charge something holds one of these.
        mine = select(AGENTS.c.agent_id).where(AGENTS.c.namespace == namespace)
        await self._connection.execute(mine.order_by(AGENTS.c.agent_id).with_for_update())
        wanted = select(PERIODS.c.agent_id).where(PERIODS.c.namespace == namespace).limit(1)
        return (await self._connection.execute(wanted)).first() is not None

    async def agents(self, namespace: str, agents: Sequence[TrackedAgent]) -> None:
        if not agents:
            return
        rows = [
            {
                "namespace": namespace,
                "agent_id": one.agent_id,
                "name": one.name,
                "tracked_since": one.tracked_since.timestamp(),
                "deleted_at": moment(one.deleted_at),
            }
            for one in sorted(agents, key=lambda agent: agent.agent_id)
        ]
        unless_there = upsert(self._connection, AGENTS).on_conflict_do_nothing()
        await self._connection.execute(unless_there, rows)
        wanted = (
            select(AGENTS.c.agent_id)
            .where(
                AGENTS.c.namespace == namespace,
                AGENTS.c.agent_id.in_([row["agent_id"] for row in rows]),
            )
            .order_by(AGENTS.c.agent_id)
            .with_for_update()
        )
        await self._connection.execute(wanted)

    async def put_agent(self, agent: TrackedAgent) -> None:
        values: dict[str, Any] = {"deleted_at": moment(agent.deleted_at)}
        if agent.deleted_at is None:
            values["name"] = agent.name
        await self._connection.execute(
            update(AGENTS)
            .where(AGENTS.c.namespace == agent.namespace, AGENTS.c.agent_id == agent.agent_id)
            .values(values)
        )

    async def cards(self, account: Account, agent_ids: Collection[str]) -> Cards:
        return await reading.cards(self._connection, account, agent_ids, locked=True)

    async def card(self, namespace: str, card_id: str) -> RateCard | None:
        wanted = select(CARDS).where(CARDS.c.namespace == namespace, CARDS.c.id == card_id)
        found = await reading.whole_cards(self._connection, namespace, wanted.with_for_update())
        return found[0] if found else None

    async def add_card(self, card: RateCard) -> None:
        row = {
            "namespace": card.namespace,
            "id": card.id,
            "name": card.name,
            "currency": card.currency,
            "created_at": card.created_at.timestamp(),
        }
        try:
            await self._connection.execute(insert(CARDS).values(row))
        except IntegrityError as error:
            raise KeyTaken("somebody else wrote the same rate card") from error
        for version in card.versions:
            await self.add_version(card.namespace, version)

    async def add_version(self, namespace: str, version: CardVersion) -> None:
        await self._connection.execute(
            insert(CARD_VERSIONS).values(version_row(namespace, version))
        )

    async def charged_since(
        self, namespace: str, card_id: str, since: datetime | None
    ) -> datetime | None:
        wanted = select(func.max(USAGE.c.served_at)).where(
            USAGE.c.namespace == namespace, USAGE.c.rate_card_id == card_id
        )
        if since is not None:
            wanted = wanted.where(USAGE.c.served_at >= since.timestamp())
        last = (await self._connection.execute(wanted)).scalar_one()
        return None if last is None else utc(last)

    async def assign(self, namespace: str, kind: str, key: str, card_id: str) -> None:
        row = {"namespace": namespace, "kind": kind, "key": key, "rate_card_id": card_id}
        await self._put(ASSIGNMENTS, [row])

    async def unassign(self, namespace: str, kind: str, key: str) -> None:
        columns = ASSIGNMENTS.c
        await self._connection.execute(
            delete(ASSIGNMENTS).where(
                columns.namespace == namespace, columns.kind == kind, columns.key == key
            )
        )

    async def known(self, namespace: str, ids: Collection[str]) -> Mapping[str, Usage]:
        wanted = select(USAGE).where(USAGE.c.namespace == namespace, USAGE.c.id.in_(ids))
        return {row.id: usage_of(row) for row in await self._connection.execute(wanted)}

    async def counted(self, namespace: str, conversations: Collection[str]) -> set[str]:
        if not conversations:
            return set()
        wanted = select(USAGE.c.conversation_id).where(
            USAGE.c.namespace == namespace,
            USAGE.c.conversation_id.in_(conversations),
            USAGE.c.conversations > 0,
        )
        return {
            one for one in (await self._connection.execute(wanted)).scalars() if one is not None
        }

    async def periods(self, namespace: str, agent_ids: Collection[str]) -> list[AgentPeriod]:
        wanted = select(PERIODS).where(
            PERIODS.c.namespace == namespace, PERIODS.c.agent_id.in_(agent_ids)
        )
        return [reading.agent_period(row) for row in await self._connection.execute(wanted)]

    async def put_periods(self, namespace: str, periods: Sequence[AgentPeriod]) -> None:
        rows = [
            {
                "namespace": namespace,
                "agent_id": one.agent_id,
                "period_id": one.period_id,
                "usages": one.usages,
                "tokens": one.tokens,
                "amount": plain(one.amount),
                "currency": one.currency,
            }
            for one in periods
        ]
        await self._put(PERIODS, rows)

    async def counters(
        self, namespace: str, pairs: Collection[tuple[str, str]]
    ) -> dict[CounterKey, Decimal]:
        return await reading.counters(self._connection, namespace, pairs)

    async def put_counters(self, namespace: str, counters: Mapping[CounterKey, Decimal]) -> None:
        rows = [
            {"namespace": namespace, **key._asdict(), "quantity": plain(quantity)}
            for key, quantity in counters.items()
        ]
        await self._put(COUNTERS, rows)

    async def add(self, usages: Sequence[Usage]) -> None:
        if not usages:
            return
        try:
            await self._connection.execute(insert(USAGE), [usage_row(one) for one in usages])
        except IntegrityError as error:
            raise KeyTaken("somebody else wrote the same usage in the same moment") from error

    async def budgets(
        self, namespace: str, agent_ids: Collection[str] | None = None, *, id_: str | None = None
    ) -> list[Budget]:
        columns = BUDGETS.c
        wanted = select(BUDGETS).where(columns.namespace == namespace)
        if agent_ids is not None:
            wanted = wanted.where(
                or_(columns.agent_id.is_(None), columns.agent_id.in_(sorted(agent_ids)))
            )
        if id_ is not None:
            wanted = wanted.where(columns.id == id_)
        wanted = wanted.order_by(columns.id).with_for_update()
        return [budget_of(row) for row in await self._connection.execute(wanted)]

    async def add_budget(self, budget: Budget) -> None:
        try:
            await self._connection.execute(insert(BUDGETS).values(budget_row(budget)))
        except IntegrityError as error:
            raise KeyTaken("somebody else wrote the same budget") from error

    async def put_budgets(self, budgets: Sequence[Budget]) -> None:
        await self._put(BUDGETS, [budget_row(one) for one in budgets])

    async def drop_budget(self, namespace: str, budget_id: str) -> None:
        for table, column in ((HOLDS, HOLDS.c.budget_id), (BUDGETS, BUDGETS.c.id)):
            await self._connection.execute(
                delete(table).where(table.c.namespace == namespace, column == budget_id)
            )

    async def spent(self, namespace: str, agent_id: str | None, since: datetime | None) -> Decimal:
        locked = select(AGENTS.c.agent_id).where(AGENTS.c.namespace == namespace)
        table = PERIODS if since is None else USAGE
        wanted = select(table.c.amount).where(table.c.namespace == namespace)
        if agent_id is not None:
            locked = locked.where(AGENTS.c.agent_id == agent_id)
            wanted = wanted.where(table.c.agent_id == agent_id)
        if since is not None:
            wanted = wanted.where(USAGE.c.served_at >= since.timestamp())
        await self._connection.execute(locked.order_by(AGENTS.c.agent_id).with_for_update())
        amounts = (await self._connection.execute(wanted)).scalars()
        return sum(map(Decimal, amounts), Decimal(0))

    async def held(
        self, namespace: str, budget_ids: Sequence[str], now: datetime
    ) -> Mapping[str, Decimal]:
        return await reading.held(self._connection, namespace, budget_ids, now)

    async def hold(self, reservation: Reservation, budget_ids: Sequence[str]) -> None:
        columns = RESERVATIONS.c
        await self._connection.execute(
            delete(RESERVATIONS).where(
                columns.namespace == reservation.namespace,
                columns.agent_id == reservation.agent_id,
                columns.expires_at <= (reservation.created_at - REMEMBERED).timestamp(),
            )
        )
        # What has expired is of no use to anybody, and its budgets are locked just now.
        await self._connection.execute(
            delete(HOLDS).where(
                HOLDS.c.namespace == reservation.namespace,
                HOLDS.c.budget_id.in_(budget_ids),
                HOLDS.c.expires_at <= reservation.created_at.timestamp(),
            )
        )
        try:
            await self._connection.execute(insert(RESERVATIONS), [reservation_row(reservation)])
        except IntegrityError as error:
            raise KeyTaken("somebody else wrote the same reservation") from error
        rows = [
            {
                "namespace": reservation.namespace,
                "budget_id": one,
                "reservation_id": reservation.id,
                "amount": plain(reservation.amount),
                "expires_at": reservation.expires_at.timestamp(),
            }
            for one in budget_ids
        ]
        if rows:
            await self._connection.execute(insert(HOLDS), rows)

    async def reservation(
        self, namespace: str, reservation_id: str, *, locked: bool = False
    ) -> Reservation | None:
        columns = RESERVATIONS.c
        wanted = select(RESERVATIONS).where(
            columns.namespace == namespace, columns.id == reservation_id
        )
        if locked:
            wanted = wanted.with_for_update()
        row = (await self._connection.execute(wanted)).one_or_none()
        return None if row is None else reservation_of(row)

    async def open_for(
        self, namespace: str, conversations: Collection[tuple[str, str]]
    ) -> Sequence[Reservation]:
        if not conversations:
            return []
        columns = RESERVATIONS.c
        wanted = (
            select(RESERVATIONS)
            .where(
                columns.namespace == namespace,
                tuple_(columns.agent_id, columns.conversation_id).in_(conversations),
                columns.status == ReservationStatus.OPEN.value,
            )
            .order_by(columns.id)
            .with_for_update()
        )
        return [reservation_of(row) for row in await self._connection.execute(wanted)]

    async def let_go(self, reservations: Sequence[Reservation]) -> None:
        if not reservations:
            return
        await self._put(RESERVATIONS, [reservation_row(one) for one in reservations])
        namespace = reservations[0].namespace
        await self._connection.execute(
            delete(HOLDS).where(
                HOLDS.c.namespace == namespace,
                HOLDS.c.reservation_id.in_([one.id for one in reservations]),
            )
        )

    async def _put(self, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write rows, in the place of those with their primary keys."""
        if not rows:
            return
        keys = [column.name for column in table.primary_key.columns]
        made = upsert(self._connection, table)
        others = {name: made.excluded[name] for name in rows[0] if name not in keys}
        await self._connection.execute(
            made.on_conflict_do_update(index_elements=keys, set_=others), list(rows)
        )


class SqlBillingStore(SqlReads):
    """`BillingStore` on the SQL database of the services."""

    def __init__(self, database: Sql) -> None:
        super().__init__(database)
        self._database = database

    def begin(self) -> AbstractAsyncContextManager[BillingWork]:
        return self._begin()

    def within(self, work: Any) -> BillingWork:
        return SqlBillingWork(work)

    @asynccontextmanager
    async def _begin(self) -> AsyncGenerator[SqlBillingWork]:
        async with self._database.begin() as work:
            yield SqlBillingWork(work)
