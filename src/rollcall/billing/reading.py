# SPDX-License-Identifier: Apache-2.0
"""Usage, prices and budgets in the SQL database: what is looked at."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, Select, and_, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from rollcall.billing.budget_models import Budget, Reservation
from rollcall.billing.models import Account, RateCard, TrackedAgent, Usage
from rollcall.billing.ports import AgentPeriod, Cards, CounterKey, Totals
from rollcall.billing.rows import (
    account_of,
    agent_of,
    budget_of,
    reservation_of,
    usage_of,
    version_of,
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
from rollcall.kernel.clock import utc
from rollcall.kernel.cursors import Place
from rollcall.sql import Readable


class SqlReads:
    """`BillingReads` on the SQL database of the services."""

    def __init__(self, database: Readable) -> None:
        self._readable = database

    async def account(self, namespace: str) -> Account | None:
        row = await self._one(select(ACCOUNTS).where(ACCOUNTS.c.namespace == namespace))
        return None if row is None else account_of(row)

    async def agent(self, namespace: str, agent_id: str) -> TrackedAgent | None:
        row = await self._one(
            select(AGENTS).where(AGENTS.c.namespace == namespace, AGENTS.c.agent_id == agent_id)
        )
        return None if row is None else agent_of(row)

    async def usage(self, namespace: str, usage_id: str) -> Usage | None:
        row = await self._one(
            select(USAGE).where(USAGE.c.namespace == namespace, USAGE.c.id == usage_id)
        )
        return None if row is None else usage_of(row)

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
        columns = USAGE.c
        within = [columns.namespace == namespace, columns.agent_id == agent_id]
        if since is not None:
            within.append(columns.served_at >= since.timestamp())
        if until is not None:
            within.append(columns.served_at < until.timestamp())
        page = select(USAGE).where(*within)
        if after is not None:
            same = and_(columns.served_at == after.at, columns.id < after.id)
            page = page.where(or_(columns.served_at < after.at, same))
        page = page.order_by(columns.served_at.desc(), columns.id.desc()).limit(limit)
        if since is None and until is None:
            summed = select(PERIODS.c.usages, PERIODS.c.tokens, PERIODS.c.amount).where(
                PERIODS.c.namespace == namespace, PERIODS.c.agent_id == agent_id
            )
        else:
            summed = select(columns.requests, columns.tokens, columns.amount).where(*within)
        async with self._readable.reading() as connection:
            rows = (await connection.execute(page)).all()
            parts = (await connection.execute(summed)).all()
        whole = since is None and until is None
        totals = Totals(
            sum(part[0] for part in parts) if whole else len(parts),
            sum(part[1] for part in parts),
            # Decimals are text in these tables, which no database adds up exactly.
            sum((Decimal(part[2]) for part in parts), Decimal(0)),
        )
        return [usage_of(row) for row in rows], totals

    async def cards(self, account: Account, agent_ids: Collection[str]) -> Cards:
        async with self._readable.reading() as connection:
            return await cards(connection, account, agent_ids, locked=False)

    async def list_cards(
        self, namespace: str, *, limit: int, after: str | None
    ) -> Sequence[RateCard]:
        wanted = select(CARDS).where(CARDS.c.namespace == namespace)
        if after is not None:
            wanted = wanted.where(CARDS.c.id > after)
        async with self._readable.reading() as connection:
            return await whole_cards(connection, namespace, wanted.limit(limit))

    async def card(self, namespace: str, card_id: str) -> RateCard | None:
        wanted = select(CARDS).where(CARDS.c.namespace == namespace, CARDS.c.id == card_id)
        async with self._readable.reading() as connection:
            found = await whole_cards(connection, namespace, wanted)
        return found[0] if found else None

    async def periods(self, namespace: str, period_id: str | None = None) -> list[AgentPeriod]:
        wanted = select(PERIODS).where(PERIODS.c.namespace == namespace)
        if period_id is not None:
            wanted = wanted.where(PERIODS.c.period_id == period_id)
        wanted = wanted.order_by(PERIODS.c.period_id, PERIODS.c.agent_id)
        async with self._readable.reading() as connection:
            return [agent_period(row) for row in await connection.execute(wanted)]

    async def budgets(
        self, namespace: str, now: datetime, *, limit: int, after: str | None = None
    ) -> Sequence[tuple[Budget, Decimal]]:
        wanted = select(BUDGETS).where(BUDGETS.c.namespace == namespace)
        if after is not None:
            wanted = wanted.where(BUDGETS.c.id > after)
        wanted = wanted.order_by(BUDGETS.c.id).limit(limit)
        async with self._readable.reading() as connection:
            found = [budget_of(row) for row in await connection.execute(wanted)]
            kept = await held(connection, namespace, [one.id for one in found], now)
        return [(one, kept.get(one.id, Decimal(0))) for one in found]

    async def budget(
        self, namespace: str, budget_id: str, now: datetime
    ) -> tuple[Budget, Decimal] | None:
        wanted = select(BUDGETS).where(BUDGETS.c.namespace == namespace, BUDGETS.c.id == budget_id)
        async with self._readable.reading() as connection:
            row = (await connection.execute(wanted)).one_or_none()
            kept = await held(connection, namespace, [budget_id], now)
        return None if row is None else (budget_of(row), kept.get(budget_id, Decimal(0)))

    async def reservation(self, namespace: str, reservation_id: str) -> Reservation | None:
        columns = RESERVATIONS.c
        row = await self._one(
            select(RESERVATIONS).where(columns.namespace == namespace, columns.id == reservation_id)
        )
        return None if row is None else reservation_of(row)

    async def counters(
        self, namespace: str, agent_id: str, period_id: str
    ) -> dict[CounterKey, Decimal]:
        async with self._readable.reading() as connection:
            return await counters(connection, namespace, [(agent_id, period_id)])

    async def _one(self, wanted: Select[Any]) -> Row[Any] | None:
        async with self._readable.reading() as connection:
            return (await connection.execute(wanted)).one_or_none()


async def cards(
    connection: AsyncConnection, account: Account, agent_ids: Collection[str], *, locked: bool
) -> Cards:
    """All that may price what these agents use.

    Args:
        locked: Whether nobody may give them new versions before the transaction ends.
    """
    columns = ASSIGNMENTS.c
    given = select(columns.kind, columns.key, columns.rate_card_id).where(
        columns.namespace == account.namespace,
        or_(
            and_(columns.kind == "agents", columns.key.in_(sorted(agent_ids))),
            and_(columns.kind == "plans", columns.key == (account.plan or "")),
        ),
    )
    of: dict[str, dict[str, str]] = {"agents": {}, "plans": {}}
    for kind, key, card_id in await connection.execute(given):
        of[kind][key] = card_id
    ids = {*of["agents"].values(), *of["plans"].values()}
    if account.rate_card_id is not None:
        ids.add(account.rate_card_id)
    found: list[RateCard] = []
    if ids:
        wanted = select(CARDS).where(
            CARDS.c.namespace == account.namespace, CARDS.c.id.in_(sorted(ids))
        )
        if locked:
            wanted = wanted.with_for_update(read=True)
        found = await whole_cards(connection, account.namespace, wanted)
    return Cards({one.id: one for one in found}, of["agents"], of["plans"])


async def whole_cards(
    connection: AsyncConnection, namespace: str, wanted: Select[Any]
) -> list[RateCard]:
    """Cards with their versions, by id."""
    rows = (await connection.execute(wanted.order_by(CARDS.c.id))).all()
    versions = select(CARD_VERSIONS).where(
        CARD_VERSIONS.c.namespace == namespace,
        CARD_VERSIONS.c.card_id.in_([row.id for row in rows]),
    )
    found = await connection.execute(
        versions.order_by(CARD_VERSIONS.c.card_id, CARD_VERSIONS.c.version)
    )
    every = [version_of(row) for row in found]
    return [
        RateCard(
            namespace=row.namespace,
            id=row.id,
            name=row.name,
            currency=row.currency,
            created_at=utc(row.created_at),
            versions=tuple(one for one in every if one.card_id == row.id),
        )
        for row in rows
    ]


async def counters(
    connection: AsyncConnection, namespace: str, pairs: Collection[tuple[str, str]]
) -> dict[CounterKey, Decimal]:
    """What was counted for agents in periods."""
    if not pairs:
        return {}
    columns = COUNTERS.c
    wanted = select(COUNTERS).where(
        columns.namespace == namespace,
        tuple_(columns.agent_id, columns.period_id).in_(sorted(pairs)),
    )
    return {
        CounterKey(row.agent_id, row.period_id, row.card_id, row.item): Decimal(row.quantity)
        for row in await connection.execute(wanted)
    }


async def held(
    connection: AsyncConnection, namespace: str, budget_ids: Sequence[str], now: datetime
) -> dict[str, Decimal]:
    """What reservations that have not expired keep of budgets."""
    if not budget_ids:
        return {}
    wanted = select(HOLDS.c.budget_id, HOLDS.c.amount).where(
        HOLDS.c.namespace == namespace,
        HOLDS.c.budget_id.in_(budget_ids),
        HOLDS.c.expires_at > now.timestamp(),
    )
    kept: dict[str, Decimal] = {}
    for budget_id, amount in await connection.execute(wanted):
        kept[budget_id] = kept.get(budget_id, Decimal(0)) + Decimal(amount)
    return kept


def agent_period(row: Row[Any]) -> AgentPeriod:
    """What an agent has used in a period, from its row."""
    return AgentPeriod(
        row.agent_id,
        row.period_id,
        row.usages,
        row.tokens,
        Decimal(row.amount),
        row.currency,
        row.invoice_id,
    )
