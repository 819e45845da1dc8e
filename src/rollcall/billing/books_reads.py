# SPDX-License-Identifier: Apache-2.0
"""Looking at invoices, payments and the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Select, Table, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from rollcall.billing.books_checkup import Figures, figures
from rollcall.billing.books_errors import (
    BooksDamaged,
    InvoiceNotFound,
    LineNotFound,
    PaymentNotFound,
)
from rollcall.billing.books_repository import credit_notes_of, with_lines
from rollcall.billing.books_rows import (
    account_of,
    entry_of,
    invoice_of,
    line_of,
    payment_of,
    transaction_of,
)
from rollcall.billing.books_tables import ENTRIES, INVOICES, LINES, PAYMENTS, TRANSACTIONS
from rollcall.billing.credit_notes import CreditNote
from rollcall.billing.currencies import major
from rollcall.billing.invoice_lines import InvoiceLine
from rollcall.billing.invoice_usages import LineUsage, of_line
from rollcall.billing.invoices import Invoice, InvoiceStatus
from rollcall.billing.ledger import Act, Entry, Transaction
from rollcall.billing.ledger_accounts import Account
from rollcall.billing.payments import Payment
from rollcall.kernel.cursors import Place
from rollcall.sql import Sql


class Amounts(NamedTuple):
    """How an invoice stands by the ledger.

    Args:
        paid: What was paid, less what was paid back.
        credited: What credit notes took back.
        due: What is owed.
        credit: What was paid beyond that.
    """

    paid: Decimal
    credited: Decimal
    due: Decimal
    credit: Decimal


class Shown(NamedTuple):
    """An invoice, and how it stands."""

    invoice: Invoice
    amounts: Amounts


class Balance(NamedTuple):
    """What an account comes to in a currency, debits positive."""

    account: Account
    currency: str
    debits: Decimal
    credits: Decimal
    balance: Decimal


class BooksReads:
    """Reads of the books, each of one moment.

    Args:
        database: Where they are.
    """

    def __init__(self, database: Sql) -> None:
        self._database = database

    async def invoice(self, namespace: str, invoice_id: str) -> Shown:
        """An invoice with its lines.

        Raises:
            InvoiceNotFound: There is none.
        """
        async with self._database.reading() as connection:
            invoice = await _invoice(connection, namespace, invoice_id)
            return (await _shown(connection, namespace, [invoice]))[0]

    async def invoices(
        self,
        namespace: str,
        *,
        status: InvoiceStatus | None = None,
        agent_id: str | None = None,
        number: str | None = None,
        limit: int,
        after: Place | None = None,
    ) -> tuple[Sequence[Shown], Place | None]:
        """Invoices, the newest first, and where the next page begins."""
        columns = INVOICES.c
        wanted = select(INVOICES).where(columns.namespace == namespace)
        if status is not None:
            wanted = wanted.where(columns.status == status.value)
        if agent_id is not None:
            wanted = wanted.where(columns.agent_id == agent_id)
        if number is not None:
            wanted = wanted.where(columns.number == number)
        async with self._database.reading() as connection:
            rows = await _page(connection, wanted, INVOICES, columns.generated_at, limit, after)
            page = rows[:limit]
            lines = await _lines_of(connection, namespace, [row.id for row in page])
            found = [invoice_of(row, lines.get(row.id, ())) for row in page]
            shown = await _shown(connection, namespace, found)
        more = len(rows) > limit
        return shown, Place(page[-1].generated_at, page[-1].id) if more else None

    async def line_usages(
        self, namespace: str, invoice_id: str, number: int, *, limit: int, after: str = ""
    ) -> tuple[InvoiceLine, Sequence[LineUsage], str | None]:
        """A line, the usages that it adds up by their ids, and where the next page begins.

        Raises:
            InvoiceNotFound: There is no such invoice.
            LineNotFound: It has no such line.
        """
        async with self._database.reading() as connection:
            invoice = await _invoice(connection, namespace, invoice_id)
            line = next((one for one in invoice.lines if one.number == number), None)
            if line is None:
                raise LineNotFound(invoice_id, number)
            found = await of_line(connection, invoice, line, limit=limit + 1, after=after)
        page = found[:limit]
        return line, page, page[-1].usage_id if len(found) > limit else None

    async def credit_notes(self, namespace: str, invoice_id: str) -> Sequence[CreditNote]:
        """The credit notes of an invoice, the oldest first.

        Raises:
            InvoiceNotFound: There is no such invoice.
        """
        async with self._database.reading() as connection:
            await _invoice(connection, namespace, invoice_id)
            return await credit_notes_of(connection, namespace, invoice_id)

    async def payment(self, namespace: str, payment_id: str) -> Payment:
        """A payment.

        Raises:
            PaymentNotFound: There is none.
        """
        wanted = select(PAYMENTS).where(
            PAYMENTS.c.namespace == namespace, PAYMENTS.c.id == payment_id
        )
        async with self._database.reading() as connection:
            row = (await connection.execute(wanted)).one_or_none()
        if row is None:
            raise PaymentNotFound(payment_id)
        return payment_of(row)

    async def payments(
        self,
        namespace: str,
        *,
        invoice_id: str | None = None,
        limit: int,
        after: Place | None = None,
    ) -> tuple[Sequence[Payment], Place | None]:
        """Payments, the newest first, and where the next page begins."""
        columns = PAYMENTS.c
        wanted = select(PAYMENTS).where(columns.namespace == namespace)
        if invoice_id is not None:
            wanted = wanted.where(columns.invoice_id == invoice_id)
        async with self._database.reading() as connection:
            rows = await _page(connection, wanted, PAYMENTS, columns.created_at, limit, after)
        page = rows[:limit]
        more = len(rows) > limit
        return [payment_of(row) for row in page], (
            Place(page[-1].created_at, page[-1].id) if more else None
        )

    async def balances(self, namespace: str) -> Sequence[Balance]:
        """What each account comes to; in each currency the balances sum to zero.

        Raises:
            BooksDamaged: Somebody has changed an entry.
        """
        columns = ENTRIES.c
        debits = func.sum(columns.amount).filter(columns.amount > 0)
        credits_ = func.sum(columns.amount).filter(columns.amount < 0)
        wanted = (
            select(columns.account, columns.currency, debits.label("d"), credits_.label("c"))
            .where(columns.namespace == namespace)
            .group_by(columns.currency, columns.account)
            .order_by(columns.currency, columns.account)
        )
        async with self._database.reading() as connection:
            rows = (await connection.execute(wanted)).all()
        return [
            Balance(
                account=account_of(row.account, row.currency, "an entry"),
                currency=row.currency,
                debits=major(int(row.d or 0), row.currency),
                credits=major(-int(row.c or 0), row.currency),
                balance=major(int(row.d or 0) + int(row.c or 0), row.currency),
            )
            for row in rows
        ]

    async def transactions(
        self,
        namespace: str,
        *,
        invoice_id: str | None = None,
        limit: int,
        after: Place | None = None,
    ) -> tuple[Sequence[Transaction], Place | None]:
        """What was written into the ledger, the newest first, and where the next page begins.

        Raises:
            BooksDamaged: Somebody has changed one of them.
        """
        columns = TRANSACTIONS.c
        wanted = select(TRANSACTIONS).where(columns.namespace == namespace)
        if invoice_id is not None:
            wanted = wanted.where(columns.invoice_id == invoice_id)
        async with self._database.reading() as connection:
            rows = await _page(connection, wanted, TRANSACTIONS, columns.at, limit, after)
            page = rows[:limit]
            entries = await _entries(connection, namespace, [row.id for row in page])
        more = len(rows) > limit
        return [transaction_of(row, entries.get(row.id, ())) for row in page], (
            Place(page[-1].at, page[-1].id) if more else None
        )

    async def figures(self) -> Figures:
        """How the books of all namespaces are."""
        async with self._database.reading() as connection:
            return await connection.run_sync(figures)

    async def outstanding(self, namespace: str) -> Decimal:
        """What is owed on all invoices together, in the account's currency."""
        columns = ENTRIES.c
        wanted = (
            select(columns.currency, func.sum(columns.amount).label("units"))
            .where(columns.namespace == namespace, columns.account == Account.RECEIVABLE.value)
            .group_by(columns.currency)
        )
        async with self._database.reading() as connection:
            rows = (await connection.execute(wanted)).all()
        # An account's currency does not change once anything was charged.
        return sum((major(int(row.units), row.currency) for row in rows), Decimal(0))


async def _invoice(connection: AsyncConnection, namespace: str, invoice_id: str) -> Invoice:
    wanted = select(INVOICES).where(INVOICES.c.namespace == namespace, INVOICES.c.id == invoice_id)
    row = (await connection.execute(wanted)).one_or_none()
    if row is None:
        raise InvoiceNotFound(invoice_id)
    return await with_lines(connection, row)


async def _page(
    connection: AsyncConnection,
    wanted: Select[Any],
    table: Table,
    at: Any,
    limit: int,
    after: Place | None,
) -> Sequence[Any]:
    """One row more than the page has, the newest first."""
    if after is not None:
        wanted = wanted.where(or_(at < after.at, tuple_(at, table.c.id) < (after.at, after.id)))
    ordered = wanted.order_by(at.desc(), table.c.id.desc()).limit(limit + 1)
    return (await connection.execute(ordered)).all()


async def _lines_of(
    connection: AsyncConnection, namespace: str, ids: Sequence[str]
) -> dict[str, list[InvoiceLine]]:
    wanted = (
        select(LINES)
        .where(LINES.c.namespace == namespace, LINES.c.invoice_id.in_(ids))
        .order_by(LINES.c.invoice_id, LINES.c.number)
    )
    found: dict[str, list[InvoiceLine]] = {}
    for row in await connection.execute(wanted):
        found.setdefault(row.invoice_id, []).append(line_of(row))
    return found


async def _entries(
    connection: AsyncConnection, namespace: str, ids: Sequence[str]
) -> dict[str, list[Entry]]:
    wanted = (
        select(ENTRIES)
        .where(ENTRIES.c.namespace == namespace, ENTRIES.c.transaction_id.in_(ids))
        .order_by(ENTRIES.c.transaction_id, ENTRIES.c.place)
    )
    found: dict[str, list[Entry]] = {}
    for row in await connection.execute(wanted):
        found.setdefault(row.transaction_id, []).append(entry_of(row))
    return found


async def _shown(
    connection: AsyncConnection, namespace: str, invoices: Sequence[Invoice]
) -> list[Shown]:
    """Invoices with how they stand, all of them by one query."""
    wanted = (
        select(
            ENTRIES.c.invoice_id,
            ENTRIES.c.account,
            ENTRIES.c.currency,
            TRANSACTIONS.c.act,
            func.sum(ENTRIES.c.amount).label("units"),
        )
        .join(
            TRANSACTIONS,
            (TRANSACTIONS.c.namespace == ENTRIES.c.namespace)
            & (TRANSACTIONS.c.id == ENTRIES.c.transaction_id),
        )
        .where(
            ENTRIES.c.namespace == namespace,
            ENTRIES.c.invoice_id.in_([one.id for one in invoices]),
        )
        .group_by(ENTRIES.c.invoice_id, ENTRIES.c.account, ENTRIES.c.currency, TRANSACTIONS.c.act)
    )
    sums: dict[str, list[tuple[Account, Act, int]]] = {}
    for row in await connection.execute(wanted):
        where = f"invoice {row.invoice_id}"
        account = account_of(row.account, row.currency, where)
        part = account, _act(row.act, where), int(row.units)
        sums.setdefault(row.invoice_id, []).append(part)
    return [Shown(one, _amounts(one, sums.get(one.id, ()))) for one in invoices]


def _act(word: str, where: str) -> Act:
    try:
        return Act(word)
    except ValueError:
        raise BooksDamaged(where, f"has a transaction about {word!r}") from None


def _amounts(invoice: Invoice, sums: Sequence[tuple[Account, Act, int]]) -> Amounts:
    def total(accounts: Sequence[Account], act: Act | None = None) -> Decimal:
        units = sum(part for of, by, part in sums if of in accounts and act in (None, by))
        return major(units, invoice.currency)

    return Amounts(
        paid=total([Account.CASH]),
        credited=total([Account.REVENUE, Account.TAX_PAYABLE], Act.CREDIT_NOTE),
        due=total([Account.RECEIVABLE]),
        credit=-total([Account.CUSTOMER_CREDIT]),
    )
