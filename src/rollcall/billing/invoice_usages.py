# SPDX-License-Identifier: Apache-2.0
"""The usages that an invoice charges, read piece by piece: memory does not grow with them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncConnection

from rollcall.billing.invoice_lines import Charge, Gathering, InvoiceLine, LineKey
from rollcall.billing.invoices import Invoice, InvoiceStatus
from rollcall.billing.models import Line
from rollcall.billing.periods import period_id
from rollcall.billing.tables import USAGE
from rollcall.kernel.clock import utc

CHUNK: Final = 5000
"""Usages read at a time."""

_lines: Final = msgspec.json.Decoder(tuple[Line, ...]).decode
_COLUMNS: Final = (
    USAGE.c.id,
    USAGE.c.model,
    USAGE.c.conversation_id,
    USAGE.c.served_at,
    USAGE.c.period_id,
    USAGE.c.late,
    USAGE.c.estimated,
    USAGE.c.rate_card_id,
    USAGE.c.rate_card_version,
    USAGE.c.lines,
)


class LineUsage(NamedTuple):
    """What one usage adds to a line, with what names it."""

    usage_id: str
    conversation_id: str | None
    model: str | None
    charge: Charge
    currency: str


def of_invoice(invoice: Invoice) -> tuple[ColumnElement[bool], ...]:
    """The conditions of the usages that an invoice charges; of a draft, those that it would."""
    mine = USAGE.c.namespace == invoice.namespace
    if invoice.finalised_date is not None:
        return mine, USAGE.c.invoice_id == invoice.id
    if invoice.status is not InvoiceStatus.DRAFT:
        return (USAGE.c.id.is_(None),)
    return of_period(invoice.namespace, invoice.agent_id, invoice.billing_period_id)


def of_period(namespace: str, agent_id: str, period: str) -> tuple[ColumnElement[bool], ...]:
    """The conditions of what an agent used in a period and no invoice charges yet."""
    return (
        USAGE.c.namespace == namespace,
        USAGE.c.agent_id == agent_id,
        USAGE.c.period_id == period,
        USAGE.c.invoice_id.is_(None),
    )


async def chunks(
    connection: AsyncConnection,
    where: Sequence[ColumnElement[bool]],
    columns: Sequence[Any] = _COLUMNS,
    *,
    after: str = "",
    size: int = CHUNK,
) -> AsyncGenerator[Sequence[Any]]:
    """The rows of usages by their ids, behind the id `after`, so many at a time."""
    while True:
        wanted = select(*columns).where(*where, USAGE.c.id > after).order_by(USAGE.c.id)
        rows = (await connection.execute(wanted.limit(size))).all()
        if rows:
            yield rows
        if len(rows) < size:
            return
        after = rows[-1].id


def charges(row: Any, zone: ZoneInfo) -> Iterator[Charge]:
    """What a usage's row adds to which lines."""
    at: float = row.served_at
    late = bool(row.late)
    served = period_id(utc(at), zone) if late else row.period_id
    for line in _lines(row.lines):
        yield Charge(key_of(line, row, served, late=late), line.quantity, line.amount, at)


def key_of(line: Line, row: Any, served: str, *, late: bool) -> LineKey:
    """Which line of an invoice a line of a usage belongs to."""
    return LineKey(
        late=late,
        service_period=served,
        unit=line.unit.value,
        model=line.model,
        rate_card_id=row.rate_card_id,
        rate_card_version=row.rate_card_version,
        item=line.item,
        tier=-1 if line.tier is None else line.tier,
        unit_price="" if line.unit_price is None else format(line.unit_price, "f"),
        markup="" if line.markup is None else format(line.markup, "f"),
        estimated=bool(row.estimated),
        note=line.note,
    )


async def gathered(
    connection: AsyncConnection,
    where: Sequence[ColumnElement[bool]],
    currency: str,
    zone: ZoneInfo,
    each: Callable[[Sequence[Any]], Awaitable[None]] | None = None,
) -> tuple[tuple[InvoiceLine, ...], int]:
    """The lines of an invoice over usages, and how many usages these are.

    Args:
        connection: Where they are read.
        where: Which.
        currency: Of the invoice.
        zone: In which late usages have their periods.
        each: Called with the rows that were read, some at a time.
    """
    sums, count = Gathering(), 0
    async for rows in chunks(connection, where):
        count += len(rows)
        # Thousands of them take longer than others should wait for.
        await asyncio.to_thread(_add, sums, rows, zone)
        if each is not None:
            await each(rows)
    return sums.lines(currency), count


def _add(sums: Gathering, rows: Sequence[Any], zone: ZoneInfo) -> None:
    for row in rows:
        for charge in charges(row, zone):
            sums.add(charge)


async def of_line(
    connection: AsyncConnection,
    invoice: Invoice,
    line: InvoiceLine,
    *,
    limit: int,
    after: str = "",
) -> list[LineUsage]:
    """The first `limit` usages of a line by their ids, behind the id `after`."""
    where = (
        *of_invoice(invoice),
        USAGE.c.served_at >= line.service_from.timestamp(),
        USAGE.c.served_at <= line.service_to.timestamp(),
    )
    zone = ZoneInfo(invoice.terms.time_zone)
    found: list[LineUsage] = []
    async for rows in chunks(connection, where, after=after):
        for row in rows:
            found += [
                LineUsage(row.id, row.conversation_id, row.model, charge, invoice.currency)
                for charge in charges(row, zone)
                if charge.key == line.key
            ]
        if len(found) >= limit:
            break
    return found[:limit]
