# SPDX-License-Identifier: Apache-2.0
"""Invoices, payments and the ledger in the SQL database.

Locks are taken in this order: the agent's row, the invoice's row, the counter of numbers. So nobody
waits in a circle.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Table, delete, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from rollcall.billing import tables as usage_tables
from rollcall.billing.books_rows import (
    credit_note_of,
    credit_note_row,
    entry_rows,
    invoice_of,
    invoice_row,
    line_of,
    line_rows,
    payment_of,
    payment_row,
    refund_of,
    refund_row,
    transaction_row,
)
from rollcall.billing.books_tables import (
    CREDIT_NOTES,
    ENTRIES,
    INVOICES,
    LINES,
    PAYMENTS,
    REFUNDS,
    TRANSACTIONS,
    WEBHOOKS,
)
from rollcall.billing.credit_notes import CreditNote
from rollcall.billing.invoice_usages import of_period
from rollcall.billing.invoices import Invoice
from rollcall.billing.ledger import Transaction
from rollcall.billing.ledger_accounts import Account
from rollcall.billing.payments import Payment, Refund
from rollcall.events.envelope import Event
from rollcall.kernel.errors import RollcallError
from rollcall.sql import Work

_NEXT = text(
    "INSERT INTO billing_numbers (namespace, series, last) VALUES (:namespace, :series, 1)"
    " ON CONFLICT (namespace, series) DO UPDATE SET last = billing_numbers.last + 1 RETURNING last"
)


class Raced(RollcallError):
    """Somebody else was quicker with the same key: look again."""


class BooksWork:
    """What is done to the books in one unit of work."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self.connection = work.connection

    def publish(self, *events: Event) -> None:
        self._work.publish(*events)

    async def lock_agent(self, namespace: str, agent_id: str) -> None:
        """Have nobody record usage of an agent, or close a period of it, until the end."""
        agents = usage_tables.AGENTS
        wanted = select(agents.c.agent_id).where(
            agents.c.namespace == namespace, agents.c.agent_id == agent_id
        )
        await self.connection.execute(wanted.with_for_update())

    async def invoice(self, namespace: str, invoice_id: str) -> Invoice | None:
        """An invoice with its lines, locked; None: there is none."""
        wanted = select(INVOICES).where(*_of(INVOICES, namespace, invoice_id)).with_for_update()
        row = (await self.connection.execute(wanted)).one_or_none()
        return None if row is None else await with_lines(self.connection, row)

    async def latest_invoice(self, namespace: str, agent_id: str, period_id: str) -> Invoice | None:
        """The newest invoice of an agent and a period, locked, without its lines."""
        return await latest_of(self.connection, namespace, agent_id, period_id, lock=True)

    async def add_invoice(self, invoice: Invoice) -> None:
        """Write an invoice that is new.

        Raises:
            Raced: There is one of this id.
        """
        await self._insert(INVOICES, invoice_row(invoice))
        await self._write_lines(invoice)

    async def put_invoice(self, invoice: Invoice, *, lines: bool = False) -> None:
        """Write an invoice in the place of the one that was locked.

        Args:
            lines: Whether its lines are others too.
        """
        await self.connection.execute(
            update(INVOICES)
            .where(*_of(INVOICES, invoice.namespace, invoice.id))
            .values(invoice_row(invoice))
        )
        if lines:
            await self.connection.execute(
                delete(LINES).where(
                    LINES.c.namespace == invoice.namespace, LINES.c.invoice_id == invoice.id
                )
            )
            await self._write_lines(invoice)

    async def next_number(self, namespace: str, series: str) -> int:
        """The next number of a series; whoever else wants one waits for the end of the work, so
        that one that comes to nothing leaves no gap.
        """
        found = await self.connection.execute(_NEXT, {"namespace": namespace, "series": series})
        return int(found.scalar_one())

    async def close_period(self, invoice: Invoice, at: float) -> None:
        """Have the invoice's period take no usage of its agent any more."""
        columns = usage_tables.PERIODS.c
        await self.connection.execute(
            update(usage_tables.PERIODS)
            .where(
                columns.namespace == invoice.namespace,
                columns.agent_id == invoice.agent_id,
                columns.period_id == invoice.billing_period_id,
            )
            .values(invoice_id=invoice.id, closed_at=at)
        )

    async def take_usages(self, invoice: Invoice, first: str, last: str) -> None:
        """Mark as charged by an invoice what its agent used in its period, from the id `first` to
        the id `last`.
        """
        columns = usage_tables.USAGE.c
        period = invoice.namespace, invoice.agent_id, invoice.billing_period_id
        await self.connection.execute(
            update(usage_tables.USAGE)
            .where(*of_period(*period), columns.id >= first, columns.id <= last)
            .values(invoice_id=invoice.id)
        )

    async def note(self, transaction: Transaction) -> None:
        """Write a transaction into the ledger, for good; its invoice is locked."""
        there = select(func.count()).where(
            TRANSACTIONS.c.namespace == transaction.namespace,
            TRANSACTIONS.c.invoice_id == transaction.invoice_id,
        )
        place = (await self.connection.execute(there)).scalar_one() + 1
        await self.connection.execute(
            insert(TRANSACTIONS).values(transaction_row(transaction, place))
        )
        if rows := entry_rows(transaction):
            await self.connection.execute(insert(ENTRIES), rows)

    async def net(self, namespace: str, invoice_id: str) -> int:
        """What is owed on an invoice by the ledger; below zero it is the customer's."""
        return (await nets(self.connection, namespace, [invoice_id])).get(invoice_id, 0)

    async def credit_notes(self, namespace: str, invoice_id: str) -> Sequence[CreditNote]:
        """The credit notes of an invoice, the oldest first."""
        return await credit_notes_of(self.connection, namespace, invoice_id)

    async def add_credit_note(self, note: CreditNote) -> None:
        """Write a credit note.

        Raises:
            Raced: Its key was used before.
        """
        await self._insert(CREDIT_NOTES, credit_note_row(note))

    async def credit_note_of_key(self, namespace: str, key: str) -> CreditNote | None:
        """The credit note that was asked for under a key."""
        row = await self._by_key(CREDIT_NOTES, namespace, key)
        return None if row is None else credit_note_of(row)

    async def payment(self, namespace: str, payment_id: str) -> Payment | None:
        """A payment; lock its invoice before changing it."""
        wanted = select(PAYMENTS).where(*_of(PAYMENTS, namespace, payment_id))
        row = (await self.connection.execute(wanted)).one_or_none()
        return None if row is None else payment_of(row)

    async def known_payments(
        self, namespace: str, key: str | None, channel: str, transaction_id: str | None
    ) -> Sequence[Payment]:
        """The payments that were told of under a key, or as a provider's transaction."""
        found: list[Payment] = []
        if key is not None:
            row = await self._by_key(PAYMENTS, namespace, key)
            found += [] if row is None else [payment_of(row)]
        if transaction_id is not None:
            wanted = select(PAYMENTS).where(
                PAYMENTS.c.namespace == namespace,
                PAYMENTS.c.channel == channel,
                PAYMENTS.c.transaction_id == transaction_id,
            )
            row = (await self.connection.execute(wanted)).one_or_none()
            found += [] if row is None else [payment_of(row)]
        return found

    async def add_payment(self, payment: Payment) -> None:
        """Write a payment that is new.

        Raises:
            Raced: Its key or its transaction is known.
        """
        await self._insert(PAYMENTS, payment_row(payment))

    async def put_payment(self, payment: Payment) -> None:
        """Write a payment in the place of what it was."""
        await self.connection.execute(
            update(PAYMENTS)
            .where(*_of(PAYMENTS, payment.namespace, payment.id))
            .values(payment_row(payment))
        )

    async def add_refund(self, refund: Refund) -> None:
        """Write a refund.

        Raises:
            Raced: Its key was used before.
        """
        await self._insert(REFUNDS, refund_row(refund))

    async def refund_of_key(self, namespace: str, key: str) -> Refund | None:
        """The refund that was asked for under a key."""
        row = await self._by_key(REFUNDS, namespace, key)
        return None if row is None else refund_of(row)

    async def first_time(self, provider: str, webhook_id: str, at: float) -> bool:
        """Whether a webhook comes for the first time; from now on it does not."""
        columns = WEBHOOKS.c
        wanted = select(columns.id).where(columns.provider == provider, columns.id == webhook_id)
        if (await self.connection.execute(wanted)).one_or_none() is not None:
            return False
        row = {"provider": provider, "id": webhook_id, "received_at": at}
        await self._insert(WEBHOOKS, row)
        return True

    async def forget_webhooks(self, before: float) -> None:
        """Forget the ids of webhooks that came before, when no provider sends them again."""
        await self.connection.execute(delete(WEBHOOKS).where(WEBHOOKS.c.received_at < before))

    async def _insert(self, table: Table, row: dict[str, Any]) -> None:
        try:
            await self.connection.execute(insert(table).values(row))
        except IntegrityError as error:
            raise Raced(f"{table.name} has it already") from error

    async def _by_key(self, table: Table, namespace: str, key: str) -> Any:
        wanted = select(table).where(table.c.namespace == namespace, table.c.idempotency_key == key)
        return (await self.connection.execute(wanted)).one_or_none()

    async def _write_lines(self, invoice: Invoice) -> None:
        if rows := line_rows(invoice):
            await self.connection.execute(insert(LINES), rows)


async def with_lines(connection: AsyncConnection, row: Any) -> Invoice:
    """The invoice of a row with its lines."""
    wanted = (
        select(LINES)
        .where(LINES.c.namespace == row.namespace, LINES.c.invoice_id == row.id)
        .order_by(LINES.c.number)
    )
    return invoice_of(row, [line_of(one) for one in await connection.execute(wanted)])


async def latest_of(
    connection: AsyncConnection, namespace: str, agent_id: str, period_id: str, *, lock: bool
) -> Invoice | None:
    """The newest invoice of an agent and a period, without its lines."""
    wanted = (
        select(INVOICES)
        .where(
            INVOICES.c.namespace == namespace,
            INVOICES.c.agent_id == agent_id,
            INVOICES.c.period_id == period_id,
        )
        .order_by(INVOICES.c.sequence.desc())
        .limit(1)
    )
    row = (await connection.execute(wanted.with_for_update() if lock else wanted)).one_or_none()
    return None if row is None else invoice_of(row)


async def credit_notes_of(
    connection: AsyncConnection, namespace: str, invoice_id: str
) -> Sequence[CreditNote]:
    """The credit notes of an invoice, the oldest first."""
    wanted = (
        select(CREDIT_NOTES)
        .where(CREDIT_NOTES.c.namespace == namespace, CREDIT_NOTES.c.invoice_id == invoice_id)
        .order_by(CREDIT_NOTES.c.number)
    )
    return [credit_note_of(row) for row in await connection.execute(wanted)]


async def nets(
    connection: AsyncConnection, namespace: str, invoice_ids: Sequence[str]
) -> dict[str, int]:
    """What is owed on invoices by the ledger, by their ids; below zero it is the customer's."""
    accounts = (Account.RECEIVABLE.value, Account.CUSTOMER_CREDIT.value)
    wanted = (
        select(ENTRIES.c.invoice_id, func.sum(ENTRIES.c.amount).label("net"))
        .where(
            ENTRIES.c.namespace == namespace,
            ENTRIES.c.invoice_id.in_(invoice_ids),
            ENTRIES.c.account.in_(accounts),
        )
        .group_by(ENTRIES.c.invoice_id)
    )
    return {row.invoice_id: int(row.net) for row in await connection.execute(wanted)}


def _of(table: Table, namespace: str, key: str) -> tuple[Any, Any]:
    return table.c.namespace == namespace, table.c.id == key
