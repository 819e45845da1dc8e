# SPDX-License-Identifier: Apache-2.0
"""Making invoices: drafts that follow what was used, until one is finalised."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from msgspec.structs import replace
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from rollcall.billing import books_told, ledger
from rollcall.billing.books_errors import InvoiceNotFound
from rollcall.billing.books_repository import BooksWork, Raced, latest_of, with_lines
from rollcall.billing.books_tables import INVOICES
from rollcall.billing.errors import AgentNotTracked
from rollcall.billing.invoice_usages import gathered, of_period
from rollcall.billing.invoices import (
    SERIES,
    Invoice,
    InvoiceStatus,
    Terms,
    due_on,
    numbered,
    totals,
)
from rollcall.billing.issuers import NOBODY, Issuer
from rollcall.billing.models import Account
from rollcall.billing.periods import period
from rollcall.billing.tables import AGENTS, PERIODS
from rollcall.billing.tax_rates import rate_of
from rollcall.kernel.clock import Clock, utc
from rollcall.kernel.errors import Unavailable
from rollcall.kernel.ids import derived
from rollcall.sql import Sql

Accounts = Callable[[str], Awaitable[Account]]
"""How a namespace is billed."""

TRIES: Final = 20
"""How often something is tried that others are quicker with."""


class Invoicing:
    """Makes drafts and finalises them.

    Args:
        database: Where invoices and usages are.
        accounts: By what they are written.
        clock: Time.
        issuer: Who sends invoices; those that are final keep who it was then.
    """

    def __init__(
        self, database: Sql, accounts: Accounts, clock: Clock, issuer: Issuer = NOBODY
    ) -> None:
        self._database = database
        self._accounts = accounts
        self._clock = clock
        self._issuer = issuer

    async def generate(
        self,
        namespace: str,
        *,
        period_id: str | None = None,
        agent_id: str | None = None,
        dry_run: bool = False,
    ) -> Sequence[Invoice]:
        """The drafts of what was used and is on no invoice yet: one for each agent and period.

        Those that are there already are brought up to date.

        Args:
            period_id: Of this period alone.
            agent_id: Of this agent alone.
            dry_run: Whether nothing is written.

        Raises:
            InvalidInput: It is no id of a period.
            AgentNotTracked: There is no such agent.
        """
        account = await self._accounts(namespace)
        if period_id is not None:
            period(period_id, ZoneInfo(account.time_zone))
        async with self._database.reading() as connection:
            names = await _names(connection, namespace, agent_id)
            places = await _open_periods(connection, namespace, period_id, agent_id)
        if agent_id is not None and agent_id not in names:
            raise AgentNotTracked(agent_id)
        found: list[Invoice] = []
        for agent, place in places:
            name = _business(account, names, agent)
            draft = await self._draft(account, agent, place, name, dry_run=dry_run)
            if draft is not None:
                found.append(draft)
        return found

    async def finalise(self, namespace: str, invoice_id: str) -> Invoice:
        """Give a draft its number and fix what it says.

        In one unit of work its usages are marked, its lines and totals made of them for good, and
        the books written. The agent's period takes no usage any more: what is told of later goes
        onto the next invoice.

        Raises:
            InvoiceNotFound: There is none.
            Raced: It is no draft any more.
        """
        account = await self._accounts(namespace)
        now = utc(self._clock.now())
        async with self._database.begin() as unit:
            work = BooksWork(unit)
            seen = await _peek(work.connection, namespace, invoice_id)
            await work.lock_agent(namespace, seen.agent_id)
            draft = await work.invoice(namespace, invoice_id)
            if draft is None or draft.status is not InvoiceStatus.DRAFT:
                raise Raced(f"invoice {invoice_id!r} is no draft any more")
            terms = await self._terms(work.connection, account, seen.agent_id)
            names = await _names(work.connection, namespace, seen.agent_id)
            await work.close_period(draft, now.timestamp())

            async def take(rows: Sequence[Any]) -> None:
                await work.take_usages(draft, rows[0].id, rows[-1].id)

            where = of_period(namespace, draft.agent_id, draft.billing_period_id)
            zone = ZoneInfo(terms.time_zone)
            lines, usages = await gathered(work.connection, where, terms.currency, zone, take)
            subtotal, tax = totals(lines, terms)
            # Last, since from here on everybody else waits who wants a number.
            number = numbered(SERIES, await work.next_number(namespace, SERIES))
            final = replace(
                draft,
                number=number,
                business_name=_business(account, names, seen.agent_id),
                finalised_date=now,
                status=InvoiceStatus.SENT,
                terms=terms,
                subtotal=subtotal,
                tax_amount=tax,
                due_date=due_on(now, terms),
                usages=usages,
                revision=draft.revision + 1,
                lines=lines,
            )
            await work.put_invoice(final, lines=True)
            parts = final.parts
            if parts.total:
                await work.note(
                    ledger.Transaction(
                        namespace=namespace,
                        id=transaction_id(ledger.Act.INVOICE, final.id),
                        act=ledger.Act.INVOICE,
                        invoice_id=final.id,
                        reference=final.id,
                        currency=final.currency,
                        at=now,
                        entries=ledger.invoiced(parts.subtotal, parts.tax),
                    )
                )
            work.publish(books_told.finalised(final, now))
        return final

    async def _draft(
        self, account: Account, agent_id: str, period_id: str, name: str, *, dry_run: bool
    ) -> Invoice | None:
        """The draft of an agent and a period; None: there is nothing to charge any more."""
        namespace = account.namespace
        for _ in range(TRIES):
            async with self._database.reading() as connection:
                terms = await self._terms(connection, account, agent_id)
                # First what is there, then the usages: who finalises in between is noticed below.
                latest = await latest_of(connection, namespace, agent_id, period_id, lock=False)
                where = of_period(namespace, agent_id, period_id)
                lines, usages = await gathered(
                    connection, where, terms.currency, ZoneInfo(terms.time_zone)
                )
                if latest is not None and latest.status is InvoiceStatus.DRAFT:
                    latest = await _whole(connection, latest)
            if not usages:
                return None
            subtotal, tax = totals(lines, terms)
            new = self._next(namespace, agent_id, period_id, latest)
            draft = replace(
                new,
                business_name=name,
                terms=terms,
                subtotal=subtotal,
                tax_amount=tax,
                usages=usages,
                lines=lines,
            )
            if dry_run or draft == latest:
                return draft
            try:
                return await self._write(draft, latest)
            except Raced:
                continue
        raise Unavailable(f"the drafts of agent {agent_id!r} change too quickly: try again")

    async def _write(self, draft: Invoice, seen: Invoice | None) -> Invoice:
        """Write a draft if the newest invoice of its agent and period is what was seen.

        Raises:
            Raced: It is not.
        """
        async with self._database.begin() as unit:
            work = BooksWork(unit)
            latest = await work.latest_invoice(
                draft.namespace, draft.agent_id, draft.billing_period_id
            )
            if _seen(latest) != _seen(seen):
                raise Raced("the draft has changed meanwhile")
            if seen is None or seen.id != draft.id:
                await work.add_invoice(draft)
                return draft
            changed = replace(draft, revision=draft.revision + 1)
            await work.put_invoice(changed, lines=True)
            return changed

    async def _terms(self, connection: AsyncConnection, account: Account, agent_id: str) -> Terms:
        own = await rate_of(connection, account.namespace, agent_id)
        return Terms(
            currency=account.currency,
            time_zone=account.time_zone,
            tax_rate=account.tax_rate if own is None else own,
            terms_days=account.terms_days,
            issuer=self._issuer,
        )

    def _next(
        self, namespace: str, agent_id: str, period_id: str, latest: Invoice | None
    ) -> Invoice:
        """The draft that is there, or the one that follows what is there."""
        if latest is not None and latest.status is InvoiceStatus.DRAFT:
            return latest
        sequence = 1 if latest is None else latest.sequence + 1
        return Invoice(
            namespace=namespace,
            id=invoice_id_of(namespace, agent_id, period_id, sequence),
            sequence=sequence,
            number=None,
            billing_period_id=period_id,
            agent_id=agent_id,
            business_name="",
            status=InvoiceStatus.DRAFT,
            terms=Terms(currency="", time_zone="", tax_rate=Decimal(0), terms_days=0),
            subtotal=Decimal(0),
            tax_amount=Decimal(0),
            generated_date=utc(self._clock.now()),
        )


def invoice_id_of(namespace: str, agent_id: str, period_id: str, sequence: int) -> str:
    """The id of an invoice: it is derived, so that two who make it make the same one."""
    return f"inv_{derived(namespace, agent_id, period_id, str(sequence), digits=24)}"


def transaction_id(act: ledger.Act, reference: str) -> str:
    """The id of the transaction of an act: the same act is written once."""
    return f"txn_{derived(act.value, reference, digits=24)}"


def _seen(invoice: Invoice | None) -> tuple[str, int, InvoiceStatus] | None:
    return None if invoice is None else (invoice.id, invoice.revision, invoice.status)


def _business(account: Account, names: Mapping[str, str], agent_id: str) -> str:
    """To whom an agent's invoices go."""
    return account.business_name or names.get(agent_id) or agent_id


async def _names(
    connection: AsyncConnection, namespace: str, agent_id: str | None
) -> dict[str, str]:
    wanted = select(AGENTS.c.agent_id, AGENTS.c.name).where(AGENTS.c.namespace == namespace)
    if agent_id is not None:
        wanted = wanted.where(AGENTS.c.agent_id == agent_id)
    return {row.agent_id: row.name for row in await connection.execute(wanted)}


async def _open_periods(
    connection: AsyncConnection, namespace: str, period_id: str | None, agent_id: str | None
) -> list[tuple[str, str]]:
    columns = PERIODS.c
    wanted = select(columns.agent_id, columns.period_id).where(
        columns.namespace == namespace, columns.invoice_id.is_(None), columns.usages > 0
    )
    if period_id is not None:
        wanted = wanted.where(columns.period_id == period_id)
    if agent_id is not None:
        wanted = wanted.where(columns.agent_id == agent_id)
    wanted = wanted.order_by(columns.period_id, columns.agent_id)
    return [(row.agent_id, row.period_id) for row in await connection.execute(wanted)]


async def _peek(connection: AsyncConnection, namespace: str, invoice_id: str) -> Invoice:
    wanted = select(INVOICES).where(INVOICES.c.namespace == namespace, INVOICES.c.id == invoice_id)
    row = (await connection.execute(wanted)).one_or_none()
    if row is None:
        raise InvoiceNotFound(invoice_id)
    return await with_lines(connection, row)


async def _whole(connection: AsyncConnection, invoice: Invoice) -> Invoice:
    return await _peek(connection, invoice.namespace, invoice.id)


def paid_since(invoice: Invoice, status: InvoiceStatus, now: datetime) -> datetime | None:
    """When nothing was due any more, for an invoice that gets a status."""
    if status is not InvoiceStatus.PAID:
        return None
    return invoice.paid_date or now
