# SPDX-License-Identifier: Apache-2.0
"""Reports on what was used and what it was charged."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from rollcall.billing.invoice_usages import chunks
from rollcall.billing.invoicing import Accounts
from rollcall.billing.tables import USAGE
from rollcall.kernel.clock import Clock, utc
from rollcall.kernel.errors import InvalidInput
from rollcall.sql import Sql

DEFAULT_DAYS: Final = 30
MOST_DAYS: Final = 366 * 5

_COLUMNS: Final = (
    USAGE.c.id,
    USAGE.c.agent_id,
    USAGE.c.model,
    USAGE.c.served_at,
    USAGE.c.tokens,
    USAGE.c.input_tokens,
    USAGE.c.output_tokens,
    USAGE.c.cached_tokens,
    USAGE.c.requests,
    USAGE.c.conversations,
    USAGE.c.amount,
)
_COUNTS: Final = (
    "tokens",
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "requests",
    "conversations",
)


class GroupBy(StrEnum):
    """What usages are added up by."""

    AGENT = "agent"
    MODEL = "model"
    DAY = "day"


class Group(msgspec.Struct, kw_only=True):
    """What usages of one agent, model or day come to.

    Args:
        key: The agent, the model or the day; None: a model that nobody has named.
        amount: What was charged, not rounded to the currency.
    """

    key: str | None
    usages: int = 0
    tokens: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    requests: int = 0
    conversations: int = 0
    amount: Decimal = Decimal(0)


class UsageReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was used from one day to another, both included, in the account's zone."""

    from_day: date
    to_day: date
    time_zone: str
    currency: str
    group_by: GroupBy
    rows: tuple[Group, ...]
    total: Group


class UsageReports:
    """Makes reports on usage.

    Args:
        database: Where it is.
        accounts: In whose zones days begin.
        clock: Says which day it is.
    """

    def __init__(self, database: Sql, accounts: Accounts, clock: Clock) -> None:
        self._database = database
        self._accounts = accounts
        self._clock = clock

    async def report(
        self, namespace: str, group_by: GroupBy, since: date | None, until: date | None
    ) -> UsageReport:
        """What was used from `since` to `until`, both included.

        Args:
            since: By default 30 days up to `until`.
            until: By default today in the account's zone.

        Raises:
            InvalidInput: `since` is after `until`, or too long before it.
        """
        account = await self._accounts(namespace)
        zone = ZoneInfo(account.time_zone)
        last = until or utc(self._clock.now()).astimezone(zone).date()
        try:
            first = since or last - timedelta(days=DEFAULT_DAYS - 1)
            begin, end = _begins(first, zone), _begins(last + timedelta(days=1), zone)
        except OverflowError:
            raise InvalidInput("to", "is beyond the calendar") from None
        if first > last:
            raise InvalidInput("from", f"must not be after {last}")
        if (last - first).days > MOST_DAYS:
            raise InvalidInput("from", f"must be within {MOST_DAYS} days before {last}")
        where = (
            USAGE.c.namespace == namespace,
            USAGE.c.served_at >= begin.timestamp(),
            USAGE.c.served_at < end.timestamp(),
        )
        groups: dict[str | None, Group] = {}
        total = Group(key=None)
        if group_by is GroupBy.DAY:
            days = (first + timedelta(days=day) for day in range((last - first).days + 1))
            groups = {str(day): Group(key=str(day)) for day in days}
        async with self._database.reading() as connection:
            async for rows in chunks(connection, where, _COLUMNS):
                await asyncio.to_thread(_add, groups, total, rows, group_by, zone)
        return UsageReport(
            from_day=first,
            to_day=last,
            time_zone=account.time_zone,
            currency=account.currency,
            group_by=group_by,
            rows=tuple(sorted(groups.values(), key=lambda one: one.key or "")),
            total=total,
        )


def _add(
    groups: dict[str | None, Group],
    total: Group,
    rows: Sequence[Any],
    group_by: GroupBy,
    zone: ZoneInfo,
) -> None:
    for row in rows:
        key = _key(row, group_by, zone)
        for group in (groups.setdefault(key, Group(key=key)), total):
            group.usages += 1
            group.amount += Decimal(row.amount)
            for name in _COUNTS:
                setattr(group, name, getattr(group, name) + getattr(row, name))


def _key(row: Any, group_by: GroupBy, zone: ZoneInfo) -> str | None:
    if group_by is GroupBy.AGENT:
        return row.agent_id
    if group_by is GroupBy.MODEL:
        return row.model
    return str(utc(row.served_at).astimezone(zone).date())


def _begins(day: date, zone: ZoneInfo) -> datetime:
    """When a day begins; where midnight comes twice, the first time."""
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)
